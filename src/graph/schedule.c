#include "graph/schedule.h"
#include "base/auto.h"
#include "base/xalloc.h"
#include "stream/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct node {
	size_t waits_for;   /* needs not done yet */
	size_t *dependents; /* who waits for us */
	size_t dependent_count;
	bool is_taken;
};

struct state {
	const struct schedule *schedule;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct node *nodes; /* guarded by lock, as all below */
	size_t running, done;
	bool is_stopped;
};

static void link_nodes(struct state *state)
{
	const struct schedule *schedule = state->schedule;

	for (size_t node = 0; node < schedule->count; node++) {
		size_t need = 0;

		for (size_t i = 0; (need = schedule->need(schedule->user, node, i)) != SIZE_MAX;
				i++) {
			struct node *to = &state->nodes[need];

			to->dependents = xrealloc(to->dependents, to->dependent_count + 1,
					sizeof(*to->dependents));
			to->dependents[to->dependent_count++] = node;
			state->nodes[node].waits_for++;
		}
	}
}

/* The lowest ready node, or count. */
static size_t next_ready(struct state *state)
{
	for (size_t i = 0; i < state->schedule->count; i++)
		if (!state->nodes[i].is_taken && state->nodes[i].waits_for == 0)
			return i;
	return state->schedule->count;
}

static void finish(struct state *state, size_t node, bool is_good)
{
	struct node *done = &state->nodes[node];

	state->running--;
	state->done++;
	if (!is_good)
		state->is_stopped = true;
	for (size_t i = 0; is_good && i < done->dependent_count; i++)
		state->nodes[done->dependents[i]].waits_for--;
	pthread_cond_broadcast(&state->changed);
}

static struct error *work(void *argument)
{
	struct state *state = argument;
	const struct schedule *schedule = state->schedule;
	struct error *error = NULL;

	pthread_mutex_lock(&state->lock);
	while (!state->is_stopped && !error) {
		size_t node = next_ready(state);

		if (node == schedule->count) {
			if (state->running == 0)
				break;
			pthread_cond_wait(&state->changed, &state->lock);
			continue;
		}
		state->nodes[node].is_taken = true;
		state->running++;
		pthread_mutex_unlock(&state->lock);
		error = schedule->run(schedule->user, node);
		if (error && schedule->cancel &&
				!(schedule->spares_others &&
						schedule->spares_others(schedule->user)))
			cancel_set(schedule->cancel);
		pthread_mutex_lock(&state->lock);
		finish(state, node, error == NULL);
	}
	pthread_mutex_unlock(&state->lock);
	return error;
}

FALLIBLE schedule_run(const struct schedule *schedule)
{
	struct state state = {
		.schedule = schedule,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.nodes = xcalloc(schedule->count, sizeof(struct node)),
	};
	size_t threads = schedule->jobs < schedule->count ? schedule->jobs : schedule->count;
	struct error *error = NULL;

	link_nodes(&state);
	if (threads <= 1) {
		error = work(&state);
	} else {
		AUTO(group) struct group *group = group_new();

		for (size_t i = 0; i < threads; i++)
			group_start(group, "schedule", work, &state);
		error = group_join(group);
	}
	for (size_t i = 0; i < schedule->count; i++)
		free(state.nodes[i].dependents);
	free(state.nodes);
	return error;
}
