#include "stream/noise.h"

#include <string.h>

/*
 * Two questions, as deflate has two means. Are all byte values equally frequent (Huffman's)? Asked
 * of every fourth stripe, at changing places lest a record's length be the stride. Does anything
 * come again within the window (matches)? Asked by remembering the eight bytes at every 16th place
 * and looking at every 15th: a repeat of 240 bytes is met once (unless its slot was taken since), a
 * shorter one in proportion to its length.
 */
enum {
	STRIPE = 64,
	STRIPES_TO_ONE = 4,
	FIRST_LOOK = 1024, /* enough to tell text, code and zeros */
	KEPT_STRIDE = 16,
	ASKED_STRIDE = 15,
	REPEATS = 2, /* one may be chance */
	TABLE_BITS = 13,
	NOWHERE = UINT16_MAX,
};

_Static_assert((NOISE_BYTES + NOISE_HISTORY_BYTES) / KEPT_STRIDE < NOWHERE, "kept places fit");

/*
 * For n samples of 256 equally likely values the sum of the squared counts is (n + 255) n / 256,
 * give or take n / 11. Values are called equally frequent below 1.05 times of n n / 256 (seven
 * times that spread above, for the full sample): a gain of 0.015 bits a byte, then, escapes.
 */
static uint64_t sum_of_squares(uint16_t counts[static 4][256])
{
	uint64_t sum = 0;

	for (size_t value = 0; value < 256; value++) {
		uint64_t n = (uint64_t)counts[0][value] + counts[1][value] + counts[2][value] +
			     counts[3][value];
		sum += n * n;
	}
	return sum;
}

static bool is_flat(const uint8_t *bytes)
{
	uint16_t counts[4][256] = { 0 }; /* four, so that no count waits for the one before */
	uint64_t n = 0;

	for (size_t at = 0; at < NOISE_BYTES; at += (size_t)STRIPE * STRIPES_TO_ONE) {
		size_t turn = at / ((size_t)STRIPE * STRIPES_TO_ONE);
		const uint8_t *stripe = bytes + at + (turn ^ turn >> 2) % STRIPES_TO_ONE * STRIPE;

		for (size_t i = 0; i < STRIPE; i += 4)
			for (size_t lane = 0; lane < 4; lane++)
				counts[lane][stripe[i + lane]]++;
		n += STRIPE;
		if (n == FIRST_LOOK && sum_of_squares(counts) * 256 > n * n * 2)
			return false;
	}
	return sum_of_squares(counts) * 256 * 20 < n * n * 21;
}

static uint64_t eight_at(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static size_t slot_of(uint64_t value)
{
	return (size_t)(value * 0x9e3779b97f4a7c15u >> (64 - TABLE_BITS));
}

/* From start on, n bytes; only what begins at own or later counts as a repeat. */
static bool repeats(const uint8_t *start, size_t own, size_t n)
{
	uint16_t kept[1 << TABLE_BITS];
	size_t asked = own, found = 0;

	memset(kept, 0xff, sizeof(kept));
	for (size_t at = 0; at + sizeof(uint64_t) <= n; at += KEPT_STRIDE) {
		for (; asked <= at; asked += ASKED_STRIDE) {
			uint64_t value = eight_at(start + asked);
			uint16_t place = kept[slot_of(value)];

			if (place != NOWHERE &&
					eight_at(start + (size_t)place * KEPT_STRIDE) == value &&
					++found == REPEATS)
				return true;
		}
		kept[slot_of(eight_at(start + at))] = (uint16_t)(at / KEPT_STRIDE);
	}
	return false;
}

bool noise_is(const uint8_t bytes[static NOISE_BYTES], size_t history_n)
{
	size_t before = history_n < NOISE_HISTORY_BYTES ? history_n : NOISE_HISTORY_BYTES;

	return is_flat(bytes) && !repeats(bytes - before, before, before + NOISE_BYTES);
}
