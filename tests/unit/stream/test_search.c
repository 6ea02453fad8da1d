#include "stream/search.h"
#include "unit.h"

#include <string.h>

static struct search *search_of(const char *const *patterns, size_t n)
{
	struct search *search = search_new();

	for (size_t i = 0; i < n; i++)
		search_add(search, patterns[i], strlen(patterns[i]), i);
	search_ready(search);
	return search;
}

static void finds_the_leftmost(void **state)
{
	static const char *const patterns[] = { "abcd", "bcdefgh", "zzzzzz", "abcdx" };
	static const struct {
		const char *text;
		bool found;
		size_t at, n, tag;
	} cases[] = {
		{ "", false, 0, 0, 0 },
		{ "abc", false, 0, 0, 0 },
		{ "abcd", true, 0, 4, 0 },
		{ "xxabcdyy", true, 2, 4, 0 },
		{ "xxabcdxy", true, 2, 5, 3 },
		{ "xbcdefgh", true, 1, 7, 1 },
		{ "zzzzz zzzzzz", true, 6, 6, 2 },
		{ "bcdefgabcbcd", false, 0, 0, 0 },
		{ "......................................................abcd", true, 54, 4, 0 },
	};
	AUTO(search) struct search *search = search_of(patterns, COUNT(patterns));

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct search_hit hit = { 0 };

		note("%s", cases[i].text);
		assert_int_equal(search_find(search, cases[i].text, strlen(cases[i].text), &hit),
				cases[i].found);
		assert_int_equal(hit.at, cases[i].at);
		assert_int_equal(hit.n, cases[i].n);
		assert_int_equal(hit.tag, cases[i].tag);
	}
}

/* Against the plain way, over texts of few letters, where everything nearly matches. */
static void agrees_with_the_plain_way(void **state)
{
	uint32_t seed = 1;
	char text[200], pattern[3][12];
	const char *patterns[3] = { pattern[0], pattern[1], pattern[2] };

	for (int round = 0; round < 3000; round++) {
		size_t n = (size_t)round % sizeof(text);

		for (size_t i = 0; i < sizeof(text); i++) {
			seed = seed * 1664525 + 1013904223;
			text[i] = (char)('a' + (seed >> 24) % 3);
		}
		for (int p = 0; p < 3; p++) {
			size_t length = 4 + (seed >> (8 + p)) % 7;

			memcpy(pattern[p], text + (seed >> (10 + p)) % 180, length);
			pattern[p][0] = (char)('a' + (seed >> p) % 3);
			pattern[p][length] = '\0';
		}
		AUTO(search) struct search *search = search_of(patterns, 3);
		struct search_hit hit = { 0 };
		size_t first = SIZE_MAX;
		for (int p = 0; p < 3; p++) {
			const char *at = memmem(text, n, pattern[p], strlen(pattern[p]));

			if (at && (size_t)(at - text) < first)
				first = (size_t)(at - text);
		}
		assert_int_equal(search_find(search, text, n, &hit), first != SIZE_MAX);
		if (first != SIZE_MAX)
			assert_int_equal(hit.at, first);
	}
}

static void knows_what_may_go_on(void **state)
{
	static const char *const patterns[] = { "secret", "crab!" };
	AUTO(search) struct search *search = search_of(patterns, COUNT(patterns));

	assert_int_equal(search_overlap(search), 5);
	assert_int_equal(search_pending(search, "the secre", 9), 5);
	assert_int_equal(search_pending(search, "the sec", 7), 3);
	assert_int_equal(search_pending(search, "the s.c", 7), 1);
	assert_int_equal(search_pending(search, "cra", 3), 3);
	assert_int_equal(search_pending(search, "none", 4), 0);
	AUTO(search) struct search *empty = search_new();
	struct search_hit hit;
	search_ready(empty);
	assert_false(search_find(empty, "anything", 8, &hit));
	assert_int_equal(search_pending(empty, "anything", 8), 0);
}

UNIT_TESTS(finds_the_leftmost, agrees_with_the_plain_way, knows_what_may_go_on)
