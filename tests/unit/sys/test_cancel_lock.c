#include "scratch.h"
#include "sys/cancel.h"
#include "sys/lock.h"

#include <poll.h>
#include <pthread.h>

static void cancels(void **state)
{
	AUTO(cancel) struct cancel *cancel = cancel_new();
	struct pollfd fds = { .fd = cancel_fd(cancel), .events = POLLIN };

	assert_false(cancel_is_set(cancel));
	assert_ok(cancel_check(cancel));
	assert_int_equal(poll(&fds, 1, 0), 0);
	cancel_set(cancel);
	cancel_set(cancel);
	assert_true(cancel_is_set(cancel));
	assert_error(cancel_check(cancel), ERR_CANCELED, "canceled");
	assert_int_equal(poll(&fds, 1, 0), 1);
	assert_ok(cancel_check(NULL));
	assert_int_equal(cancel_fd(NULL), -1);
}

static int open_lock(const struct scratch *scratch)
{
	int fd = openat(scratch->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static void locks(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FD int a = open_lock(&scratch);
	AUTO_FD int b = open_lock(&scratch);

	assert_ok(lock_take(a, false, false, NULL));
	assert_ok(lock_take(b, false, false, NULL));
	assert_error(lock_take(b, true, false, NULL), ERR_BUSY, "locked by another");
	lock_release(a);
	assert_ok(lock_take(b, true, false, NULL));
	assert_error(lock_take(a, false, false, NULL), ERR_BUSY, "locked by another");
	(void)close(b);
	b = -1;
	assert_ok(lock_take(a, true, true, NULL));
}

static void *set_soon(void *cancel)
{
	(void)poll(NULL, 0, 20);
	cancel_set(cancel);
	return NULL;
}

static void stops_waiting(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(cancel) struct cancel *cancel = cancel_new();
	AUTO_FD int a = open_lock(&scratch);
	AUTO_FD int b = open_lock(&scratch);
	pthread_t thread;

	assert_ok(lock_take(a, true, false, NULL));
	assert_int_equal(pthread_create(&thread, NULL, set_soon, cancel), 0);
	assert_error(lock_take(b, true, true, cancel), ERR_CANCELED, "canceled");
	(void)pthread_join(thread, NULL);
}

UNIT_TESTS(cancels, locks, stops_waiting)
