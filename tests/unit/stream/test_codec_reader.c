#include "faults.h"
#include "packed_lines.h"
#include "stream/codec.h"
#include "unit.h"

#include <zlib.h>

#define TEXT "a few bytes, a few bytes, a few more bytes\n"

static char *lines(void)
{
	char *bytes = xmalloc(LINES_BYTES);

	for (size_t i = 0; i < LINES_BYTES; i++)
		bytes[i] = "another line of the same text\n"[i % 30];
	return bytes;
}

static struct strbuf packed(enum compression compression, const char *bytes, size_t n)
{
	struct strbuf out = { 0 };
	struct writer *writer = NULL;

	assert_ok(codec_writer(writer_to_strbuf(&out), compression, -1, NULL, &writer));
	assert_ok(writer_write(writer, bytes, n));
	assert_ok(writer_close(writer));
	return out;
}

/* Open and read everything, in whatever pieces below gives. */
static FALLIBLE expand(struct reader *below, size_t limit, enum codec_kind *ret_kind, char **ret,
		size_t *ret_n)
{
	AUTO(reader) struct reader *reader = NULL;

	TRY(codec_reader(below, &reader, ret_kind));
	return reader_read_all(reader, limit, ret, ret_n);
}

static void expect_expands(const void *bytes, size_t n, size_t step, const char *wanted,
		size_t wanted_n, enum codec_kind wanted_kind)
{
	AUTO_FREE char *got = NULL;
	enum codec_kind kind = 0;
	unsigned freed = 0;
	size_t got_n = 0;

	assert_ok(expand(fault_reader(bytes, n, step, SIZE_MAX, &freed), wanted_n, &kind, &got,
			&got_n));
	assert_int_equal(kind, wanted_kind);
	assert_int_equal(got_n, wanted_n);
	assert_memory_equal(got, wanted, wanted_n);
	assert_int_equal(freed, 1);
}

static void expect_refuses(
		const void *bytes, size_t n, size_t step, enum error_kind kind, const char *part)
{
	AUTO_FREE char *got = NULL;
	unsigned freed = 0;
	size_t got_n = 0;

	assert_error(expand(fault_reader(bytes, n, step, SIZE_MAX, &freed), SIZE_MAX, NULL, &got,
				     &got_n),
			kind, part);
	assert_int_equal(freed, 1);
}

static void passes_what_is_not_compressed(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} cases[] = {
		{ "", 0 },
		{ "a", 1 },
		{ "hello, world", 12 },
		{ "\x1f", 1 },
		{ "\x1f\x8b", 2 },
		{ "\x1f\x8b\x07zzzzzzz", 10 },
		{ "\x28\xb5\x2f", 3 },
		{ "BZh", 3 },
		{ "BZh91", 5 },
		{ "BZhi1AY", 7 },
		{ "BZh91 is my sign", 3 },
		{ "\xfd"
		  "7zXZ",
				5 },
		{ "\x60\x2a\x4d\x18zz", 6 },
		{ "\0\0\0\0\0\0\0\0\0\0", 10 },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t step = 1; step < 8; step++)
			expect_expands(cases[i].bytes, cases[i].n, step, cases[i].bytes, cases[i].n,
					CODEC_PLAIN);
	AUTO_FREE char *much = mixed_bytes(400 * 1000);
	expect_expands(much, 400 * 1000, 0, much, 400 * 1000, CODEC_PLAIN);
	expect_expands(much, 400 * 1000, 999, much, 400 * 1000, CODEC_PLAIN);
}

static void expands_each_kind(void **state)
{
	AUTO_FREE char *text = lines();
	AUTO(strbuf) struct strbuf gzip = packed(COMPRESSION_GZIP, text, LINES_BYTES);
	AUTO(strbuf) struct strbuf zstd = packed(COMPRESSION_ZSTD, text, LINES_BYTES);
	static const size_t steps[] = { 0, 1, 2, 3, 7, 100, 4096 };

	for (size_t i = 0; i < COUNT(steps); i++) {
		expect_expands(gzip.p, gzip.n, steps[i], text, LINES_BYTES, CODEC_GZIP);
		expect_expands(zstd.p, zstd.n, steps[i], text, LINES_BYTES, CODEC_ZSTD);
		expect_expands(line_xz, sizeof(line_xz), steps[i], text, LINES_BYTES, CODEC_XZ);
		expect_expands(line_bz2, sizeof(line_bz2), steps[i], text, LINES_BYTES,
				CODEC_BZIP2);
	}
}

