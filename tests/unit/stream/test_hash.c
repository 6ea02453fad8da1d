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

/* Any mixture of lengths, from any position in a block: what OpenSSL alone says. */
static void two_at_once_are_as_two(void **state)
{
	enum { BYTES = 1 << 16, PARTS = 400 };
	AUTO(hash) struct hash *a = hash_new(), *b = hash_new();
	AUTO_FREE char *bytes = xmalloc(BYTES);
	AUTO_FREE char *all = xmalloc((size_t)PARTS * 600);
	uint32_t random = 1;

	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = (char)((random = random * 1103515245 + 12345) >> 16);
	for (size_t before = 0; before <= 128; before += before < 8 ? 1 : 8) {
		size_t n = before;

		memcpy(all, bytes, before);
		hash_update(a, bytes, before);
		for (size_t i = 0; i < PARTS; i++) {
			size_t some = (random = random * 1103515245 + 12345) >> 16;

			some = i % 3 ? some % 8 * 64 : some % 600;
			hash_update_both(a, b, bytes + i, some);
			memcpy(all + n, bytes + i, some);
			n += some;
			if (n > (size_t)(PARTS - 1) * 600 - 128)
				break;
		}
		struct digest whole = digest_of(all, n), rest = digest_of(all + before, n - before);
		struct digest is_whole = hash_finish(a), is_rest = hash_finish(b);

		assert_true(digest_equal(&whole, &is_whole));
		assert_true(digest_equal(&rest, &is_rest));
	}
}

/* The count of bits is in two halves, and goes from one into the other. */
static void two_at_once_count_far(void **state)
{
	enum { BYTES = 1 << 20, TIMES = 520 }; /* more than 2^32 bits */
	AUTO(hash) struct hash *a = hash_new(), *b = hash_new(), *alone = hash_new();
	AUTO_FREE char *zeros = xcalloc(1, BYTES);

	for (int i = 0; i < TIMES; i++) {
		hash_update_both(a, b, zeros, BYTES);
		hash_update(alone, zeros, BYTES);
	}
	struct digest wanted = hash_finish(alone), first = hash_finish(a), second = hash_finish(b);

	assert_true(digest_equal(&wanted, &first));
	assert_true(digest_equal(&wanted, &second));
}

static void hashes_also_what_is_written(void **state)
{
	AUTO(hash) struct hash *also = hash_new();
	AUTO(strbuf) struct strbuf text = { 0 }, plain = { 0 };
	struct hash_result written = { 0 };
	struct writer *writer = hash_writer(writer_to_strbuf(&text), &written);
	AUTO(writer) struct writer *other = writer_to_strbuf(&plain);

	assert_ok(writer_write(writer, "a", 1));
	assert_ok(hash_write_both(writer, also, "abc", 3));
	assert_ok(writer_write(writer, "c", 1));
	assert_ok(writer_close(writer));
	assert_string_equal(strbuf_text(&text), "aabcc");
	expect_digest(hash_finish(also), ABC);
	struct digest all = digest_of("aabcc", 5);
	assert_true(digest_equal(&all, &written.digest));
	assert_ok(hash_write_both(other, also, "abc", 3));
	assert_string_equal(strbuf_text(&plain), "abc");
	expect_digest(hash_finish(also), ABC);
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

UNIT_TESTS(hashes_and_starts_again, two_at_once_are_as_two, two_at_once_count_far,
		hashes_also_what_is_written, hashes_what_passes, says_nothing_of_a_broken_stream,
		verifies)
