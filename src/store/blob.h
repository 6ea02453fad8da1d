/*
 * blob: bytes under their digest, blobs/sha256/<hex>.
 *
 * Reading: blob_open() hashes while it reads, so that damage is found where it is; a damaged blob
 * is put away and the error is ERR_DIGEST, so that the next asker fetches it anew. Whoever needs a
 * raw fd (a file server, pread by several threads) takes blob_open_fd().
 *
 * Writing: an unnamed file (O_TMPFILE) gets its name by blob_commit() only; a process killed before
 * leaves nothing. Every byte is hashed once: either by the blob writer or by the caller, who then
 * hands the digest over.
 *
 *	AUTO(blob_writer) struct blob_writer *blob = NULL;
 *	TRY(blob_writer_open(store, BLOB_HASH, &blob));
 *	TRY(stream_copy(source, blob_writer_stream(blob), NULL));
 *	TRY(blob_commit(TAKE(blob), &wanted, wanted_bytes, NULL, NULL));
 *
 * Floor: store. A blob writer belongs to one thread at a time, several may be open.
 * Spec: OCI image-spec v1.1, image-layout.md.
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "oci/digest.h"
#include "oci/mediatype.h"
#include "store/store.h"
#include "stream/reader.h"
#include "stream/writer.h"

struct blob_writer;

enum blob_hashing { BLOB_HASH = 1, BLOB_HASHED_BY_CALLER };

#define BLOB_ANY_SIZE UINT64_MAX

/* Is it here, whole? *ret_bytes (may be NULL) is written when it is. Leases it. */
FALLIBLE blob_has(struct store *store, const struct digest *digest, bool *ret, uint64_t *ret_bytes);
/* ERR_NOT_FOUND when it is not here. *ret_bytes may be NULL. */
FALLIBLE blob_open(struct store *store, const struct digest *digest, struct reader **ret,
		uint64_t *ret_bytes);
/* A read-only fd of its own offset, not verified while it is read (see above). */
FALLIBLE blob_open_fd(
		struct store *store, const struct digest *digest, int *ret_fd, uint64_t *ret_bytes);
/* All of a small blob, verified; more than limit bytes is ERR_LIMIT. NUL-terminated, free(). */
FALLIBLE blob_read(struct store *store, const struct digest *digest, size_t limit, char **ret,
		size_t *ret_n);
/* Keep bytes from memory (manifests, configs). */
FALLIBLE blob_put(struct store *store, const void *bytes, size_t n, struct digest *ret);

struct pool;
/*
 * Keep what raw gives (taken; compressed or not) in this compression; pool (may be NULL)
 * compresses. diff_id (may be NULL): what it must be without any, else ERR_DIGEST.
 */
FALLIBLE blob_repack(struct store *store, struct reader *raw, const struct digest *diff_id,
		enum compression compression, int level, struct pool *pool, struct digest *ret,
		uint64_t *ret_bytes);

FALLIBLE blob_writer_open(struct store *store, enum blob_hashing hashing, struct blob_writer **ret);
/*
 * Where the bytes go. Borrowed, yet it may be put under other writers, which will close or free it:
 * close ends the content, free without close spoils it (commit then fails).
 */
struct writer *blob_writer_stream(struct blob_writer *blob);
/*
 * Give it its name (takes blob, also when it fails). expected (or NULL) and expected_bytes
 * (BLOB_ANY_SIZE: any) must be met, otherwise ERR_DIGEST naming both. With BLOB_HASHED_BY_CALLER
 * expected is the digest of exactly the bytes written, taken at its word. The results may be NULL.
 */
FALLIBLE blob_commit(struct blob_writer *blob, const struct digest *expected,
		uint64_t expected_bytes, struct digest *ret, uint64_t *ret_bytes);
/*
 * Read what is written while it is written: to be asked for before the first byte, once. The reader
 * waits for bytes that are still to come, ends when the content has, and is ERR_CANCELED when it
 * was given up or blob_follower_stop() was called. It reads the file, so that nobody waits for it.
 */
struct blob_follower;
FALLIBLE blob_follow(struct blob_writer *blob, struct blob_follower **ret);
/* Wait until so many bytes are there: false when the content ended earlier, or was given up. */
bool blob_follower_await(struct blob_follower *follower, uint64_t bytes);
/* From the first byte; borrows the follower. One at a time. */
struct reader *blob_follower_reader(struct blob_follower *follower);
void blob_follower_stop(struct blob_follower *follower);
void blob_follower_free(struct blob_follower *follower); /* NULL is fine */
/* Nothing remains. NULL is fine. */
void blob_abandon(struct blob_writer *blob);

/* It turned out to be wrong, or is not wanted any more: gone for everybody who opens it later. */
FALLIBLE blob_drop(struct store *store, const struct digest *digest);

/* "host/repository" that was seen to hold the blob, for mounts; newest first. Known, not checked.
 */
FALLIBLE blob_add_location(
		struct store *store, const struct digest *digest, const char *repository);
FALLIBLE blob_locations(struct store *store, const struct digest *digest, struct list *ret);

static inline void blob_writer_auto_(struct blob_writer **blob)
{
	blob_abandon(*blob);
}
