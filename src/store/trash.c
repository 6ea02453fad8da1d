#include "store/trash.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "stream/group.h"
#include "sys/cancel.h"
#include "sys/fd.h"

#include <limits.h>
#include <pthread.h>
#include <time.h>

struct trash {
	int dir_fd;
	struct group *group; /* one thread, started by the first path */
	struct cancel *cancel;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* guarded by lock */
	struct list paths;
	size_t next, removed; /* of paths */
	bool started, ending;
};

struct trash *trash_new(int dir_fd)
{
	struct trash *trash = xcalloc(1, sizeof(*trash));

	trash->dir_fd = dir_fd;
	trash->cancel = cancel_new();
	(void)pthread_mutex_init(&trash->lock, NULL);
	(void)pthread_cond_init(&trash->changed, NULL);
	return trash;
}

static void remove_path(const struct trash *trash, const char *path)
{
	error_ignore(file_remove_tree_until(trash->dir_fd, path, trash->cancel), "left for prune");
}

/* The next path to remove, or NULL when there will be none. */
static char *wait_for_path(struct trash *trash)
{
	char *path = NULL;

	(void)pthread_mutex_lock(&trash->lock);
	while (trash->next == trash->paths.n && !trash->ending)
		(void)pthread_cond_wait(&trash->changed, &trash->lock);
	if (trash->next < trash->paths.n) {
		path = TAKE(trash->paths.p[trash->next]);
		trash->next++;
	}
	(void)pthread_mutex_unlock(&trash->lock);
	return path;
}

static struct error *run(void *argument)
{
	struct trash *trash = argument;

	for (;;) {
		AUTO_FREE char *path = wait_for_path(trash);

		if (!path)
			return NULL;
		remove_path(trash, path);
		(void)pthread_mutex_lock(&trash->lock);
		trash->removed++;
		(void)pthread_cond_broadcast(&trash->changed);
		(void)pthread_mutex_unlock(&trash->lock);
	}
}

void trash_add(struct trash *trash, const char *path)
{
	bool without_thread = false;

	(void)pthread_mutex_lock(&trash->lock);
	if (!trash->started) {
		trash->group = group_new();
		trash->started = group_start(trash->group, "kiln-trash", run, trash);
		if (!trash->started)
			group_free(TAKE(trash->group));
	}
	without_thread = !trash->started;
	if (!without_thread)
		list_add(&trash->paths, path);
	(void)pthread_cond_broadcast(&trash->changed);
	(void)pthread_mutex_unlock(&trash->lock);
	if (without_thread)
		remove_path(trash, path);
}

void trash_wait(struct trash *trash)
{
	(void)pthread_mutex_lock(&trash->lock);
	while (trash->removed < trash->paths.n)
		(void)pthread_cond_wait(&trash->changed, &trash->lock);
	(void)pthread_mutex_unlock(&trash->lock);
}

/* Whether all is removed by then. Under the lock. */
static bool wait_until(struct trash *trash, const struct timespec *end)
{
	int status = 0;

	while (trash->removed < trash->paths.n && !status)
		status = pthread_cond_clockwait(
				&trash->changed, &trash->lock, CLOCK_MONOTONIC, end);
	return trash->removed == trash->paths.n;
}

bool trash_free(struct trash *trash, unsigned wait_ms)
{
	struct timespec end = { 0 };
	bool is_empty = true;

	if (!trash)
		return true;
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += wait_ms / 1000 + (end.tv_nsec + wait_ms % 1000 * 1000000L) / 1000000000L;
	end.tv_nsec = (end.tv_nsec + wait_ms % 1000 * 1000000L) % 1000000000L;
	(void)pthread_mutex_lock(&trash->lock);
	trash->ending = true;
	(void)pthread_cond_broadcast(&trash->changed);
	if (wait_ms != UINT_MAX)
		is_empty = wait_until(trash, &end);
	(void)pthread_mutex_unlock(&trash->lock);
	if (!is_empty)
		cancel_set(trash->cancel);
	group_free(trash->group);
	cancel_free(trash->cancel);
	list_done(&trash->paths);
	(void)pthread_cond_destroy(&trash->changed);
	(void)pthread_mutex_destroy(&trash->lock);
	free(trash);
	return is_empty;
}
