/*
 * tar_sparse: the content of a sparse file: data where its map says, zeros elsewhere.
 *
 * Floor: layer (private to tar_*.c). Spec: GNU tar manual, "Storing Sparse Files".
 */
#pragma once
#include "layer/tar_format.h"
#include "layer/tar_pax.h"
#include "stream/reader.h"

/* Old GNU: the map in a type S header, and in the blocks behind it while *ret_more. */
FALLIBLE sparse_old_header(const struct tar_header *header, struct extents *map,
		uint64_t *ret_real_size, bool *ret_more);
FALLIBLE sparse_old_block(const char block[static TAR_BLOCK], struct extents *map, bool *ret_more);

/*
 * pax 1.0: the map is text at the front of the stored bytes, padded to whole blocks. Reads it from
 * stored, which holds *left bytes, and counts them off.
 */
FALLIBLE sparse_read_map(struct reader *stored, uint64_t *left, struct extents *map);

/* Extents in order, apart, inside real_size, and stored bytes together; else ERR_INVALID. */
FALLIBLE sparse_check(const struct extents *map, uint64_t real_size, uint64_t stored);

/* A plain value; reads go on at `at`. */
struct sparse {
	struct extents map;
	uint64_t real_size, at;
	size_t i; /* the extent that ends behind at, or map.n */
};

/* Up to n bytes; data comes from stored. */
FALLIBLE sparse_read(
		struct sparse *sparse, struct reader *stored, void *buf, size_t n, size_t *ret_n);
