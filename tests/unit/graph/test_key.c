#include "graph/key.h"
#include "unit.h"

static struct digest digest_of_fields(const char *a, const char *b)
{
	struct key *key = key_new("test");
	AUTO_FREE char *record = NULL;

	key_text(key, "a", a);
	key_text(key, "b", b);
	struct digest digest = key_finish(key, &record);
	key_free(key);
	return digest;
}

/* Fields are framed: moving a byte from one to the next is another key. */
static void frames_fields(void **state)
{
	static const char *const pairs[][2] = { { "ab", "c" }, { "a", "bc" }, { "abc", "" },
		{ "", "abc" }, { "abc", NULL }, { NULL, "abc" } };

	for (size_t i = 0; i < COUNT(pairs); i++)
		for (size_t k = 0; k < COUNT(pairs); k++) {
			struct digest one = digest_of_fields(pairs[i][0], pairs[i][1]);
			struct digest two = digest_of_fields(pairs[k][0], pairs[k][1]);

			assert_int_equal(digest_equal(&one, &two), i == k);
		}
}

static void lists_are_not_their_joins(void **state)
{
	const char *ab[] = { "a", "b" }, *joined[] = { "ab" }, *empty[] = { "", "ab" };
	struct texts lists[] = { { ab, 2 }, { joined, 1 }, { empty, 2 }, { NULL, 0 } };
	struct digest digests[4];

	for (size_t i = 0; i < COUNT(lists); i++) {
		struct key *key = key_new("test");

		key_texts(key, "list", &lists[i]);
		digests[i] = key_finish(key, NULL);
		key_free(key);
	}
	for (size_t i = 0; i < COUNT(lists); i++)
		for (size_t k = 0; k < i; k++)
			assert_false(digest_equal(&digests[i], &digests[k]));
}

static void records_are_readable(void **state)
{
	struct key *key = key_new("run");
	AUTO_FREE char *record = NULL;
	const char *argv[] = { "/bin/sh", "-c", "\xff" };
	struct texts texts = { argv, 2 };

	key_texts(key, "argv", &texts);
	key_text(key, "bytes", argv[2]); /* not UTF-8: shown by its digest */
	key_number(key, "n", 7);
	(void)key_finish(key, &record);
	key_free(key);
	assert_non_null(strstr(record, "\"kind\":\"run\""));
	assert_non_null(strstr(record, "\"argv\":[\"/bin/sh\",\"-c\"]"));
	assert_non_null(strstr(record, "\"bytes\":\"sha256:"));
	assert_non_null(strstr(record, "\"n\":7"));
}

UNIT_TESTS(frames_fields, lists_are_not_their_joins, records_are_readable)
