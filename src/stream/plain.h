/*
 * plain: what a compressed stream holds, told while somebody else takes the stream as it is.
 *
 * Floor: stream.
 */
#pragma once
#include "stream/codec.h"
#include "stream/hash.h"
#include "stream/reader.h"

/* Asked once, with all that came out; its error is that of the read that brought the last byte. */
typedef struct error *(
		plain_check_fn)(void *user, const struct hash_result *plain, enum codec_kind kind);

/*
 * Hands on what below (taken) gives, of size bytes, and decompresses and hashes the same on a
 * thread of its own. The last bytes are handed on after check said yes: whoever reads size bytes
 * and no more is told as well. What does not decompress, or to more than limit bytes, fails the
 * read. user must outlive the reader.
 */
struct reader *plain_reader(struct reader *below, uint64_t size, uint64_t limit,
		plain_check_fn *check, void *user);