/* Small output buffers are no different from large ones. */
static void reads_in_small_pieces(void **state)
{
	AUTO_FREE char *text = mixed_bytes(100 * 1000);

	for (int k = 0; k < 2; k++) {
		AUTO(strbuf)
		struct strbuf bytes =
				packed(k ? COMPRESSION_ZSTD : COMPRESSION_GZIP, text, 100 * 1000);

		for (size_t piece = 1; piece < 400; piece = piece * 3 + 1) {
			AUTO(reader) struct reader *reader = NULL;
			AUTO_FREE char *got = xmalloc(100 * 1000);
			size_t at = 0;

			assert_ok(codec_reader(reader_from_bytes(bytes.p, bytes.n), &reader, NULL));
			while (at < 100 * 1000) {
				size_t left = 100 * 1000 - at, n = left < piece ? left : piece;

				assert_ok(reader_read_full(reader, got + at, n));
				at += n;
			}
			assert_memory_equal(got, text, 100 * 1000);
			assert_ok(reader_drain(reader));
		}
	}
}

/* gzip headers with everything RFC 1952 allows, made by zlib. */
static void reads_full_gzip_headers(void **state)
{
	uint8_t out[1000], extra[] = "some extra field", name[] = "name", comment[] = "remark";

	for (unsigned which = 0; which < 16; which++) {
		gz_header header = { .os = 3, .time = 12345 };
		z_stream stream = { .next_out = out, .avail_out = sizeof(out) };

		header.extra = which & 1 ? extra : NULL;
		header.extra_len = sizeof(extra);
		header.name = which & 2 ? name : NULL;
		header.comment = which & 4 ? comment : NULL;
		header.hcrc = which & 8 ? 1 : 0;
		assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, 0), Z_OK);
		assert_int_equal(deflateSetHeader(&stream, &header), Z_OK);
		stream.next_in = (Bytef *)(uintptr_t)TEXT;
		stream.avail_in = sizeof(TEXT) - 1;
		assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
		for (size_t step = 0; step < 9; step++)
			expect_expands(out, stream.total_out, step, TEXT, sizeof(TEXT) - 1,
					CODEC_GZIP);
		for (size_t n = 3; n < stream.total_out; n++)
			expect_refuses(out, n, 0, ERR_INVALID, "ends too early");
		assert_int_equal(deflateEnd(&stream), Z_OK);
	}
}

static void checks_gzip_headers(void **state)
{
	AUTO(strbuf) struct strbuf gzip = packed(COMPRESSION_GZIP, TEXT, sizeof(TEXT) - 1);
	AUTO(strbuf) struct strbuf two = { 0 };

	for (int flag = 0x20; flag <= 0x80; flag *= 2) {
		gzip.p[3] = (char)flag;
		expect_refuses(gzip.p, gzip.n, 0, ERR_INVALID, "unknown form");
	}
	gzip.p[3] = 2; /* a header checksum that is none */
	expect_refuses(gzip.p, gzip.n, 0, ERR_INVALID, "does not match its checksum");
	gzip.p[3] = 0;
	strbuf_add_str(&two, strbuf_str(&gzip));
	strbuf_add_str(&two, strbuf_str(&gzip));
	two.p[gzip.n + 2] = 7; /* a second member of another method */
	expect_refuses(two.p, two.n, 0, ERR_INVALID, "unknown form");
}

static void joins_members(void **state)
{
	static const enum compression kinds[] = { COMPRESSION_GZIP, COMPRESSION_ZSTD };
	static const enum codec_kind found[] = { CODEC_GZIP, CODEC_ZSTD };
	AUTO_FREE char *text = mixed_bytes(300 * 1000);

	for (size_t k = 0; k < COUNT(kinds); k++) {
		AUTO(strbuf) struct strbuf all = { 0 }, wanted = { 0 };

		for (size_t i = 0; i < 40; i++) {
			/* Empty ones, small ones, large ones. */
			size_t n = i % 3 == 0 ? 0 : i % 3 == 1 ? i : i * 500;
			AUTO(strbuf) struct strbuf one = packed(kinds[k], text, n);

			strbuf_add_str(&all, strbuf_str(&one));
			strbuf_add_bytes(&wanted, text, n);
		}
		for (size_t step = 0; step < 30; step = step * 2 + 1)
			expect_expands(all.p, all.n, step, wanted.p, wanted.n, found[k]);
	}
	AUTO(strbuf) struct strbuf two = { 0 };
	AUTO(strbuf) struct strbuf twice = { 0 };
	AUTO_FREE char *more = lines();
	strbuf_add_bytes(&twice, more, LINES_BYTES);
	strbuf_add_bytes(&twice, more, LINES_BYTES);
	strbuf_add_bytes(&two, line_bz2, sizeof(line_bz2));
	strbuf_add_bytes(&two, line_bz2, sizeof(line_bz2));
	expect_expands(two.p, two.n, 5, twice.p, twice.n, CODEC_BZIP2);
	strbuf_clear(&two);
	strbuf_add_bytes(&two, line_xz, sizeof(line_xz));
	strbuf_add_bytes(&two, line_xz, sizeof(line_xz));
	expect_expands(two.p, two.n, 5, twice.p, twice.n, CODEC_XZ);
}

