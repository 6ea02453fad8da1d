/*
 * One queue, one lock. A worker is started by a submit that finds none idle, until there are
 * enough. The queue holds a few jobs for each worker: enough to keep them busy, too few for memory
 * to grow with the work.
 */
#include "stream/pool.h"
#include "base/xalloc.h"
#include "stream/threads.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>

enum { JOBS_PER_WORKER = 4, WORKERS_LIMIT = 256 };

struct job {
	void (*run)(void *job);
	void *argument;
};

struct pool {
	unsigned workers;
	pthread_mutex_t lock;
	pthread_cond_t has_job, has_room;
	/* The rest is guarded by lock. */
	struct job *queue; /* ring */
	size_t capacity, head, n;
	pthread_t *threads;
	unsigned started, idle;
	bool stopping;
};

static unsigned cpus_allowed(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	int n = CPU_COUNT(&set);
	return n > 0 ? (unsigned)n : 1;
}

struct pool *pool_new(unsigned workers)
{
	struct pool *pool = xcalloc(1, sizeof(*pool));

	if (workers == 0)
		workers = cpus_allowed();
	pool->workers = workers < WORKERS_LIMIT ? workers : WORKERS_LIMIT;
	pool->capacity = (size_t)pool->workers * JOBS_PER_WORKER;
	pool->queue = xcalloc(pool->capacity, sizeof(*pool->queue));
	pool->threads = xcalloc(pool->workers, sizeof(*pool->threads));
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_cond_init(&pool->has_job, NULL);
	(void)pthread_cond_init(&pool->has_room, NULL);
	return pool;
}

unsigned pool_workers(const struct pool *pool)
{
	return pool->workers;
}

static void *work(void *argument)
{
	struct pool *pool = argument;

	(void)pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (pool->n == 0 && !pool->stopping) {
			pool->idle++;
			(void)pthread_cond_wait(&pool->has_job, &pool->lock);
			pool->idle--;
		}
		if (pool->n == 0)
			break;
		struct job job = pool->queue[pool->head];

		pool->head = (pool->head + 1) % pool->capacity;
		if (pool->n-- == pool->capacity)
			(void)pthread_cond_broadcast(&pool->has_room);
		(void)pthread_mutex_unlock(&pool->lock);
		job.run(job.argument);
		(void)pthread_mutex_lock(&pool->lock);
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Under lock. False when not one thread could be started. */
static bool ensure_worker(struct pool *pool)
{
	if (pool->idle > pool->n || pool->started == pool->workers)
		return true;
	if (threads_start(&pool->threads[pool->started], "kiln-worker", work, pool) == 0)
		pool->started++;
	return pool->started > 0;
}

void pool_submit(struct pool *pool, void (*run)(void *job), void *job)
{
	(void)pthread_mutex_lock(&pool->lock);
	assert(!pool->stopping);
	if (!ensure_worker(pool)) {
		(void)pthread_mutex_unlock(&pool->lock);
		run(job);
		return;
	}
	while (pool->n == pool->capacity)
		(void)pthread_cond_wait(&pool->has_room, &pool->lock);
	pool->queue[(pool->head + pool->n++) % pool->capacity] = (struct job){ run, job };
	(void)pthread_cond_signal(&pool->has_job);
	(void)pthread_mutex_unlock(&pool->lock);
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	(void)pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	(void)pthread_cond_broadcast(&pool->has_job);
	(void)pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->started; i++)
		(void)pthread_join(pool->threads[i], NULL);
	(void)pthread_cond_destroy(&pool->has_room);
	(void)pthread_cond_destroy(&pool->has_job);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool->threads);
	free(pool->queue);
	free(pool);
}
