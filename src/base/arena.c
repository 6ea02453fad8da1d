#include "base/arena.h"
#include "base/xalloc.h"

#include <stdio.h>
#include <string.h>

enum { ARENA_BLOCK_BYTES = 32 * 1024, ARENA_ALIGN = 16 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(ARENA_ALIGN) char bytes[];
};

struct arena {
	struct arena_block *head;
	size_t total;
};

struct arena *arena_new(void)
{
	return xcalloc(1, sizeof(struct arena));
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	while (arena->head) {
		struct arena_block *next = arena->head->next;

		free(arena->head);
		arena->head = next;
	}
	free(arena);
}

static void add_block(struct arena *arena, size_t size)
{
	size_t bytes = size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES;
	struct arena_block *block = xmalloc(sizeof(*block) + bytes);

	block->used = 0;
	block->size = bytes;
	block->next = arena->head;
	arena->head = block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (!arena->head || arena->head->size - arena->head->used < size)
		add_block(arena, size);
	void *memory = arena->head->bytes + arena->head->used;
	arena->head->used += size;
	arena->total += size;
	return memset(memory, 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t bytes = 0;

	if (__builtin_mul_overflow(count, size, &bytes))
		abort();
	return arena_alloc(arena, bytes);
}

char *arena_str(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.n + 1);

	if (s.n)
		memcpy(copy, s.p, s.n);
	return copy;
}

char *arena_text(struct arena *arena, const char *text)
{
	return text ? arena_str(arena, str_of(text)) : NULL;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *text = arena_alloc(arena, (size_t)(n < 0 ? 0 : n) + 1);
	(void)vsnprintf(text, (size_t)(n < 0 ? 0 : n) + 1, format, again);
	va_end(again);
	return text;
}

size_t arena_bytes(const struct arena *arena)
{
	return arena->total;
}
