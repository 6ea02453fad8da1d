#include "stream/blocks.h"
#include "base/xalloc.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <zlib.h>

struct slot {
	struct blocks *owner;
	struct block block;
	uint8_t *memory; /* history, then input */
	void *state;
	struct error *error; /* the job's until is_done */
	bool is_done;        /* guarded by owner->lock */
};

/*
 * A ring of slots: [oldest, next) are compressed or being compressed, next is being filled. Only
 * the caller's thread moves these two.
 */
struct blocks {
	struct writer base;
	struct writer *below;
	const struct blocks_format *format;
	struct pool *pool;
	struct blocks_total total;
	struct slot *slots;
	size_t count;
	uint64_t oldest, next;
	bool is_open; /* next is being filled */
	bool has_header;
	pthread_mutex_t lock;
	pthread_cond_t has_done;
};

static struct slot *slot_at(struct blocks *self, uint64_t i)
{
	return &self->slots[i % self->count];
}

static void slot_prepare(struct blocks *self, struct slot *slot)
{
	const struct blocks_format *format = self->format;

	if (slot->memory)
		return;
	slot->owner = self;
	slot->memory = xmalloc(format->history_bytes + format->block_bytes);
	slot->state = format->state_new(self->total.level);
	slot->block.in = slot->memory + format->history_bytes;
	slot->block.out = xmalloc(format->out_bytes);
	slot->block.out_capacity = format->out_bytes;
}

static void slot_done(struct slot *slot, const struct blocks_format *format)
{
	if (!slot->memory)
		return;
	format->state_free(slot->state);
	free(slot->block.out);
	free(slot->memory);
	error_free(slot->error);
}

/* The job of the pool. */
static void compress_slot(void *job)
{
	struct slot *slot = job;
	struct blocks *self = slot->owner;

	slot->error = self->format->compress(slot->state, &slot->block);
	(void)pthread_mutex_lock(&self->lock);
	slot->is_done = true;
	(void)pthread_cond_signal(&self->has_done);
	(void)pthread_mutex_unlock(&self->lock);
}

static bool slot_is_done(struct slot *slot)
{
	(void)pthread_mutex_lock(&slot->owner->lock);
	bool is_done = slot->is_done;
	(void)pthread_mutex_unlock(&slot->owner->lock);
	return is_done;
}

static void wait_done(struct slot *slot)
{
	(void)pthread_mutex_lock(&slot->owner->lock);
	while (!slot->is_done)
		(void)pthread_cond_wait(&slot->owner->has_done, &slot->owner->lock);
	(void)pthread_mutex_unlock(&slot->owner->lock);
}

static FALLIBLE write_header(struct blocks *self)
{
	uint8_t edge[BLOCKS_EDGE_BYTES];

	if (self->has_header)
		return NULL;
	self->has_header = true;
	return writer_write(self->below, edge, self->format->header(edge, self->total.level));
}

/* Write the oldest block, which is done, and free its slot. */
static FALLIBLE write_oldest(struct blocks *self)
{
	struct slot *slot = slot_at(self, self->oldest++);
	const struct block *block = &slot->block;

	if (slot->error)
		return TAKE(slot->error);
	TRY(write_header(self));
	TRY(writer_write(self->below, block->out, block->out_n));
	self->total.bytes += block->in_n;
	self->total.crc =
			(uint32_t)crc32_combine(self->total.crc, block->crc, (z_off_t)block->in_n);
	return NULL;
}

/* Make slot `next` ready to be filled: wait for its last use, copy the history. */
static FALLIBLE open_slot(struct blocks *self)
{
	struct slot *slot = slot_at(self, self->next);

	if (self->next - self->oldest == self->count) {
		wait_done(slot_at(self, self->oldest));
		TRY(write_oldest(self));
	}
	slot_prepare(self, slot);
	slot->is_done = false;
	slot->block.in_n = slot->block.out_n = slot->block.history_n = 0;
	slot->block.crc = 0;
	if (self->next > 0 && self->format->history_bytes > 0) {
		const struct block *before = &slot_at(self, self->next - 1)->block;
		size_t n = self->format->history_bytes;

		assert(before->in_n >= n);
		memcpy(slot->memory, before->in + before->in_n - n, n);
		slot->block.history_n = n;
	}
	return NULL;
}

static FALLIBLE write_done(struct blocks *self)
{
	while (self->oldest < self->next && slot_is_done(slot_at(self, self->oldest)))
		TRY(write_oldest(self));
	return NULL;
}

/* The slot is full: have it compressed, and write what is ready by now. */
static FALLIBLE submit(struct blocks *self, bool is_last)
{
	struct slot *slot = slot_at(self, self->next++);

	if (self->pool && !is_last)
		pool_submit(self->pool, compress_slot, slot);
	else
		compress_slot(slot);
	return write_done(self);
}

static FALLIBLE blocks_write(struct writer *writer, const void *bytes, size_t n)
{
	struct blocks *self = (struct blocks *)writer;
	const uint8_t *at = bytes;

	while (n > 0) {
		struct slot *slot = slot_at(self, self->next);

		if (!self->is_open) {
			TRY(open_slot(self));
			self->is_open = true;
		}
		size_t room = self->format->block_bytes - slot->block.in_n;
		size_t part = n < room ? n : room;

		memcpy(slot->memory + self->format->history_bytes + slot->block.in_n, at, part);
		slot->block.in_n += part;
		at += part;
		n -= part;
		if (part == room) {
			self->is_open = false;
			TRY(submit(self, false));
		}
	}
	return NULL;
}

static FALLIBLE blocks_close(struct writer *writer)
{
	struct blocks *self = (struct blocks *)writer;
	uint8_t edge[BLOCKS_EDGE_BYTES];

	if (self->is_open) {
		self->is_open = false;
		TRY(submit(self, true));
	}
	while (self->oldest < self->next) {
		wait_done(slot_at(self, self->oldest));
		TRY(write_oldest(self));
	}
	TRY(write_header(self));
	TRY(writer_write(self->below, edge, self->format->trailer(edge, &self->total)));
	return writer_close(TAKE(self->below));
}

static void blocks_free(struct writer *writer)
{
	struct blocks *self = (struct blocks *)writer;

	for (; self->oldest < self->next; self->oldest++)
		wait_done(slot_at(self, self->oldest));
	for (size_t i = 0; i < self->count; i++)
		slot_done(&self->slots[i], self->format);
	free(self->slots);
	writer_free(self->below);
	(void)pthread_cond_destroy(&self->has_done);
	(void)pthread_mutex_destroy(&self->lock);
	free(self);
}

static void blocks_fail(struct writer *writer, const struct error *cause)
{
	writer_tell_failed(((struct blocks *)writer)->below, cause);
}

static const struct writer_ops blocks_ops = { blocks_write, blocks_close, blocks_free,
	blocks_fail };

struct writer *blocks_writer(struct writer *below, const struct blocks_format *format, int level,
		struct pool *pool)
{
	struct blocks *self = xcalloc(1, sizeof(*self));

	self->base.ops = &blocks_ops;
	self->below = below;
	self->format = format;
	self->pool = pool;
	self->total.level = level;
	/* Without a pool two are enough: the one being filled and the one before, its history. */
	self->count = pool ? pool_workers(pool) + 2 : 2;
	self->slots = xcalloc(self->count, sizeof(*self->slots));
	(void)pthread_mutex_init(&self->lock, NULL);
	(void)pthread_cond_init(&self->has_done, NULL);
	return &self->base;
}
