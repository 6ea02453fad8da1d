#include "stream/blocks.h"
#include "base/xalloc.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

struct slot {
	struct blocks *owner;
	struct block block;
	uint8_t *memory; /* history, then input */
	void *state;
	struct error *error; /* the job's until is_done */
	bool is_done;        /* guarded by owner->lock */
};

/*
 * A ring of slots: [oldest, next) are compressed or being compressed, next is being filled. next is
 * the caller's alone. oldest is moved by whoever writes to below: the caller, or the drain thread
 * from its start until it is joined.
 */
struct blocks {
	struct writer base;
	struct writer *below;
	const struct blocks_format *format;
	struct pool *pool;
	struct blocks_total total;
	struct slot *slots;
	size_t count;
	uint64_t next;
	bool is_open; /* next is being filled */
	bool has_header;
	struct group *drain; /* of one thread; NULL: the caller writes */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* anything below */
	uint64_t oldest;        /* guarded by lock, as all below and is_done */
	uint64_t submitted;     /* what the drain thread may wait for */
	bool is_ending;         /* no more will be submitted */
	bool is_broken;         /* the drain thread met an error, or is to stop */
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
	(void)pthread_cond_broadcast(&self->changed);
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
		(void)pthread_cond_wait(&slot->owner->changed, &slot->owner->lock);
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
	struct slot *slot = slot_at(self, self->oldest);
	const struct block *block = &slot->block;

	if (slot->error)
		return TAKE(slot->error);
	TRY(write_header(self));
	TRY(writer_write(self->below, block->out, block->out_n));
	self->total.bytes += block->in_n;
	if (self->format->join)
		self->total.crc = self->format->join(self->total.crc, block->crc, block->in_n);
	(void)pthread_mutex_lock(&self->lock);
	self->oldest++;
	(void)pthread_cond_broadcast(&self->changed);
	(void)pthread_mutex_unlock(&self->lock);
	return NULL;
}

/* The drain thread. */

/* Wait until the oldest block is done; false: there will be none. */
static bool await_oldest(struct blocks *self)
{
	(void)pthread_mutex_lock(&self->lock);
	while (!self->is_broken &&
			(self->oldest < self->submitted ? !slot_at(self, self->oldest)->is_done
							: !self->is_ending))
		(void)pthread_cond_wait(&self->changed, &self->lock);
	bool has_one = !self->is_broken && self->oldest < self->submitted;
	(void)pthread_mutex_unlock(&self->lock);
	return has_one;
}

static void set_broken(struct blocks *self)
{
	(void)pthread_mutex_lock(&self->lock);
	self->is_broken = true;
	(void)pthread_cond_broadcast(&self->changed);
	(void)pthread_mutex_unlock(&self->lock);
}

static struct error *run_drain(void *argument)
{
	struct blocks *self = argument;

	while (await_oldest(self)) {
		struct error *error = write_oldest(self);

		if (error) {
			set_broken(self);
			return error;
		}
	}
	return NULL;
}

static void start_drain(struct blocks *self)
{
	struct group *group = group_new();

	if (!group_start(group, "kiln-packed", run_drain, self)) {
		group_free(group); /* no thread: the caller writes */
		return;
	}
	self->drain = group;
}

/* The thread's error, once it ended; from here on the caller writes. */
static FALLIBLE join_drain(struct blocks *self)
{
	struct group *group = TAKE(self->drain);

	if (!group)
		return NULL;
	struct error *error = group_join(group);

	group_free(group);
	return error;
}

static void stop_drain(struct blocks *self)
{
	set_broken(self);
	error_ignore(join_drain(self), "the stream is given up");
}

/* The caller's side. */

static FALLIBLE write_done(struct blocks *self)
{
	while (self->oldest < self->next && slot_is_done(slot_at(self, self->oldest)))
		TRY(write_oldest(self));
	return NULL;
}

/* Wait until slot `next` is free. */
static FALLIBLE await_slot(struct blocks *self)
{
	if (!self->drain) {
		if (self->next - self->oldest < self->count)
			return NULL;
		wait_done(slot_at(self, self->oldest));
		return write_oldest(self);
	}
	(void)pthread_mutex_lock(&self->lock);
	while (!self->is_broken && self->next - self->oldest == self->count)
		(void)pthread_cond_wait(&self->changed, &self->lock);
	bool is_broken = self->is_broken;
	(void)pthread_mutex_unlock(&self->lock);
	return is_broken ? join_drain(self) : NULL;
}

/* Make slot `next` ready to be filled: wait for its last use, copy the history. */
static FALLIBLE open_slot(struct blocks *self)
{
	struct slot *slot = slot_at(self, self->next);

	TRY(await_slot(self));
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
	self->is_open = true;
	return NULL;
}