static void skips_zstd_extras(void **state)
{
	AUTO(strbuf) struct strbuf all = { 0 };
	AUTO(strbuf) struct strbuf one = packed(COMPRESSION_ZSTD, TEXT, sizeof(TEXT) - 1);

	strbuf_add_bytes(&all, "\x5e\x2a\x4d\x18\x03\0\0\0abc", 11);
	strbuf_add_str(&all, strbuf_str(&one));
	strbuf_add_bytes(&all, "\x50\x2a\x4d\x18\0\0\0\0", 8);
	for (size_t step = 0; step < 9; step++)
		expect_expands(all.p, all.n, step, TEXT, sizeof(TEXT) - 1, CODEC_ZSTD);
}

static void takes_padding_and_no_garbage(void **state)
{
	AUTO(strbuf) struct strbuf gzip = packed(COMPRESSION_GZIP, TEXT, sizeof(TEXT) - 1);
	AUTO(strbuf) struct strbuf zstd = packed(COMPRESSION_ZSTD, TEXT, sizeof(TEXT) - 1);
	AUTO(strbuf) struct strbuf xz = { 0 }, bzip2 = { 0 };
	size_t n = gzip.n;
	AUTO_FREE char *zeros = xcalloc(1, 200 * 1000);

	strbuf_add_bytes(&gzip, zeros, 200 * 1000);
	for (size_t pad = 1; pad < 200 * 1000; pad = pad * 5 + 1)
		expect_expands(gzip.p, n + pad, 0, TEXT, sizeof(TEXT) - 1, CODEC_GZIP);
	gzip.p[n + 150 * 1000] = 1;
	expect_refuses(gzip.p, gzip.n, 0, ERR_INVALID, "garbage behind the gzip data");
	gzip.p[n] = 'x';
	expect_refuses(gzip.p, n + 1, 0, ERR_INVALID, "garbage behind the gzip data");
	gzip.p[n] = 0x1f;
	expect_refuses(gzip.p, n + 1, 0, ERR_INVALID, "ends too early");
	expect_refuses(gzip.p, n + 2, 0, ERR_INVALID, "garbage behind the gzip data");
	strbuf_add_bytes(&zstd, "garbage", 7);
	expect_refuses(zstd.p, zstd.n, 0, ERR_INVALID, "zstd data is damaged");
	strbuf_add_bytes(&xz, line_xz, sizeof(line_xz));
	strbuf_add_bytes(&xz, "garbage behind it", 17);
	expect_refuses(xz.p, xz.n, 0, ERR_INVALID, "xz data is damaged");
	strbuf_add_bytes(&bzip2, line_bz2, sizeof(line_bz2));
	strbuf_add_bytes(&bzip2, "garbage", 7);
	expect_refuses(bzip2.p, bzip2.n, 0, ERR_INVALID, "bzip2 data is damaged");
}

/* Cut anywhere behind the magic, and at no place mistaken for a whole. */
static void refuses_truncation(void **state)
{
	AUTO_FREE char *text = mixed_bytes(1000);
	AUTO(strbuf) struct strbuf gzip = packed(COMPRESSION_GZIP, text, 1000);
	AUTO(strbuf) struct strbuf zstd = packed(COMPRESSION_ZSTD, text, 1000);

	for (size_t n = 3; n < gzip.n; n++)
		expect_refuses(gzip.p, n, n % 5, ERR_INVALID, "gzip data ends too early");
	for (size_t n = 4; n < zstd.n; n++)
		expect_refuses(zstd.p, n, n % 5, ERR_INVALID, "zstd data ends too early");
	for (size_t n = 6; n < sizeof(line_xz); n += 5)
		expect_refuses(line_xz, n, n % 5, ERR_INVALID, "xz data ends too early");
	for (size_t n = 10; n < sizeof(line_bz2); n += 11)
		expect_refuses(line_bz2, n, n % 5, ERR_INVALID, "bzip2 data ends too early");
}

