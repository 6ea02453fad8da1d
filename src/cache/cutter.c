#include "cache/cutter.h"

/* Bits of the hash that are zero at a cut: 2^19 is the wanted size. */
enum { BITS_BEFORE = 20, BITS_BEHIND = 18 };

/* Numbers that look random and are the same everywhere: splitmix64 from a start of no meaning. */
static uint64_t next_number(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

void cutter_init(struct cutter *cutter)
{
	uint64_t state = 0x6b696c6e; /* "kiln" */

	*cutter = (struct cutter){ 0 };
	for (size_t i = 0; i < 256; i++)
		cutter->gear[i] = next_number(&state);
}

/* Up to limit bytes of the chunk; stops behind the byte at which the hash says so. */
static size_t roll(struct cutter *cutter, const uint8_t *p, size_t n, unsigned bits, bool *ret_ends)
{
	uint64_t hash = cutter->hash;
	size_t i = 0;

	while (i < n) {
		hash = (hash << 1) + cutter->gear[p[i++]];
		if (hash >> (64 - bits) == 0) {
			*ret_ends = true;
			break;
		}
	}
	cutter->hash = hash;
	return i;
}

/* How many of n bytes lie before limit. */
static size_t before(const struct cutter *cutter, size_t limit, size_t n)
{
	if (cutter->n >= limit)
		return 0;
	return limit - cutter->n < n ? limit - cutter->n : n;
}

size_t cutter_feed(struct cutter *cutter, const void *bytes, size_t n, bool *ret_ends)
{
	const uint8_t *p = bytes;
	size_t at = before(cutter, CUT_MIN_BYTES, n), more;

	*ret_ends = false;
	cutter->n += at;
	more = before(cutter, CUT_WANTED_BYTES, n - at);
	more = roll(cutter, p + at, more, BITS_BEFORE, ret_ends);
	cutter->n += more;
	at += more;
	if (!*ret_ends) {
		more = before(cutter, CUT_MAX_BYTES, n - at);
		more = roll(cutter, p + at, more, BITS_BEHIND, ret_ends);
		cutter->n += more;
		at += more;
	}
	*ret_ends = *ret_ends || cutter->n == CUT_MAX_BYTES;
	if (*ret_ends) {
		cutter->n = 0;
		cutter->hash = 0;
	}
	return at;
}
