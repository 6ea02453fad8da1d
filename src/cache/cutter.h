/*
 * cutter: where a stream of bytes is cut into chunks, by what the bytes are: an insertion or a
 * removal changes the chunks around it, and the others stay as they are. The same bytes are cut the
 * same way on every machine, for ever: a change here makes everybody's chunks new.
 *
 * As in FastCDC (Xia et al., 2016): a gear hash rolls over the last 64 bytes; a cut is where its
 * top bits are zero, more of them before the wanted size than behind it, so that sizes stay near
 * it. Sizes that are kept nearer to it (more bits apart) would let a change spread over more chunks
 * until both ways of cutting meet again: with these numbers, 300 KB more in the middle of 60 MB
 * make 1.4 MB new on average, and 3.1 MB with 1 MiB and four bits apart.
 *
 * Floor: cache (pure). A cutter is a value of one thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CUT_MIN_BYTES = 128 * 1024,
	CUT_WANTED_BYTES = 512 * 1024,
	CUT_MAX_BYTES = 2 * 1024 * 1024,
};

struct cutter {
	uint64_t gear[256];
	uint64_t hash;
	size_t n; /* bytes of the chunk so far */
};

void cutter_init(struct cutter *cutter);
/*
 * How many of these bytes belong to the chunk under way: n of them, or fewer when it ends there
 * (*ret_ends), and the next chunk begins with the rest.
 */
size_t cutter_feed(struct cutter *cutter, const void *bytes, size_t n, bool *ret_ends);
