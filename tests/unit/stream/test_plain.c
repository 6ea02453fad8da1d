#include "faults.h"
#include "stream/plain.h"
#include "unit.h"

enum { BYTES = 3 * 1024 * 1024, LIMIT = 64 * 1024 * 1024 };

/* What the check was told, and what it is to answer. */
struct told {
	unsigned times;
	struct hash_result plain;
	enum codec_kind kind;
	bool refuses;
};

static struct error *take(void *user, const struct hash_result *plain, enum codec_kind kind)
{
	struct told *told = user;

	told->times++;
	told->plain = *plain;
	told->kind = kind;
	return told->refuses ? error_new(ERR_DIGEST, "not what was said") : NULL;
}

static struct strbuf packed(const char *bytes, size_t n, enum compression compression)
{
	struct strbuf out = { 0 };
	struct writer *writer = NULL;

	assert_ok(codec_writer(writer_to_strbuf(&out), compression, -1, NULL, &writer));
	assert_ok(writer_write(writer, bytes, n));
	assert_ok(writer_close(writer));
	return out;
}

static void tells_what_it_holds(void **state)
{
	static const struct {
		enum compression compression;
		enum codec_kind kind;
	} cases[] = { { COMPRESSION_GZIP, CODEC_GZIP }, { COMPRESSION_ZSTD, CODEC_ZSTD },
		{ COMPRESSION_NONE, CODEC_PLAIN } };
	AUTO_FREE char *bytes = mixed_bytes(BYTES);

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf blob = packed(bytes, BYTES, cases[i].compression);
		struct told told = { 0 };
		AUTO(reader)
		struct reader *reader =
				plain_reader(fault_reader(blob.p, blob.n, 5000, SIZE_MAX, NULL),
						blob.n, LIMIT, take, &told);
		AUTO_FREE char *got = NULL;
		size_t n = 0;

		note("compression %d", cases[i].compression);
		assert_ok(reader_read_all(reader, LIMIT, &got, &n));
		assert_int_equal(n, blob.n);
		assert_memory_equal(got, blob.p, n);
		assert_int_equal(told.times, 1);
		assert_int_equal(told.kind, cases[i].kind);
		assert_int_equal(told.plain.size, BYTES);
		struct digest wanted = digest_of(bytes, BYTES);
		assert_true(digest_equal(&told.plain.digest, &wanted));
	}
}

/* An upload of a known size never asks for the end. */
static void the_last_byte_waits_for_the_answer(void **state)
{
	AUTO_FREE char *bytes = mixed_bytes(1000);
	AUTO(strbuf) struct strbuf blob = packed(bytes, 1000, COMPRESSION_GZIP);
	struct told told = { .refuses = true };
	AUTO(reader)
	struct reader *reader =
			plain_reader(reader_from_bytes(blob.p, blob.n), blob.n, LIMIT, take, &told);
	AUTO_FREE char *got = xmalloc(blob.n);
	size_t n = 0;

	assert_ok(reader_read(reader, got, blob.n - 1, &n));
	assert_int_equal(told.times, 0);
	assert_error(reader_read(reader, got, 1, &n), ERR_DIGEST, "not what was said");
	assert_int_equal(told.times, 1);
}

static void fails_with_what_is_wrong(void **state)
{
	AUTO_FREE char *bytes = mixed_bytes(BYTES);
	AUTO(strbuf) struct strbuf blob = packed(bytes, BYTES, COMPRESSION_GZIP);
	struct told told = { 0 };
	struct reader *reader = NULL;

	note("cut: what there is does not decompress");
	reader = plain_reader(
			reader_from_bytes(blob.p, blob.n / 2), blob.n / 2, LIMIT, take, &told);
	assert_error(reader_drain(reader), ERR_INVALID, "");
	reader_free(reader);
	note("more comes out than is allowed");
	reader = plain_reader(reader_from_bytes(blob.p, blob.n), blob.n, BYTES - 1, take, &told);
	assert_error(reader_drain(reader), ERR_LIMIT, "a layer");
	reader_free(reader);
	note("broken below");
	reader = plain_reader(
			fault_reader(blob.p, blob.n, 0, 700, NULL), blob.n, LIMIT, take, &told);
	assert_error(reader_drain(reader), ERR_SYS, "read at byte 700");
	reader_free(reader);
	note("given up");
	reader = plain_reader(reader_from_bytes(blob.p, blob.n), blob.n, LIMIT, take, &told);
	reader_free(reader);
	assert_int_equal(told.times, 0);
}

UNIT_TESTS(tells_what_it_holds, the_last_byte_waits_for_the_answer, fails_with_what_is_wrong)
