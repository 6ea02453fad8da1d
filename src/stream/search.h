/*
 * search: many byte strings looked for at once, in one pass (Wu and Manber's way: look at the end
 * of a window as long as the shortest string, and skip as far as no string can end).
 *
 * For what must not appear: secrets in layers and logs. Patterns are copied, and wiped when freed.
 *
 * Floor: stream (pure). Immutable once search_ready() was called: any thread may look.
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEARCH_SHORTEST = 4 };

struct search;

struct search_hit {
	size_t at, n; /* where, how long */
	size_t tag;
};

struct search *search_new(void);
void search_free(struct search *search);
/* A pattern of at least SEARCH_SHORTEST bytes; tag comes back with its hits. */
void search_add(struct search *search, const void *bytes, size_t n, size_t tag);
/* After the last pattern, before the first look. */
void search_ready(struct search *search);
/* How many bytes of the text before must be looked at again with the next: longest less one. */
size_t search_overlap(const struct search *search);
/* The leftmost hit in bytes. */
bool search_find(const struct search *search, const void *bytes, size_t n, struct search_hit *ret);
/* How many bytes at the end could be the start of a pattern that goes on. */
size_t search_pending(const struct search *search, const void *bytes, size_t n);

DEFINE_AUTO_PTR(search, search_free)