/* The slot is full: have it compressed. What is ready by now is written, by the thread or here. */
static FALLIBLE submit(struct blocks *self, bool is_last)
{
	struct slot *slot = slot_at(self, self->next++);

	if (self->pool && !is_last && self->next == 1)
		start_drain(self);
	if (self->pool && !is_last)
		pool_submit(self->pool, compress_slot, slot);
	else
		compress_slot(slot);
	if (!self->drain)
		return write_done(self);
	(void)pthread_mutex_lock(&self->lock);
	self->submitted = self->next;
	(void)pthread_cond_broadcast(&self->changed);
	(void)pthread_mutex_unlock(&self->lock);
	return NULL;
}

static uint8_t *fill_point(const struct blocks *self, const struct slot *slot)
{
	return slot->memory + self->format->history_bytes + slot->block.in_n;
}

static FALLIBLE blocks_space(struct writer *writer, void **ret, size_t *ret_n)
{
	struct blocks *self = (struct blocks *)writer;

	if (!self->is_open)
		TRY(open_slot(self));
	const struct slot *slot = slot_at(self, self->next);

	*ret = fill_point(self, slot);
	*ret_n = self->format->block_bytes - slot->block.in_n;
	return NULL;
}

static FALLIBLE blocks_write(struct writer *writer, const void *bytes, size_t n)
{
	struct blocks *self = (struct blocks *)writer;
	const uint8_t *at = bytes;

	while (n > 0) {
		struct slot *slot = slot_at(self, self->next);

		if (!self->is_open)
			TRY(open_slot(self));
		size_t room = self->format->block_bytes - slot->block.in_n;
		size_t part = n < room ? n : room;

		if (at != fill_point(self, slot)) /* not put there already, see blocks_space() */
			memcpy(fill_point(self, slot), at, part);
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

/* Everything that was submitted is written to below. */
static FALLIBLE finish_blocks(struct blocks *self)
{
	if (self->drain) {
		(void)pthread_mutex_lock(&self->lock);
		self->is_ending = true;
		(void)pthread_cond_broadcast(&self->changed);
		(void)pthread_mutex_unlock(&self->lock);
		return join_drain(self);
	}
	while (self->oldest < self->next) {
		wait_done(slot_at(self, self->oldest));
		TRY(write_oldest(self));
	}
	return NULL;
}

static FALLIBLE blocks_close(struct writer *writer)
{
	struct blocks *self = (struct blocks *)writer;
	uint8_t edge[BLOCKS_EDGE_BYTES];
	bool has_rest = self->is_open && slot_at(self, self->next)->block.in_n > 0;

	self->is_open = false;
	if (has_rest)
		TRY(submit(self, true));
	TRY(finish_blocks(self));
	TRY(write_header(self));
	TRY(writer_write(self->below, edge, self->format->trailer(edge, &self->total)));
	return writer_close(TAKE(self->below));
}

static void blocks_free(struct writer *writer)
{
	struct blocks *self = (struct blocks *)writer;

	stop_drain(self);
	for (; self->oldest < self->next; self->oldest++)
		wait_done(slot_at(self, self->oldest));
	for (size_t i = 0; i < self->count; i++)
		slot_done(&self->slots[i], self->format);
	free(self->slots);
	writer_free(self->below);
	(void)pthread_cond_destroy(&self->changed);
	(void)pthread_mutex_destroy(&self->lock);
	free(self);
}

static void blocks_fail(struct writer *writer, const struct error *cause)
{
	struct blocks *self = (struct blocks *)writer;

	stop_drain(self);
	writer_tell_failed(self->below, cause);
}

static const struct writer_ops blocks_ops = { blocks_write, blocks_close, blocks_free, blocks_fail,
	blocks_space };

struct writer *blocks_writer(struct writer *below, const struct blocks_format *format, int level,
		struct pool *pool)
{
	struct blocks *self = xcalloc(1, sizeof(*self));

	self->base.ops = &blocks_ops;
	self->below = below;
	self->format = format;
	self->pool = pool;
	self->total.level = level;
	/*
	 * Without a pool two are enough: the one being filled and the one before, its history. With
	 * one: as many as there are workers, and one that is written or waits for that.
	 */
	self->count = pool ? pool_workers(pool) + 3 : 2;
	self->slots = xcalloc(self->count, sizeof(*self->slots));
	(void)pthread_mutex_init(&self->lock, NULL);
	(void)pthread_cond_init(&self->changed, NULL);
	return &self->base;
}
