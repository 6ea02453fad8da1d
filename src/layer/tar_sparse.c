#include "layer/tar_sparse.h"
#include "base/limits.h"

#include <stddef.h>
#include <string.h>

enum {
	OLD_MAP = 386, /* offsets in an old GNU header */
	OLD_IN_HEADER = 4,
	OLD_MORE = 482,
	OLD_REAL_SIZE = 483,
	OLD_IN_BLOCK = 21, /* extents in a block behind it, and where that says "more" */
	OLD_BLOCK_MORE = 504,
	OLD_EXTENT = 24,
};

static FALLIBLE add(struct extents *map, uint64_t offset, uint64_t n)
{
	if (map->n == EXTENTS_MAX)
		return error_new(ERR_LIMIT, "a sparse file has more than %d pieces", EXTENTS_MAX);
	vec_push(map, ((struct extent){ offset, n }));
	return NULL;
}

/* Pairs of 12-byte numbers; the first empty one ends them. */
static FALLIBLE old_extents(const char *at, size_t count, struct extents *map)
{
	for (size_t i = 0; i < count; i++, at += OLD_EXTENT) {
		int64_t offset = 0;
		int64_t n = 0;

		if (at[0] == '\0' && at[12] == '\0')
			return NULL;
		TRY(tar_number(at, 12, 0, INT64_MAX, &offset));
		TRY(tar_number(at + 12, 12, 0, INT64_MAX, &n));
		TRY(add(map, (uint64_t)offset, (uint64_t)n));
	}
	return NULL;
}

FALLIBLE sparse_old_header(const struct tar_header *header, struct extents *map,
		uint64_t *ret_real_size, bool *ret_more)
{
	const char *p = (const char *)header;
	int64_t real_size = 0;

	map->n = 0;
	TRY(old_extents(p + OLD_MAP, OLD_IN_HEADER, map));
	TRY(tar_number(p + OLD_REAL_SIZE, 12, 0, INT64_MAX, &real_size));
	*ret_real_size = (uint64_t)real_size;
	*ret_more = p[OLD_MORE] != '\0';
	return NULL;
}

FALLIBLE sparse_old_block(const char block[static TAR_BLOCK], struct extents *map, bool *ret_more)
{
	TRY(old_extents(block, OLD_IN_BLOCK, map));
	*ret_more = block[OLD_BLOCK_MORE] != '\0';
	return NULL;
}

/* Decimal lines, a block at a time. */
struct lines {
	struct reader *stored;
	uint64_t *left;
	char block[TAR_BLOCK];
	size_t at, n;
};

static FALLIBLE next_number(struct lines *lines, uint64_t *ret)
{
	char digits[24];
	size_t n = 0;

	for (;;) {
		if (lines->at == lines->n) {
			if (*lines->left < TAR_BLOCK)
				return error_new(
						ERR_INVALID, "the map of a sparse file is cut off");
			TRY(reader_read_full(lines->stored, lines->block, TAR_BLOCK));
			*lines->left -= TAR_BLOCK;
			lines->at = 0;
			lines->n = TAR_BLOCK;
		}
		char c = lines->block[lines->at++];
		if (c == '\n')
			break;
		if (n == sizeof(digits))
			return error_new(ERR_INVALID, "the map of a sparse file is not numbers");
		digits[n++] = c;
	}
	return parse_u64((struct str){ digits, n }, INT64_MAX, ret);
}

FALLIBLE sparse_read_map(struct reader *stored, uint64_t *left, struct extents *map)
{
	struct lines lines = { .stored = stored, .left = left };
	uint64_t count = 0;

	map->n = 0;
	TRY(next_number(&lines, &count));
	for (uint64_t i = 0; i < count; i++) {
		uint64_t offset = 0;
		uint64_t n = 0;

		TRY(next_number(&lines, &offset));
		TRY(next_number(&lines, &n));
		TRY(add(map, offset, n));
	}
	return NULL;
}

FALLIBLE sparse_check(const struct extents *map, uint64_t real_size, uint64_t stored)
{
	uint64_t end = 0;
	uint64_t total = 0;

	if (real_size > LIMIT_LAYER_BYTES)
		return error_new(ERR_LIMIT, "a sparse file of %llu bytes",
				(unsigned long long)real_size);
	for (size_t i = 0; i < map->n; i++) {
		const struct extent *extent = &map->p[i];

		if (extent->offset < end || extent->offset > real_size ||
				extent->n > real_size - extent->offset)
			return error_new(ERR_INVALID, "the map of a sparse file is out of order");
		end = extent->offset + extent->n;
		total += extent->n;
	}
	if (total != stored)
		return error_new(ERR_INVALID, "the map of a sparse file has %llu bytes of %llu",
				(unsigned long long)total, (unsigned long long)stored);
	return NULL;
}

FALLIBLE sparse_read(
		struct sparse *sparse, struct reader *stored, void *buf, size_t n, size_t *ret_n)
{
	const struct extents *map = &sparse->map;

	while (sparse->i < map->n && map->p[sparse->i].offset + map->p[sparse->i].n <= sparse->at)
		sparse->i++;
	const struct extent *extent = sparse->i < map->n ? &map->p[sparse->i] : NULL;
	uint64_t hole_end = extent ? extent->offset : sparse->real_size;
	bool in_hole = sparse->at < hole_end;
	uint64_t end = in_hole || !extent ? hole_end : extent->offset + extent->n;

	if (n > end - sparse->at)
		n = (size_t)(end - sparse->at);
	*ret_n = n;
	if (n == 0)
		return NULL;
	if (in_hole)
		memset(buf, 0, n);
	else
		TRY(reader_read(stored, buf, n, ret_n));
	sparse->at += *ret_n;
	return NULL;
}
