/*
 * A ring of blocks. The writer fills the block at the tail and the reader empties the one at the
 * head without the lock; the lock is taken once for each block that changes hands, so small writes
 * cost a memcpy and a thread is woken at most once for 128 KiB.
 */
#include "stream/pipe.h"
#include "base/xalloc.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

struct block {
	size_t n;
	char bytes[PIPE_BLOCK_BYTES];
};

struct pipe {
	pthread_mutex_t lock;
	pthread_cond_t can_read, can_write;
	struct block *blocks; /* pages that no byte came to are not there */
	unsigned count;
	/* The rest is guarded by lock. */
	uint64_t written, read; /* blocks handed over, blocks given back */
	struct error *error;    /* what the reader gets after the last block */
	bool ended, reader_gone, writer_gone;
};

struct pipe_reader {
	struct reader base;
	struct pipe *pipe;
	struct block *block; /* being emptied; NULL: none held */
	size_t at;
};

struct pipe_writer {
	struct writer base;
	struct pipe *pipe;
	struct block *block; /* being filled; NULL: none held */
};

static void pipe_free(struct pipe *pipe)
{
	free(pipe->blocks);
	error_free(pipe->error);
	(void)pthread_cond_destroy(&pipe->can_read);
	(void)pthread_cond_destroy(&pipe->can_write);
	(void)pthread_mutex_destroy(&pipe->lock);
	free(pipe);
}

/* Reading. */

static FALLIBLE next_block(struct pipe_reader *self)
{
	struct pipe *pipe = self->pipe;
	struct error *error = NULL;

	(void)pthread_mutex_lock(&pipe->lock);
	while (pipe->read == pipe->written && !pipe->ended)
		(void)pthread_cond_wait(&pipe->can_read, &pipe->lock);
	if (pipe->read < pipe->written) {
		self->block = &pipe->blocks[pipe->read % pipe->count];
		self->at = 0;
	} else {
		error = TAKE(pipe->error);
	}
	(void)pthread_mutex_unlock(&pipe->lock);
	return error;
}

static void give_back_empty(struct pipe_reader *self)
{
	struct pipe *pipe = self->pipe;

	if (!self->block || self->at < self->block->n)
		return;
	self->block = NULL;
	(void)pthread_mutex_lock(&pipe->lock);
	pipe->read++;
	(void)pthread_cond_signal(&pipe->can_write);
	(void)pthread_mutex_unlock(&pipe->lock);
}

/* Up to n bytes where they lie; the block is given back with the next call, if this emptied it. */
static FALLIBLE pipe_next(
		struct reader *reader, void *buf, size_t n, const void **ret, size_t *ret_n)
{
	struct pipe_reader *self = (struct pipe_reader *)reader;

	*ret_n = 0;
	give_back_empty(self);
	if (!self->block)
		TRY(next_block(self));
	if (!self->block)
		return NULL;
	*ret = self->block->bytes + self->at;
	*ret_n = n < self->block->n - self->at ? n : self->block->n - self->at;
	self->at += *ret_n;
	return NULL;
}

static FALLIBLE pipe_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	const void *bytes = NULL;

	TRY(pipe_next(reader, buf, n, &bytes, ret_n));
	if (*ret_n > 0)
		memcpy(buf, bytes, *ret_n);
	give_back_empty((struct pipe_reader *)reader);
	return NULL;
}

static void pipe_reader_free(struct reader *reader)
{
	struct pipe_reader *self = (struct pipe_reader *)reader;
	struct pipe *pipe = self->pipe;

	give_back_empty(self);
	(void)pthread_mutex_lock(&pipe->lock);
	pipe->reader_gone = true;
	bool is_last = pipe->writer_gone;
	(void)pthread_cond_signal(&pipe->can_write);
	(void)pthread_mutex_unlock(&pipe->lock);
	if (is_last)
		pipe_free(pipe);
	free(self);
}

static const struct reader_ops pipe_reader_ops = { pipe_read, pipe_reader_free, pipe_next };

/* Writing. */

static FALLIBLE reader_left(void)
{
	return error_new(ERR_CANCELED, "the reader of the pipe is gone");
}

/* Wait for a free block. */
static FALLIBLE take_block(struct pipe_writer *self)
{
	struct pipe *pipe = self->pipe;

	(void)pthread_mutex_lock(&pipe->lock);
	while (pipe->written - pipe->read == pipe->count && !pipe->reader_gone)
		(void)pthread_cond_wait(&pipe->can_write, &pipe->lock);
	bool is_gone = pipe->reader_gone;
	unsigned i = (unsigned)(pipe->written % pipe->count);
	(void)pthread_mutex_unlock(&pipe->lock);
	if (is_gone)
		return reader_left();
	self->block = &pipe->blocks[i];
	self->block->n = 0;
	return NULL;
}

