#include "base/xalloc.h"
#include "stream/pool.h"
#include "stream/threads.h"
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct count_job {
	_Atomic unsigned *runs;
	unsigned own;
};

static void count_run(void *job)
{
	struct count_job *self = job;

	self->own++;
	atomic_fetch_add(self->runs, 1);
}

static void runs_every_job_once(void **state)
{
	for (unsigned workers = 0; workers < 9; workers++) {
		struct pool *pool = pool_new(workers);
		_Atomic unsigned runs = 0;
		struct count_job *jobs = xcalloc(5000, sizeof(*jobs));

		assert_true(pool_workers(pool) >= 1);
		for (unsigned i = 0; i < 5000; i++) {
			jobs[i].runs = &runs;
			pool_submit(pool, count_run, &jobs[i]);
		}
		pool_free(pool); /* waits */
		assert_int_equal(runs, 5000);
		for (unsigned i = 0; i < 5000; i++)
			assert_int_equal(jobs[i].own, 1);
		free(jobs);
	}
	pool_free(NULL);
}

static void has_as_many_workers_as_cpus(void **state)
{
	cpu_set_t before, one;
	AUTO(pool) struct pool *all = pool_new(0);
	AUTO(pool) struct pool *single = NULL;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	assert_int_equal(pool_workers(all), CPU_COUNT(&before));
	CPU_ZERO(&one);
	for (int i = 0; CPU_COUNT(&one) == 0; i++)
		if (CPU_ISSET(i, &before))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	single = pool_new(0);
	assert_int_equal(pool_workers(single), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

/* Jobs that can only end when all run: the pool really has three workers. */
static void meet(void *job)
{
	(void)pthread_barrier_wait(job);
}

static void works_side_by_side(void **state)
{
	AUTO(pool) struct pool *pool = pool_new(3);
	pthread_barrier_t barrier;

	assert_int_equal(pthread_barrier_init(&barrier, NULL, 4), 0);
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 3; i++)
			pool_submit(pool, meet, &barrier);
		(void)pthread_barrier_wait(&barrier);
	}
	pool_free(TAKE(pool)); /* the last worker may still be leaving the barrier */
	assert_int_equal(pthread_barrier_destroy(&barrier), 0);
}

struct many_submits {
	struct pool *pool;
	_Atomic unsigned *runs;
};

static struct error *submit_many(void *argument)
{
	const struct many_submits *self = argument;
	struct count_job jobs[100];

	/* Own jobs must outlive the runs: wait for the common count. */
	for (unsigned i = 0; i < 100; i++) {
		jobs[i] = (struct count_job){ .runs = self->runs };
		pool_submit(self->pool, count_run, &jobs[i]);
	}
	while (atomic_load(self->runs) < 400)
		(void)sched_yield();
	return NULL;
}

static void takes_jobs_of_many_threads(void **state)
{
	AUTO(pool) struct pool *pool = pool_new(2);
	AUTO(group) struct group *group = group_new();
	_Atomic unsigned runs = 0;
	struct many_submits submits = { pool, &runs };

	for (int i = 0; i < 4; i++)
		assert_true(group_start(group, "submit", submit_many, &submits));
	assert_ok(group_join(group));
	assert_int_equal(runs, 400);
}

/* Group. */

static struct error *give_back(void *argument)
{
	return argument;
}

static void keeps_the_first_real_error(void **state)
{
	AUTO(group) struct group *group = group_new();

	assert_ok(group_join(group));
	(void)group_start(group, "fine", give_back, NULL);
	(void)group_start(group, "gone", give_back, error_new(ERR_CANCELED, "canceled"));
	(void)group_start(group, "bad", give_back, error_new(ERR_DENIED, "first real"));
	(void)group_start(group, "worse", give_back, error_new(ERR_INVALID, "second real"));
	assert_error(group_join(group), ERR_DENIED, "first real");
	assert_ok(group_join(group)); /* can be used again */
	(void)group_start(group, "gone", give_back, error_new(ERR_CANCELED, "one"));
	(void)group_start(group, "gone", give_back, error_new(ERR_CANCELED, "two"));
	assert_error(group_join(group), ERR_CANCELED, "one");
	(void)group_start(group, "bad", give_back, error_new(ERR_DENIED, "dropped"));
}

static struct error *check_thread(void *argument)
{
	char name[16] = "";
	sigset_t blocked;

	(void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	if (!sigismember(&blocked, SIGTERM) || !sigismember(&blocked, SIGINT))
		return error_new(ERR_INVALID, "signals are not blocked");
	/* The starter names us after the start. */
	while (strcmp(name, argument) != 0) {
		(void)sched_yield();
		(void)pthread_getname_np(pthread_self(), name, sizeof(name));
	}
	return NULL;
}

static void names_threads(void **state)
{
	AUTO(group) struct group *group = group_new();
	sigset_t blocked;
	char want_short[] = "layer", want_long[] = "a very long nam";

	(void)group_start(group, "layer", check_thread, want_short);
	(void)group_start(group, "a very long name indeed", check_thread, want_long);
	assert_ok(group_join(group));
	(void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	assert_false(sigismember(&blocked, SIGTERM));
}

/* Where the system gives no thread, jobs run in submit, and a group says so. */
static int without_threads(void)
{
	static const struct rlimit none = { 0, 0 };
	AUTO(pool) struct pool *pool = pool_new(2);
	AUTO(group) struct group *group = group_new();
	_Atomic unsigned runs = 0;
	struct count_job job = { .runs = &runs };

	if (setrlimit(RLIMIT_NPROC, &none) != 0 || (getuid() == 0 && setuid(65534) != 0))
		return 2;
	pool_submit(pool, count_run, &job);
	pool_submit(pool, count_run, &job);
	if (runs != 2)
		return 3;
	if (group_start(group, "none", give_back, NULL))
		return 4;
	struct error *error = group_join(group);
	bool is_right = error_is_errno(error, EAGAIN) && error_find_hint(error);
	error_free(error);
	return is_right ? 0 : 5;
}

static void works_without_threads(void **state)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		_exit(without_threads());
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static struct error *give_way(void *argument)
{
	int *seen = argument;

	threads_give_way(2);
	threads_give_way(2);
	*seen = getpriority(PRIO_PROCESS, 0);
	return NULL;
}

/* A build of many large layers is no nicer than one of a single one. */
static struct error *give_way_often(void *argument)
{
	int *seen = argument;

	for (int i = 0; i < 3; i++) {
		AUTO(group) struct group *group = group_new();

		threads_give_way(2);
		if (!group_start(group, "nicer", give_way, &seen[i]))
			return error_new(ERR_SYS, "no thread");
		TRY(group_join(group));
	}
	return NULL;
}

static void gives_way_once(void **state)
{
	AUTO(group) struct group *group = group_new();
	int usual = getpriority(PRIO_PROCESS, 0), seen[3] = { -1, -1, -1 };
	int nicer = usual + 2 < 19 ? usual + 2 : 19;

	assert_true(group_start(group, "nice", give_way_often, seen));
	assert_ok(group_join(group));
	for (size_t i = 0; i < COUNT(seen); i++)
		assert_int_equal(seen[i], nicer);
	assert_int_equal(getpriority(PRIO_PROCESS, 0), usual);
}

UNIT_TESTS(runs_every_job_once, has_as_many_workers_as_cpus, works_side_by_side,
		takes_jobs_of_many_threads, keeps_the_first_real_error, names_threads,
		works_without_threads, gives_way_once)
