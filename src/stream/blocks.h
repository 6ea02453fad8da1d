/*
 * blocks: a writer that cuts its input into blocks of a fixed size, has a pool compress them side
 * by side, and writes the results to below in order.
 *
 * The bytes written depend on the input and the level alone. At most workers + 3 blocks are in
 * flight; their buffers are used again and again, and writer_space() gives them out, so that bytes
 * can be made where they are compressed. With a pool, a thread of the writer's own does the writing
 * to below from the first full block on; begin and end are the caller's. Without one, or where no
 * thread can be had, the caller's thread does everything. The last block, for which it could only
 * wait, it always compresses itself.
 *
 * Floor: stream (private; for codec_gzip and codec_zstd).
 */
#pragma once
#include "stream/pool.h"
#include "stream/writer.h"

struct block {
	const uint8_t *in; /* history bytes of the stream lie before it */
	size_t in_n, history_n;
	uint8_t *out;
	size_t out_capacity;
	size_t out_n; /* set by compress */
	uint32_t crc; /* of in, set by compress if the format wants one */
};

struct blocks_total {
	uint64_t bytes;
	uint32_t crc;
	int level;
};

enum { BLOCKS_EDGE_BYTES = 32 };

struct blocks_format {
	size_t block_bytes;
	size_t history_bytes; /* how much of the input before its own a block may look at */
	size_t out_bytes;     /* what a block can become at most */
	void *(*state_new)(int level);
	void (*state_free)(void *state);
	/* On any thread. Failing is only for our own mistakes and a library's. */
	struct error *(*compress)(void *state, struct block *block);
	/* Write what stands before the first block or behind the last; returns its size. */
	size_t (*header)(uint8_t out[static BLOCKS_EDGE_BYTES], int level);
	size_t (*trailer)(uint8_t out[static BLOCKS_EDGE_BYTES], const struct blocks_total *total);
	/* The checksum of two pieces together, of which the second has n bytes; NULL: none is
	 * wanted. */
	uint32_t (*join)(uint32_t crc, uint32_t behind, size_t n);
};

/* Takes below; borrows format and pool (may be NULL). */
struct writer *blocks_writer(struct writer *below, const struct blocks_format *format, int level,
		struct pool *pool);
