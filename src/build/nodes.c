/* The schedule of a round: one node per stage that is to run now. */
#include "build/remote.h"
#include "build/verify.h"
#include "graph/schedule.h"

struct node_needs {
	size_t *p;
	size_t n, capacity;
};

struct nodes {
	struct build *build;
	struct stage_run **p;
	struct node_needs *needs; /* as p */
	size_t n;
};

/* Stages that are finished are no nodes. */
static void add_need(struct nodes *nodes, size_t node, const struct stage_run *run)
{
	for (size_t i = 0; i < nodes->n; i++)
		if (nodes->p[i] == run)
			vec_push(&nodes->needs[node], i);
}

/* The base, what it waits for, and one for each stage that a step which must run reads. */
static void find_needs(struct nodes *nodes, size_t node)
{
	const struct stage_run *run = nodes->p[node];

	if (run->base)
		add_need(nodes, node, run->base);
	for (size_t i = 0; (run->stage->after || run->stage->is_after_all) && i < nodes->n; i++)
		if (plan_stage_waits(run->stage, nodes->p[i]->stage))
			vec_push(&nodes->needs[node], i);
	for (size_t k = 0; k < run->stage->step_count; k++) {
		const struct step_run *step = &run->steps[k];

		for (size_t m = 0; step_must_run(nodes->build, step) &&
				   plan_step_origin(step->step, m);
				m++) {
			const struct plan_origin *origin = plan_step_origin(step->step, m);

			if (origin->kind == ORIGIN_STAGE)
				add_need(nodes, node, build_stage(nodes->build, origin->stage));
		}
	}
}

static size_t need(void *user, size_t node, size_t i)
{
	const struct nodes *nodes = user;

	return i < nodes->needs[node].n ? nodes->needs[node].p[i] : SIZE_MAX;
}

static struct error *run_node(void *user, size_t node)
{
	const struct nodes *nodes = user;

	return stage_operate(nodes->build, nodes->p[node]);
}

static bool spares_others(void *user)
{
	return remote_failed(((const struct nodes *)user)->build);
}

FALLIBLE build_execute(struct build *build)
{
	AUTO_FREE struct stage_run **p =
			xcalloc(build->plan->stage_count, sizeof(struct stage_run *));
	AUTO_FREE struct node_needs *needs = xcalloc(build->plan->stage_count, sizeof(*needs));
	struct nodes nodes = { build, p, needs, 0 };

	for (size_t i = 0; i < build->plan->stage_count; i++) {
		struct stage_run *run = &build->stages[i];

		if (run->is_needed && !run->is_finished && !run->is_blocked)
			nodes.p[nodes.n++] = run;
	}
	for (size_t i = 0; i < nodes.n; i++)
		find_needs(&nodes, i);
	struct schedule schedule = {
		.count = nodes.n,
		.need = need,
		.run = run_node,
		.spares_others = spares_others,
		.user = &nodes,
		.jobs = build->options->jobs,
		.cancel = build->options->cancel,
	};
	struct error *error = schedule_run(&schedule);
	for (size_t i = 0; i < nodes.n; i++)
		vec_done(&needs[i]);
	return error;
}
