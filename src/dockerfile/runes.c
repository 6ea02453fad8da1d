#include "dockerfile/runes.h"

#include <stddef.h>

/* The continuation byte at s.p[at], or -1. */
static int tail(struct str s, size_t at)
{
	unsigned char c = at < s.n ? (unsigned char)s.p[at] : 0;

	return (c & 0xC0) == 0x80 ? c & 0x3F : -1;
}

uint32_t rune_at(struct str s, size_t at, size_t *ret_bytes)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)s.p[at];
	size_t bytes = first < 0x80   ? 1
		       : first < 0xC2 ? 0
		       : first < 0xE0 ? 2
		       : first < 0xF0 ? 3
		       : first < 0xF5 ? 4
				      : 0;
	uint32_t rune = bytes < 2 ? first : first & (0xFFu >> (bytes + 1));

	*ret_bytes = 1;
	if (bytes == 0)
		return RUNE_BAD;
	for (size_t i = 1; i < bytes; i++) {
		int low = tail(s, at + i);

		if (low < 0)
			return RUNE_BAD;
		rune = rune << 6 | (uint32_t)low;
	}
	if (rune < least[bytes] || rune > 0x10FFFF || (rune >= 0xD800 && rune <= 0xDFFF))
		return RUNE_BAD;
	*ret_bytes = bytes;
	return rune;
}

bool rune_is_space(uint32_t rune)
{
	if (rune < 0x80)
		return rune == ' ' || (rune >= '\t' && rune <= '\r');
	return rune == 0x85 || rune == 0xA0 || rune == 0x1680 ||
	       (rune >= 0x2000 && rune <= 0x200A) || rune == 0x2028 || rune == 0x2029 ||
	       rune == 0x202F || rune == 0x205F || rune == 0x3000;
}

bool rune_is_name(uint32_t rune)
{
	/*
	 * Beyond ASCII, what is not a letter: marks and symbols of Latin-1, punctuation and symbol
	 * blocks, private use, emoji. Coarser than Unicode's tables; a name in an environment is
	 * ASCII, what matters is that a dash or quote behind it ends it.
	 */
	static const uint32_t other[][2] = { { 0x80, 0xA9 }, { 0xAB, 0xB4 }, { 0xB6, 0xB9 },
		{ 0xBB, 0xBF }, { 0xD7, 0xD7 }, { 0xF7, 0xF7 }, { 0x0300, 0x036F },
		{ 0x2000, 0x2070 }, { 0x2072, 0x207E }, { 0x2080, 0x208F }, { 0x20A0, 0x2101 },
		{ 0x2190, 0x2BFF }, { 0x2E00, 0x2FFF }, { 0x3000, 0x3004 }, { 0x3008, 0x3030 },
		{ 0xD800, 0xF8FF }, { 0xFE00, 0xFE6F }, { 0xFF00, 0xFF0F }, { 0xFF1A, 0xFF20 },
		{ 0xFFE0, 0xFFFF }, { 0x1F000, 0x1FAFF }, { 0xE0000, 0x10FFFF } };

	if (rune < 0x80)
		return (rune >= '0' && rune <= '9') || (rune >= 'A' && rune <= 'Z') ||
		       (rune >= 'a' && rune <= 'z');
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (rune >= other[i][0] && rune <= other[i][1])
			return false;
	return true;
}

struct str rune_trim_left(struct str s)
{
	size_t bytes = 0;

	while (s.n && rune_is_space(rune_at(s, 0, &bytes)))
		s = str_slice(s, bytes, s.n);
	return s;
}

struct str rune_trim(struct str s)
{
	s = rune_trim_left(s);
	while (s.n) {
		size_t at = s.n - 1, bytes = 0;

		while (at > 0 && s.n - at < 4 && ((unsigned char)s.p[at] & 0xC0) == 0x80)
			at--;
		if (!rune_is_space(rune_at(s, at, &bytes)) || at + bytes != s.n)
			break;
		s.n = at;
	}
	return s;
}