/*
 * A flipped bit is noticed, or was one that says nothing (padding, redundant tables): bytes are
 * never wrong.
 */
static void refuses_flipped_bits(void **state)
{
	static const enum compression kinds[] = { COMPRESSION_GZIP, COMPRESSION_ZSTD };
	AUTO_FREE char *text = mixed_bytes(500);

	for (size_t k = 0; k < COUNT(kinds); k++) {
		AUTO(strbuf) struct strbuf bytes = packed(kinds[k], text, 500);
		size_t refused = 0;

		for (size_t bit = 10 * 8; bit < bytes.n * 8; bit++) {
			AUTO_FREE char *got = NULL;
			size_t n = 0;
			char before = bytes.p[bit / 8];

			bytes.p[bit / 8] = (char)(before ^ (1 << bit % 8));
			struct error *error = expand(
					reader_from_bytes(bytes.p, bytes.n), 10000, NULL, &got, &n);
			bytes.p[bit / 8] = before;
			if (error) {
				refused++;
			} else {
				assert_int_equal(n, 500);
				assert_memory_equal(got, text, 500);
			}
			error_free(error);
		}
		assert_true(refused + 20 > bytes.n * 8 - 10 * 8);
	}
}

static void bounds_memory(void **state)
{
	/* A frame whose header asks for a window of 256 MiB; an LZMA2 dictionary of 256 MiB. */
	static const uint8_t wide_zstd[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, (28 - 10) << 3, 0x29, 0,
		0, 'h', 'e', 'l', 'l', 'o' };
	static const uint8_t wide_xz[] = { 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6,
		0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x20, 0x00, 0x00, 0x00, 0x09, 0x88, 0xa5,
		0x76, 0x01, 0x00, 0x04, 0x68, 0x65, 0x6c, 0x6c, 0x6f };

	expect_refuses(wide_zstd, sizeof(wide_zstd), 0, ERR_LIMIT, "window of more than 128 MiB");
	expect_refuses(wide_xz, sizeof(wide_xz), 0, ERR_LIMIT, "more than 128 MiB of memory");
}

/* A bomb is the caller's to bound, and comes out in bounded pieces. */
static void bombs_meet_the_limit(void **state)
{
	AUTO(strbuf) struct strbuf bomb = { 0 };
	AUTO(reader) struct reader *reader = NULL;
	struct writer *writer = NULL;
	AUTO_FREE char *zeros = xcalloc(1, 1000 * 1000);

	assert_ok(codec_writer(writer_to_strbuf(&bomb), COMPRESSION_GZIP, -1, NULL, &writer));
	for (int i = 0; i < 50; i++)
		assert_ok(writer_write(writer, zeros, 1000 * 1000));
	assert_ok(writer_close(writer));
	assert_ok(codec_reader(reader_from_bytes(bomb.p, bomb.n), &reader, NULL));
	reader = reader_limit(TAKE(reader), 10 * 1000 * 1000, "layer");
	assert_error(reader_drain(reader), ERR_LIMIT, "layer is larger than 10000000 bytes");
}

static void reports_failures_below(void **state)
{
	AUTO_FREE char *text = mixed_bytes(300 * 1000);
	AUTO(strbuf) struct strbuf plain = { 0 };
	AUTO(strbuf) struct strbuf gzip = packed(COMPRESSION_GZIP, text, 300 * 1000);
	AUTO(strbuf) struct strbuf zstd = packed(COMPRESSION_ZSTD, text, 300 * 1000);
	struct {
		const char *bytes;
		size_t n;
	} cases[] = {
		{ text, 300 * 1000 },
		{ gzip.p, gzip.n },
		{ zstd.p, zstd.n },
		{ (const char *)line_xz, sizeof(line_xz) },
		{ (const char *)line_bz2, sizeof(line_bz2) },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t at = 0; at < cases[i].n; at += at < 20 ? 1 : cases[i].n / 20) {
			AUTO_FREE char *got = NULL;
			unsigned freed = 0;
			size_t n = 0;

			assert_error(expand(fault_reader(cases[i].bytes, cases[i].n, 0, at, &freed),
						     SIZE_MAX, NULL, &got, &n),
					ERR_SYS, "read at byte");
			assert_int_equal(freed, 1);
		}
	}
}

UNIT_TESTS(passes_what_is_not_compressed, expands_each_kind, reads_in_small_pieces,
		reads_full_gzip_headers, checks_gzip_headers, joins_members, skips_zstd_extras,
		takes_padding_and_no_garbage, refuses_truncation, refuses_flipped_bits,
		bounds_memory, bombs_meet_the_limit, reports_failures_below)
