#include "faults.h"
#include "stream/hash.h"
#include "unit.h"

#define ABC   "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void expect_digest(struct digest digest, const char *wanted)
{
	char text[DIGEST_TEXT];

	assert_string_equal(digest_text(&digest, text), wanted);
}

static void hashes_and_starts_again(void **state)
{
	AUTO(hash) struct hash *hash = hash_new();

	expect_digest(hash_finish(hash), EMPTY);
	hash_update(hash, "a", 1);
	hash_update(hash, "", 0);
	hash_update(hash, "bc", 2);
	expect_digest(hash_finish(hash), ABC);
	hash_update(hash, "abc", 3);
	expect_digest(hash_finish(hash), ABC);
	hash_free(NULL);
}

static void hashes_what_passes(void **state)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	struct hash_result written = { 0 }, read = { 0 };
	struct writer *writer = hash_writer(writer_to_strbuf(&text), &written);
	struct reader *reader = hash_reader(fault_reader("abc", 3, 1, SIZE_MAX, NULL), &read);

	assert_ok(stream_copy(reader, writer, NULL));
	assert_false(digest_known(&written.digest)); /* not before close */
	assert_ok(writer_close(writer));
	assert_string_equal(strbuf_text(&text), "abc");
	expect_digest(written.digest, ABC);
	expect_digest(read.digest, ABC);
	assert_int_equal(written.size, 3);
	assert_int_equal(read.size, 3);
	/* The end stays the end, and does not hash anew. */
	assert_ok(reader_drain(reader));
	expect_digest(read.digest, ABC);
	reader_free(reader);
	reader = hash_reader(reader_from_bytes("", 0), NULL);
	assert_ok(reader_drain(reader));
	reader_free(reader);
}

static void says_nothing_of_a_broken_stream(void **state)
{
	struct hash_result result = { .size = 99 };
	struct reader *reader = hash_reader(fault_reader("abc", 3, 1, 2, NULL), &result);

	assert_error(reader_drain(reader), ERR_SYS, "read at byte 2");
	assert_int_equal(result.size, 99);
	reader_free(reader);
}

static void verifies(void **state)
{
	static const struct {
		const char *why, *bytes, *wanted;
		uint64_t size;
		const char *error; /* NULL: is fine */
	} cases[] = {
		{ "right", "abc", ABC, 3, NULL },
		{ "right, size not known", "abc", ABC, UINT64_MAX, NULL },
		{ "empty", "", EMPTY, 0, NULL },
		{ "other bytes", "abd", ABC, 3, "content of '" ABC "' hashes to 'sha256:a52d159f" },
		{ "other bytes, size not known", "abd", ABC, UINT64_MAX, "hashes to" },
		{ "too short", "ab", ABC, 3, "has 2 bytes and should have 3" },
		{ "nothing", "", ABC, 3, "has 0 bytes and should have 3" },
		{ "too long", "abcd", ABC, 3, "longer than the 3 bytes" },
		{ "size wrong, digest right", "abc", ABC, 4, "has 3 bytes and should have 4" },
		{ "size wrong, digest right", "abc", ABC, 2, "longer than the 2 bytes" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t step = 1; step < 5; step++) {
			struct digest wanted;
			struct reader *reader;

			note("%s, %zu at a time", cases[i].why, step);
			assert_ok(digest_parse(str_of(cases[i].wanted), &wanted));
			reader = fault_reader(cases[i].bytes, strlen(cases[i].bytes), step,
					SIZE_MAX, NULL);
			reader = verify_reader(reader, &wanted, cases[i].size);
			if (cases[i].error)
				assert_error(reader_drain(reader), ERR_DIGEST, cases[i].error);
			else
				assert_ok(reader_drain(reader));
			reader_free(reader);
		}
	}
}

UNIT_TESTS(hashes_and_starts_again, hashes_what_passes, says_nothing_of_a_broken_stream, verifies)