/* Hand the filled block over, if there is one. False when bytes are left that nobody will read. */
static bool hand_over(struct pipe_writer *self)
{
	struct pipe *pipe = self->pipe;

	(void)pthread_mutex_lock(&pipe->lock);
	if (self->block && self->block->n > 0) {
		pipe->written++;
		(void)pthread_cond_signal(&pipe->can_read);
	}
	bool is_lost = pipe->reader_gone && pipe->read < pipe->written;
	(void)pthread_mutex_unlock(&pipe->lock);
	self->block = NULL;
	return !is_lost;
}

static FALLIBLE pipe_write(struct writer *writer, const void *bytes, size_t n)
{
	struct pipe_writer *self = (struct pipe_writer *)writer;
	const char *at = bytes;

	while (n > 0) {
		if (!self->block)
			TRY(take_block(self));
		struct block *block = self->block;

		assert(block);
		size_t room = PIPE_BLOCK_BYTES - block->n;
		size_t part = n < room ? n : room;

		if (at != block->bytes + block->n) /* not put there already, see pipe_space() */
			memcpy(block->bytes + block->n, at, part);
		block->n += part;
		at += part;
		n -= part;
		if (part == room && !hand_over(self))
			return reader_left();
	}
	return NULL;
}

static FALLIBLE pipe_space(struct writer *writer, void **ret, size_t *ret_n)
{
	struct pipe_writer *self = (struct pipe_writer *)writer;

	if (!self->block)
		TRY(take_block(self));
	struct block *block = self->block;

	assert(block);
	*ret = block->bytes + block->n;
	*ret_n = PIPE_BLOCK_BYTES - block->n;
	return NULL;
}

/* The reader's stream ends here; error (taken) is what it gets then. Only the first time counts. */
static void end(struct pipe *pipe, struct error *error)
{
	(void)pthread_mutex_lock(&pipe->lock);
	if (!pipe->ended) {
		pipe->ended = true;
		pipe->error = TAKE(error);
	}
	(void)pthread_cond_signal(&pipe->can_read);
	(void)pthread_mutex_unlock(&pipe->lock);
	error_free(error);
}

static FALLIBLE pipe_close(struct writer *writer)
{
	struct pipe_writer *self = (struct pipe_writer *)writer;
	bool is_complete = hand_over(self);

	end(self->pipe, NULL);
	return is_complete ? NULL : reader_left();
}

static void pipe_fail(struct writer *writer, const struct error *cause)
{
	struct pipe_writer *self = (struct pipe_writer *)writer;

	(void)hand_over(self);
	end(self->pipe, error_copy(cause));
}

static void pipe_writer_free(struct writer *writer)
{
	struct pipe_writer *self = (struct pipe_writer *)writer;
	struct pipe *pipe = self->pipe;

	(void)hand_over(self);
	end(pipe, error_new(ERR_CANCELED, "the writer of the pipe gave up"));
	(void)pthread_mutex_lock(&pipe->lock);
	pipe->writer_gone = true;
	bool is_last = pipe->reader_gone;
	(void)pthread_mutex_unlock(&pipe->lock);
	if (is_last)
		pipe_free(pipe);
	free(self);
}

static const struct writer_ops pipe_writer_ops = { pipe_write, pipe_close, pipe_writer_free,
	pipe_fail, pipe_space };

void pipe_open(unsigned blocks, struct reader **ret_reader, struct writer **ret_writer)
{
	struct pipe *pipe = xcalloc(1, sizeof(*pipe));
	struct pipe_reader *reader = xcalloc(1, sizeof(*reader));
	struct pipe_writer *writer = xcalloc(1, sizeof(*writer));

	pipe->count = blocks < 2 ? 2 : blocks;
	pipe->blocks = xrealloc(NULL, pipe->count, sizeof(*pipe->blocks));
	(void)pthread_mutex_init(&pipe->lock, NULL);
	(void)pthread_cond_init(&pipe->can_read, NULL);
	(void)pthread_cond_init(&pipe->can_write, NULL);
	reader->base.ops = &pipe_reader_ops;
	reader->pipe = pipe;
	writer->base.ops = &pipe_writer_ops;
	writer->pipe = pipe;
	*ret_reader = &reader->base;
	*ret_writer = &writer->base;
}
