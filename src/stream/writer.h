/*
 * writer: where bytes go. Filters stack as in reader: tar -> hash -> gzip -> hash -> file.
 *
 * A writer owns the one below it. writer_close() flushes and closes the whole stack, top first, and
 * reports the first error of its life; writer_free() abandons it: nothing is made visible. Errors
 * are sticky: what failed once is never written to or closed again, only freed. One thread at a
 * time; may be handed over.
 *
 * Floor: stream.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "stream/reader.h"
#include <stddef.h>
#include <stdint.h>

struct strbuf;
struct writer;

struct writer_ops {
	struct error *(*write)(struct writer *writer, const void *bytes, size_t n);
	/* Flush own state and close below. Called at most once, then free follows. */
	struct error *(*close)(struct writer *writer);
	/* Free own state, and below if it was not closed. */
	void (*free)(struct writer *writer);
	/*
	 * Optional: the stack is about to be freed because of cause (borrowed). Filters hand it on
	 * to below, a pipe to its reader.
	 */
	void (*fail)(struct writer *writer, const struct error *cause);
	/* Optional: writer_space(). Filters that only look at bytes hand on that of below. */
	struct error *(*space)(struct writer *writer, void **ret, size_t *ret_n);
};

/* Embedded first in each kind's own struct, as { .ops = ... }. */
struct writer {
	const struct writer_ops *ops;
	/* Sticky: later calls are ERR_CANCELED, for the first error was already returned. */
	bool failed;
};

FALLIBLE writer_write(struct writer *writer, const void *bytes, size_t n);
/*
 * Memory of the writer's own to put the next bytes into, *ret_n bytes from *ret, until the next
 * call: writer_write() from the start of it copies nothing. *ret_n is 0 where the writer has none.
 */
FALLIBLE writer_space(struct writer *writer, void **ret, size_t *ret_n);
/* Close and free (takes writer), also when it fails. */
FALLIBLE writer_close(struct writer *writer);
void writer_free(struct writer *writer); /* NULL is fine */
/*
 * Abandon it like writer_free() (takes writer, borrows cause), and let a pipe at the bottom say
 * why.
 */
void writer_fail(struct writer *writer, const struct error *cause);
/* For a filter's own fail: tell the writer below. NULL is fine. */
void writer_tell_failed(struct writer *writer, const struct error *cause);

/* To an fd (takes it); close does not fsync. */
struct writer *writer_to_fd(int fd);
/* Into a strbuf (borrows it). */
struct writer *writer_to_strbuf(struct strbuf *buf);
/* Drops everything. */
struct writer *writer_to_nowhere(void);
/* To both (takes both). The first error of either stops both. */
struct writer *writer_tee(struct writer *a, struct writer *b);

/* Move everything from reader to writer; *ret_n (may be NULL) counts. Borrows both. */
FALLIBLE stream_copy(struct reader *reader, struct writer *writer, uint64_t *ret_n);

DEFINE_AUTO_PTR(writer, writer_free)
