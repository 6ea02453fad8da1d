/*
 * hash: sha256 and byte count, alone or as a filter.
 *
 * Floor: stream. OpenSSL's, which uses SHA-NI by itself; two at once: stream/sha256_pair.h.
 */
#pragma once
#include "oci/digest.h"
#include "stream/reader.h"
#include "stream/writer.h"

struct hash;

struct hash *hash_new(void);
void hash_update(struct hash *hash, const void *bytes, size_t n);
/* The same bytes to two: where the CPU helps, in little more than the time of one. */
void hash_update_both(struct hash *a, struct hash *b, const void *bytes, size_t n);
/* The digest of all so far; the hash starts again from nothing. */
struct digest hash_finish(struct hash *hash);
void hash_free(struct hash *hash);

/* What went through, valid after the stream was closed or read to its end. */
struct hash_result {
	struct digest digest;
	uint64_t size; /* bytes */
};

/*
 * Hash what is written, then pass it on (takes below). *ret is filled by close and must live until
 * then.
 */
struct writer *hash_writer(struct writer *below, struct hash_result *ret);
/*
 * writer_write(), and also takes the bytes, too: by hash_update_both() where writer is a
 * hash_writer.
 */
FALLIBLE hash_write_both(struct writer *writer, struct hash *also, const void *bytes, size_t n);
/* Hash what is read (takes below); *ret (may be NULL) is filled when the end is seen. */
struct reader *hash_reader(struct reader *below, struct hash_result *ret);
/*
 * Like hash_reader, and the end must bring the wanted digest and size, otherwise the read that
 * would have said "end" is ERR_DIGEST naming both (takes below). More than size bytes fail at once.
 * size UINT64_MAX: not checked.
 */
struct reader *verify_reader(struct reader *below, const struct digest *digest, uint64_t size);

DEFINE_AUTO_PTR(hash, hash_free)
