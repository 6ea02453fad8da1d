/*
 * packed: entries of a file tree as bytes, for the lists that travel (tables of contents, lists of
 * cache mounts; docs/cache-format.md). Numbers are LEB128, texts their length and their bytes.
 *
 * What is taken is hostile: a cursor remembers that something was wrong, and gives nothing from
 * then on. Nothing is allocated for more than there are bytes.
 *
 * Floor: cache, private (pure).
 */
#pragma once
#include "base/arena.h"
#include "base/strbuf.h"
#include "layer/entry.h"

void packed_put_number(struct strbuf *out, uint64_t value);
void packed_put_bytes(struct strbuf *out, const void *bytes, size_t n);
void packed_put_text(struct strbuf *out, const char *text); /* NULL is "" */
void packed_put_entry(struct strbuf *out, const struct entry *entry);
/* With zstd; more than limit bytes are ERR_LIMIT naming what. *ret: free(). */
FALLIBLE packed_compress(
		struct str text, size_t limit, const char *what, char **ret, size_t *ret_n);

struct packed_cursor {
	struct str rest;
	bool is_bad; /* sticky: what is taken after it is empty */
};

uint64_t packed_take_number(struct packed_cursor *at);
struct str packed_take_bytes(struct packed_cursor *at, uint64_t n);
/* Clean and relative, or is_bad. */
const char *packed_take_path(struct packed_cursor *at, struct arena *arena);
/* Its texts lie in arena. Bounds as limits.h has them; of a type that there is. */
void packed_take_entry(struct packed_cursor *at, struct arena *arena, struct entry *ret);
