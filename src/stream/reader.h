/*
 * reader: where bytes come from. A vtable that filters stack on: file, memory, hash, limit, gunzip.
 *
 * A reader owns what it reads from and frees it with itself. Errors are sticky: once read failed,
 * it fails with the same kind again; the end is sticky too. reader_read() holds both, so a kind's
 * own read is never called again after either. One thread at a time; may be handed over.
 *
 * Floor: stream.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash;
struct reader;

struct reader_ops {
	/* Up to n bytes (n > 0); *ret_n = 0 means the end. Short reads are normal. */
	struct error *(*read)(struct reader *reader, void *buf, size_t n, size_t *ret_n);
	void (*free)(struct reader *reader);
	/*
	 * Optional: like read, but *ret may point to memory of its own, valid until the next call,
	 * instead of buf. Filters that only look at bytes hand it on; it saves a copy.
	 */
	struct error *(*next)(struct reader *reader, void *buf, size_t n, const void **ret,
			size_t *ret_n);
	/* Optional: see reader_give_hash(). */
	struct hash *(*give_hash)(struct reader *reader);
};

/* Embedded first in each kind's own struct, as { .ops = ... }; the rest is reader_read()'s. */
struct reader {
	const struct reader_ops *ops;
	bool ended;
	enum error_kind failed; /* 0: not yet */
	int failed_code;
};

FALLIBLE reader_read(struct reader *reader, void *buf, size_t n, size_t *ret_n);
/*
 * Like reader_read(), and *ret says where the bytes lie: in buf, or in the reader's own memory
 * until the next call.
 */
FALLIBLE reader_next(struct reader *reader, void *buf, size_t n, const void **ret, size_t *ret_n);
/*
 * The hash that the reader feeds with all that is read from it, or NULL: who takes it (borrowed,
 * before the first read) feeds it from now on, in the order of reading. So who hashes the bytes
 * anyway can do both at once: hash_update_both().
 */
struct hash *reader_give_hash(struct reader *reader);
/* Exactly n bytes; an earlier end is ERR_INVALID "unexpected end". */
FALLIBLE reader_read_full(struct reader *reader, void *buf, size_t n);
/* Everything, at most limit bytes (more is ERR_LIMIT); *ret is NUL-terminated, free(). */
FALLIBLE reader_read_all(struct reader *reader, size_t limit, char **ret, size_t *ret_n);
/* Read and drop to the end. */
FALLIBLE reader_drain(struct reader *reader);
void reader_free(struct reader *reader); /* NULL is fine */

/* From an fd, at its own position (takes fd). */
struct reader *reader_from_fd(int fd);
/* n bytes of an fd from offset, by pread (borrows fd). A file that ends earlier is ERR_INVALID. */
struct reader *reader_from_range(int fd, uint64_t offset, uint64_t n);
/* From memory (borrows). */
struct reader *reader_from_bytes(const void *bytes, size_t n);
/* From memory (takes bytes, freed with the reader). */
struct reader *reader_from_owned(char *bytes, size_t n);
/*
 * Fails with ERR_LIMIT, naming what (borrowed until free), when more than limit bytes come (takes
 * below).
 */
struct reader *reader_limit(struct reader *below, uint64_t limit, const char *what);

DEFINE_AUTO_PTR(reader, reader_free)
