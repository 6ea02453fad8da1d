/*
 * archive_bytes: a file of an archive on its way into the store: looked at, then kept in one pass.
 *
 * Floor: image (private to source_archive.c). One thread at a time.
 */
#pragma once
#include "stream/hash.h"
#include "stream/pool.h"

struct store;

enum { ARCHIVE_HEAD_BYTES = 512 };

/* Content whose first bytes were read. */
struct archive_bytes {
	char head[ARCHIVE_HEAD_BYTES];
	size_t n;            /* of head; fewer: there are no others */
	struct reader *rest; /* borrowed */
};

FALLIBLE archive_bytes_begin(struct reader *content, struct archive_bytes *ret);
/* By the mark that all tars since POSIX have. */
bool archive_bytes_are_tar(const struct archive_bytes *content);
/* All of it to a writer (borrowed, not closed), and what it hashes to. */
FALLIBLE archive_bytes_pour(
		const struct archive_bytes *content, struct writer *to, struct digest *ret);
/* A layer's tar into the store, compressed and recorded; *ret is the blob. */
FALLIBLE archive_keep_layer(struct store *store, const struct archive_bytes *plain,
		struct pool *pool, struct digest *ret_diff_id, struct hash_result *ret);
