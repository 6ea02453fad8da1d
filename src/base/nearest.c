#include "base/nearest.h"

#include <stdint.h>
#include <string.h>

/* Names longer than this are not typing mistakes of ours. */
enum { NEAREST_MAX = 64, NEAREST_EDITS = 2 };

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance, one row at a time. */
static size_t distance(const char *a, size_t a_n, const char *b, size_t b_n)
{
	size_t row[NEAREST_MAX + 1];

	for (size_t j = 0; j <= b_n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_n; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_n; j++) {
			size_t above = row[j];
			size_t change = corner + (lower(a[i - 1]) != lower(b[j - 1]));

			row[j] = least(change, least(above, row[j - 1]) + 1);
			corner = above;
		}
	}
	return row[b_n];
}

const char *text_nearest(const char *word, const char *const *options, size_t count)
{
	size_t n = strlen(word);
	size_t best = NEAREST_EDITS + 1;
	const char *nearest = NULL;

	if (n == 0 || n > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t option_n = options[i] ? strlen(options[i]) : SIZE_MAX;

		if (option_n > NEAREST_MAX || option_n + NEAREST_EDITS < n ||
				n + NEAREST_EDITS < option_n)
			continue;
		size_t edits = distance(word, n, options[i], option_n);
		if (edits < best && edits < n) {
			best = edits;
			nearest = options[i];
		}
	}
	return nearest;
}
