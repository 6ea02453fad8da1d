#include "graph/schedule.h"
#include "unit.h"

#include <stdatomic.h>
#include <stdint.h>

enum { NODES = 64 };

struct fixture {
	atomic_int done[NODES];
	atomic_int runs;
	size_t fails_at;
	bool is_chain;
};

/* A chain needs the one before; otherwise each node needs its half. */
static size_t need(void *user, size_t node, size_t i)
{
	const struct fixture *f = user;

	if (node == 0 || i > 0)
		return SIZE_MAX;
	return f->is_chain ? node - 1 : node / 2;
}

static struct error *run(void *user, size_t node)
{
	struct fixture *f = user;
	size_t before = need(user, node, 0);

	if (before != SIZE_MAX)
		assert_int_equal(atomic_load(&f->done[before]), 1);
	if (node == f->fails_at)
		return error_new(ERR_INVALID, "node %zu", node);
	atomic_fetch_add(&f->runs, 1);
	atomic_fetch_add(&f->done[node], 1);
	return NULL;
}

static void runs_each_once_in_order(void **state)
{
	for (unsigned jobs = 1; jobs <= 8; jobs++)
		for (int chain = 0; chain < 2; chain++) {
			struct fixture f = { .fails_at = SIZE_MAX, .is_chain = chain };
			struct schedule schedule = { NODES, need, run, &f, jobs, NULL };

			assert_ok(schedule_run(&schedule));
			assert_int_equal(atomic_load(&f.runs), NODES);
		}
}

static void stops_at_the_first_error(void **state)
{
	struct cancel *cancel = cancel_new();
	struct fixture f = { .fails_at = 3, .is_chain = true };
	struct schedule schedule = { NODES, need, run, &f, 4, cancel };

	assert_error(schedule_run(&schedule), ERR_INVALID, "node 3");
	assert_int_equal(atomic_load(&f.runs), 3);
	assert_true(cancel_is_set(cancel));
	cancel_free(cancel);
}

static void nothing_to_do(void **state)
{
	struct schedule schedule = { 0, need, run, NULL, 2, NULL };

	assert_ok(schedule_run(&schedule));
}

UNIT_TESTS(runs_each_once_in_order, stops_at_the_first_error, nothing_to_do)
