/*
 * faults: readers and writers that misbehave at a chosen byte, and that tell what was done to them.
 *
 * Floor: tests.
 */
#pragma once
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that compress, but not too well; the same for the same seed. */
static inline void fill_text(char *at, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		at[i] = (seed >> 24) % 4 ? (char)('a' + (seed >> 28)) : ' ';
	}
}

static inline void fill_noise(char *at, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		at[i] = (char)(seed >> 23);
	}
}

/* A quarter each of text, noise, zeros and a repeated line. */
static inline char *mixed_bytes(size_t n)
{
	char *bytes = xmalloc(n + 1);
	size_t quarter = n / 4;

	fill_text(bytes, quarter, 1);
	fill_noise(bytes + quarter, quarter, 2);
	memset(bytes + 2 * quarter, 0, quarter);
	for (size_t i = 3 * quarter; i < n; i++)
		bytes[i] = "another line of the same text\n"[i % 30];
	return bytes;
}

struct fault_reader {
	struct reader base;
	const char *bytes;
	size_t n, at;
	size_t step;    /* at most so many bytes for each read; 0: no bound */
	size_t fail_at; /* SIZE_MAX: never */
	unsigned *freed;
	unsigned reads_after_end;
	bool ended;
};

static struct error *fault_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct fault_reader *self = (struct fault_reader *)reader;

	if (self->ended)
		self->reads_after_end++;
	if (self->at >= self->fail_at) {
		self->ended = true;
		return error_errno(EIO, "read at byte %zu", self->at);
	}
	if (self->step && n > self->step)
		n = self->step;
	if (n > self->n - self->at)
		n = self->n - self->at;
	if (n > self->fail_at - self->at)
		n = self->fail_at - self->at;
	if (n > 0)
		memcpy(buf, self->bytes + self->at, n);
	self->at += n;
	self->ended = n == 0;
	*ret_n = n;
	return NULL;
}

static void fault_reader_free(struct reader *reader)
{
	struct fault_reader *self = (struct fault_reader *)reader;

	if (self->freed)
		++*self->freed;
	free(self);
}

static const struct reader_ops fault_reader_ops = { fault_read, fault_reader_free };

static inline struct reader *fault_reader(
		const char *bytes, size_t n, size_t step, size_t fail_at, unsigned *freed)
{
	struct fault_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = &fault_reader_ops;
	self->bytes = bytes;
	self->n = n;
	self->step = step;
	self->fail_at = fail_at;
	self->freed = freed;
	return &self->base;
}

/* What happened to a fault_writer. */
struct fates {
	struct strbuf bytes;
	unsigned closed, freed, told;
	unsigned writes_after_failure;
	bool failed;
};

struct fault_writer {
	struct writer base;
	struct fates *fates;
	size_t fail_at; /* SIZE_MAX: never */
	bool fail_close;
};

static struct error *fault_write(struct writer *writer, const void *bytes, size_t n)
{
	const struct fault_writer *self = (struct fault_writer *)writer;
	struct fates *fates = self->fates;

	if (fates->failed)
		fates->writes_after_failure++;
	if (n > self->fail_at - fates->bytes.n) {
		fates->failed = true;
		return error_errno(ENOSPC, "write at byte %zu", self->fail_at);
	}
	strbuf_add_bytes(&fates->bytes, bytes, n);
	return NULL;
}

static struct error *fault_close(struct writer *writer)
{
	const struct fault_writer *self = (struct fault_writer *)writer;

	if (self->fail_close)
		return error_errno(EIO, "close");
	self->fates->closed++;
	return NULL;
}

static void fault_writer_free(struct writer *writer)
{
	((struct fault_writer *)writer)->fates->freed++;
	free(writer);
}

static void fault_writer_told(struct writer *writer, const struct error *cause)
{
	if (error_is(cause, ERR_DENIED))
		((struct fault_writer *)writer)->fates->told++;
}

static const struct writer_ops fault_writer_ops = { fault_write, fault_close, fault_writer_free,
	fault_writer_told };

static inline struct writer *fault_writer(struct fates *fates, size_t fail_at, bool fail_close)
{
	struct fault_writer *self = xcalloc(1, sizeof(*self));

	self->base.ops = &fault_writer_ops;
	self->fates = fates;
	self->fail_at = fail_at;
	self->fail_close = fail_close;
	return &self->base;
}
