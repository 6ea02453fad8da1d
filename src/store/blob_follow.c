#include "store/blob_follow.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

enum follow_state { FOLLOW_GROWS = 0, FOLLOW_WHOLE, FOLLOW_LOST };

struct blob_follower {
	int fd;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t bytes; /* guarded by lock, as all below */
	enum follow_state state;
	unsigned refs;
};

struct follow_reader {
	struct reader reader;
	struct blob_follower *follower;
	uint64_t at;
};

struct blob_follower *blob_follower_new(int fd)
{
	struct blob_follower *follower = xcalloc(1, sizeof(*follower));

	follower->fd = fd;
	follower->refs = 2;
	(void)pthread_mutex_init(&follower->lock, NULL);
	(void)pthread_cond_init(&follower->changed, NULL);
	return follower;
}

void blob_follower_free(struct blob_follower *follower)
{
	if (!follower)
		return;
	(void)pthread_mutex_lock(&follower->lock);
	unsigned left = --follower->refs;
	(void)pthread_mutex_unlock(&follower->lock);
	if (left)
		return;
	(void)close(follower->fd);
	(void)pthread_mutex_destroy(&follower->lock);
	(void)pthread_cond_destroy(&follower->changed);
	free(follower);
}

void blob_follower_grow(struct blob_follower *follower, uint64_t bytes)
{
	(void)pthread_mutex_lock(&follower->lock);
	follower->bytes = bytes;
	(void)pthread_cond_broadcast(&follower->changed);
	(void)pthread_mutex_unlock(&follower->lock);
}

static void set_state(struct blob_follower *follower, enum follow_state state)
{
	(void)pthread_mutex_lock(&follower->lock);
	/* What is lost stays lost: the reader may have been told already. */
	if (follower->state != FOLLOW_LOST)
		follower->state = state;
	(void)pthread_cond_broadcast(&follower->changed);
	(void)pthread_mutex_unlock(&follower->lock);
}

void blob_follower_end(struct blob_follower *follower, bool is_whole)
{
	set_state(follower, is_whole ? FOLLOW_WHOLE : FOLLOW_LOST);
}

void blob_follower_stop(struct blob_follower *follower)
{
	set_state(follower, FOLLOW_LOST);
}

/* More than at bytes, or the end. */
static uint64_t wait_beyond(
		struct blob_follower *follower, uint64_t at, enum follow_state *ret_state)
{
	(void)pthread_mutex_lock(&follower->lock);
	while (follower->state == FOLLOW_GROWS && follower->bytes <= at)
		(void)pthread_cond_wait(&follower->changed, &follower->lock);
	uint64_t bytes = follower->bytes;
	*ret_state = follower->state;
	(void)pthread_mutex_unlock(&follower->lock);
	return bytes;
}

bool blob_follower_await(struct blob_follower *follower, uint64_t bytes)
{
	enum follow_state state = FOLLOW_GROWS;

	return wait_beyond(follower, bytes - 1, &state) >= bytes && state != FOLLOW_LOST;
}

static struct error *follow_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct follow_reader *self = (struct follow_reader *)reader;
	enum follow_state state = FOLLOW_GROWS;
	uint64_t there = wait_beyond(self->follower, self->at, &state);

	if (state == FOLLOW_LOST)
		return error_new(ERR_CANCELED, "the blob was given up while it was written");
	if (n > there - self->at)
		n = (size_t)(there - self->at);
	ssize_t got = n ? pread(self->follower->fd, buf, n, (off_t)self->at) : 0;
	if (got < 0)
		return error_sys("read a blob that is being written");
	if (n && got == 0)
		return error_new(ERR_INVALID, "a blob that is being written became shorter");
	self->at += (uint64_t)got;
	*ret_n = (size_t)got;
	return NULL;
}

static void follow_free(struct reader *reader)
{
	free(reader);
}

struct reader *blob_follower_reader(struct blob_follower *follower)
{
	static const struct reader_ops ops = { .read = follow_read, .free = follow_free };
	struct follow_reader *reader = xcalloc(1, sizeof(*reader));

	reader->reader.ops = &ops;
	reader->follower = follower;
	return &reader->reader;
}
