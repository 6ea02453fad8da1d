#include "stream/search.h"
#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

enum { PAIRS = 65536, NONE = UINT32_MAX };

struct pattern {
	unsigned char *bytes;
	size_t n, tag;
	uint32_t next; /* of those whose window ends with the same two bytes */
};

struct search {
	struct {
		struct pattern *p;
		size_t n, capacity;
	} patterns;
	size_t shortest, longest;
	/* By the last two bytes of the window. */
	uint8_t *shift;
	uint32_t *first; /* pattern whose window ends so, where shift is 0 */
};

static unsigned pair_at(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

struct search *search_new(void)
{
	return xcalloc(1, sizeof(struct search));
}

void search_free(struct search *search)
{
	if (!search)
		return;
	for (size_t i = 0; i < search->patterns.n; i++) {
		explicit_bzero(search->patterns.p[i].bytes, search->patterns.p[i].n);
		free(search->patterns.p[i].bytes);
	}
	vec_done(&search->patterns);
	free(search->shift);
	free(search->first);
	free(search);
}

void search_add(struct search *search, const void *bytes, size_t n, size_t tag)
{
	struct pattern *pattern = vec_add(&search->patterns);

	pattern->bytes = xmalloc(n);
	memcpy(pattern->bytes, bytes, n);
	pattern->n = n;
	pattern->tag = tag;
	if (!search->shortest || n < search->shortest)
		search->shortest = n;
	if (n > search->longest)
		search->longest = n;
}

void search_ready(struct search *search)
{
	size_t window = search->shortest;

	if (!window)
		return;
	search->shift = xmalloc(PAIRS);
	search->first = xcalloc(PAIRS, sizeof(*search->first));
	memset(search->shift, window - 1 > UINT8_MAX ? UINT8_MAX : (int)(window - 1), PAIRS);
	for (unsigned i = 0; i < PAIRS; i++)
		search->first[i] = NONE;
	for (size_t i = 0; i < search->patterns.n; i++) {
		struct pattern *pattern = &search->patterns.p[i];

		for (size_t end = 2; end <= window; end++) {
			unsigned pair = pair_at(pattern->bytes + end - 2);

			if (window - end < search->shift[pair])
				search->shift[pair] = (uint8_t)(window - end);
		}
		unsigned last = pair_at(pattern->bytes + window - 2);
		pattern->next = search->first[last];
		search->first[last] = (uint32_t)i;
	}
}

size_t search_overlap(const struct search *search)
{
	return search->longest ? search->longest - 1 : 0;
}

/* The longest of the patterns that stand at text, or NULL. */
static const struct pattern *match_at(
		const struct search *search, uint32_t first, const unsigned char *text, size_t n)
{
	const struct pattern *best = NULL;

	for (uint32_t i = first; i != NONE; i = search->patterns.p[i].next) {
		const struct pattern *pattern = &search->patterns.p[i];

		if (pattern->n <= n && (!best || pattern->n > best->n) &&
				memcmp(text, pattern->bytes, pattern->n) == 0)
			best = pattern;
	}
	return best;
}

bool search_find(const struct search *search, const void *bytes, size_t n, struct search_hit *ret)
{
	const unsigned char *text = bytes;
	size_t window = search->shortest;

	if (!window)
		return false;
	for (size_t end = window; end <= n;) {
		unsigned pair = pair_at(text + end - 2);

		if (search->shift[pair]) {
			end += search->shift[pair];
			continue;
		}
		const struct pattern *hit = match_at(search, search->first[pair],
				text + end - window, n - (end - window));
		if (hit) {
			*ret = (struct search_hit){ end - window, hit->n, hit->tag };
			return true;
		}
		end++;
	}
	return false;
}

size_t search_pending(const struct search *search, const void *bytes, size_t n)
{
	const unsigned char *text = bytes;
	size_t from = n > search_overlap(search) ? n - search_overlap(search) : 0;

	for (; from < n; from++)
		for (size_t i = 0; i < search->patterns.n; i++) {
			const struct pattern *pattern = &search->patterns.p[i];

			if (pattern->n > n - from &&
					memcmp(text + from, pattern->bytes, n - from) == 0)
				return n - from;
		}
	return 0;
}
