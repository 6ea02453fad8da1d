/*
 * What is noise, and what only looks so for a while; that a gzip writer stores noise and loses
 * nothing by it.
 */
#include "stream/codec.h"
#include "stream/noise.h"
#include "unit.h"

#include "faults.h"

enum { BLOCK = 256 * 1024, PIECE = NOISE_BYTES };

/* Good noise: faults.h's repeats its low bits too soon. */
static void fill_random(uint8_t *at, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed += 0x9e3779b97f4a7c15u;
		uint64_t z = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		at[i] = (uint8_t)(z >> 56);
	}
}

static void random_bytes_are_noise(void **state)
{
	AUTO_FREE uint8_t *bytes = xmalloc(2 * PIECE);

	for (uint64_t seed = 1; seed < 500; seed++) {
		fill_random(bytes, 2 * PIECE, seed << 32);
		if (!noise_is(bytes, 0) || !noise_is(bytes + PIECE, PIECE))
			fail_msg("seed %d", (int)seed);
	}
}

static void what_shrinks_is_not(void **state)
{
	AUTO_FREE uint8_t *bytes = xmalloc(2 * PIECE);
	uint8_t *piece = bytes + PIECE;

	fill_text((char *)piece, PIECE, 1);
	assert_false(noise_is(piece, 0));
	memset(piece, 0, PIECE);
	assert_false(noise_is(piece, 0));
	/* Seven bits of eight. */
	fill_random(piece, PIECE, 5);
	for (size_t i = 0; i < PIECE; i++)
		piece[i] &= 0x7f;
	assert_false(noise_is(piece, 0));
	/* One byte in twenty is known. */
	fill_random(piece, PIECE, 6);
	for (size_t i = 0; i < PIECE; i += 20)
		piece[i] = 0;
	assert_false(noise_is(piece, 0));
	/* Records: noise where a stripe at a fixed place would look. */
	for (size_t at = 0; at < 256; at += 64) {
		memset(piece, ' ', PIECE);
		for (size_t i = at; i < PIECE; i += 256)
			fill_random(piece + i, 64, i);
		assert_false(noise_is(piece, 0));
	}
}

static void what_comes_again_is_not(void **state)
{
	AUTO_FREE uint8_t *bytes = xmalloc(2 * PIECE);
	uint8_t *piece = bytes + PIECE;

	/* At any distance, in the piece or from what is before it; but not what is out of reach. */
	for (size_t distance = 1500; distance <= PIECE; distance += 997) {
		fill_random(bytes, 2 * PIECE, distance);
		memcpy(piece + PIECE - 1500, piece + PIECE - 1500 - distance, 1500);
		assert_false(noise_is(piece, PIECE));
	}
	fill_random(bytes, 2 * PIECE, 3);
	memcpy(piece, piece - 20000, 2000);
	assert_false(noise_is(piece, PIECE));
	assert_false(noise_is(piece, 20000));
	assert_true(noise_is(piece, 10000));
	/* A table of hashes, of which each is named twice. */
	for (size_t i = 0; i < PIECE; i += 32)
		memcpy(piece + i, bytes + 32 * (i / 32 * 7 % (PIECE / 64)), 32);
	assert_false(noise_is(piece, 0));
}

/* Noise at every kind of place in the blocks: the stream holds, and noise costs next to nothing. */
static void stores_it(void **state)
{
	static const size_t starts[] = { 0, 1, PIECE, BLOCK - PIECE, BLOCK - 1, BLOCK, 3 * BLOCK };
	static const size_t sizes[] = { 0, PIECE - 1, PIECE, 2 * PIECE + 1, BLOCK, 2 * BLOCK + 77 };
	enum { TOTAL = 6 * BLOCK };
	AUTO(pool) struct pool *pool = pool_new(2);
	AUTO_FREE uint8_t *bytes = xmalloc(TOTAL);
	size_t plain = 0;

	for (size_t i = 0; i < COUNT(starts); i++)
		for (size_t k = 0; k < COUNT(sizes); k++) {
			AUTO(strbuf) struct strbuf packed = { 0 };
			AUTO(writer) struct writer *writer = NULL;
			AUTO(reader) struct reader *reader = NULL;
			AUTO_FREE char *got = NULL;
			enum codec_kind kind;
			size_t got_n = 0;

			fill_text((char *)bytes, TOTAL, 9);
			fill_random(bytes + starts[i], sizes[k], 11);
			assert_ok(codec_writer(writer_to_strbuf(&packed), COMPRESSION_GZIP,
					CODEC_LEVEL_DEFAULT, pool, &writer));
			assert_ok(writer_write(writer, bytes, TOTAL));
			assert_ok(writer_close(TAKE(writer)));
			assert_ok(codec_reader(
					reader_from_bytes(packed.p, packed.n), &reader, &kind));
			assert_ok(reader_read_all(reader, TOTAL, &got, &got_n));
			assert_int_equal(got_n, TOTAL);
			assert_memory_equal(got, bytes, TOTAL);
			if (sizes[k] == 0)
				plain = packed.n;
			assert_true(packed.n < plain + sizes[k] + sizes[k] / 100 + 100);
		}
}

UNIT_TESTS(random_bytes_are_noise, what_shrinks_is_not, what_comes_again_is_not, stores_it)
