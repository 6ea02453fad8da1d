/*
 * arena: memory for trees that die together (parse trees, plans). Allocation is a pointer bump,
 * everything is freed at once, nothing is freed alone.
 *
 * Floor: base. One thread at a time.
 */
#pragma once
#include "base/auto.h"
#include "base/str.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena);
/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
/* Zeroed array; count * size is checked. */
void *arena_array(struct arena *arena, size_t count, size_t size) __attribute__((returns_nonnull));
char *arena_str(struct arena *arena, struct str s) __attribute__((returns_nonnull));
char *arena_text(struct arena *arena, const char *text); /* NULL gives NULL */
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3)
		__attribute__((returns_nonnull));
size_t arena_bytes(const struct arena *arena); /* handed out so far, for limits */

#define arena_new_of(arena, type) ((type *)arena_alloc((arena), sizeof(type)))

DEFINE_AUTO_PTR(arena, arena_free)
