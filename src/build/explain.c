#include "build/explain.h"
#include "build/explain_inner.h"
#include "oci/reference.h"

#include <string.h>

/* The build that was asked for, and those before it; and which of them is explained. */
struct explaining {
	struct store *store;
	struct {
		struct past *p;
		size_t n, capacity;
	} builds; /* newest first */
	size_t now;
};

static void explaining_done(struct explaining *explaining)
{
	for (size_t i = 0; i < explaining->builds.n; i++)
		past_done(&explaining->builds.p[i]);
	vec_done(&explaining->builds);
}

DEFINE_AUTO_VALUE(explaining)

/* --- which build --- */

static bool has_name(const struct explained *told, const char *wanted)
{
	AUTO(reference) struct reference reference = { 0 };
	struct error *error = reference_parse(str_of(wanted), &reference);
	bool found = false;

	if (error) {
		error_ignore(error, "not a name of an image");
		return false;
	}
	AUTO_FREE char *full = reference_text(&reference);
	for (size_t i = 0; i < told->names.n && !found; i++) {
		AUTO(reference) struct reference other = { 0 };

		error = reference_parse(str_of(told->names.p[i]), &other);
		if (error) {
			error_ignore(error, "not a name of an image");
			continue;
		}
		AUTO_FREE char *text = reference_text(&other);
		found = text_equal(full, text);
	}
	return found;
}

bool past_is(const struct past *past, const char *wanted)
{
	if (!wanted || text_starts(past->told.id, wanted) ||
			(past->told.whole && text_starts(past->told.whole, wanted)))
		return true;
	return has_name(&past->told, wanted);
}

static FALLIBLE load(struct store *store, const char *wanted, struct explaining *ret)
{
	AUTO(list) struct list names = { 0 };

	TRY(history_names(store, &names));
	for (size_t i = 0; i < names.n; i++) {
		AUTO(past) struct past past = { 0 };
		struct error *error = past_read(store, names.p[i], &past);

		if (error) {
			error_ignore(error, "a build of the history that cannot be read");
			continue;
		}
		if (ret->builds.n || past_is(&past, wanted))
			vec_push(&ret->builds, TAKE_VALUE(past));
	}
	if (ret->builds.n)
		return NULL;
	if (!wanted)
		return error_hint(error_new(ERR_NOT_FOUND, "no build is in the history"),
				"'kiln build' writes it");
	return error_hint(error_new(ERR_NOT_FOUND, "no build '%s' is in the history", wanted),
			"'kiln explain --list' shows the builds");
}

/* For another platform, at the same time. */
static bool are_together(const struct past *a, const struct past *b)
{
	return a->told.whole && text_equal(a->told.whole, b->told.whole);
}

/* --- the nearest earlier run of a step --- */

enum { RANK_NONE = 0, RANK_NAME, RANK_PLACE };

static int rank_of(const struct explained *now, const struct explained *then)
{
	if (text_equal(now->context, then->context) &&
			text_equal(now->dockerfile, then->dockerfile) &&
			text_equal(now->platform, then->platform))
		return RANK_PLACE;
	for (size_t i = 0; i < now->names.n; i++)
		if (list_has(&then->names, now->names.p[i]))
			return RANK_NAME;
	return RANK_NONE;
}

/* The step of that text is in this stage: under another number it is not replaced. */
static bool stage_has(const struct explained *told, size_t stage, const char *name)
{
	const struct explained_stage *in = &told->stages.p[stage];

	for (size_t i = 0; i < in->step_count; i++)
		if (text_equal(told->steps.p[in->first + i].name, name))
			return true;
	return false;
}

/* SIZE_MAX: not the same step. */
static size_t distance(const struct past *now, size_t step, const struct past *then, size_t other,
		int rank)
{
	const struct explained_step *a = &now->told.steps.p[step], *b = &then->told.steps.p[other];
	const json_t *old = json_object_get(then->sources.p[other], "record");
	const json_t *new = json_object_get(now->sources.p[step], "record");
	bool same_name = text_equal(a->name, b->name);

	if (!json_is_object(old) || !json_is_object(new) || !text_equal(a->kind, b->kind) ||
			!text_equal(now->told.stages.p[a->stage].name,
					then->told.stages.p[b->stage].name))
		return SIZE_MAX;
	if (!same_name && (rank == RANK_NONE || a->number != b->number ||
					  stage_has(&now->told, a->stage, b->name)))
		return SIZE_MAX;
	if (text_equal(a->key, b->key))
		return 0;
	return records_distance(old, new) * 4 + !same_name + (a->number != b->number);
}

struct nearest {
	const struct past *past;
	size_t step, distance;
	int rank;
};

static struct nearest find_nearest(const struct explaining *explaining, size_t step)
{
	const struct past *now = &explaining->builds.p[explaining->now];
	struct nearest best = { .distance = SIZE_MAX };

	for (size_t i = explaining->now + 1; i < explaining->builds.n; i++) {
		const struct past *then = &explaining->builds.p[i];
		int rank = rank_of(&now->told, &then->told);

		if (are_together(now, then) || (best.past && rank < best.rank))
			continue;
		for (size_t k = 0; k < then->told.steps.n; k++) {
			size_t d = distance(now, step, then, k, rank);

			if (d == SIZE_MAX || (best.past && rank == best.rank && d >= best.distance))
				continue;
			best = (struct nearest){ then, k, d, rank };
		}
	}
	return best;
}

/* --- causes --- */

static bool did_run(const struct explained_step *step)
{
	return step->state == EXPLAINED_RAN || step->state == EXPLAINED_FAILED;
}

/* The last step of a stage, or of what it stands on; SIZE_MAX when there is none. */
static size_t last_of(const struct explained *told, const char *name, size_t before_stage)
{
	for (size_t s = before_stage; s-- > 0;) {
		const struct explained_stage *stage = &told->stages.p[s];

		if (!text_equal(stage->name, name))
			continue;
		if (stage->step_count)
			return stage->first + stage->step_count - 1;
		return stage->base_is_stage ? last_of(told, stage->base, s) : SIZE_MAX;
	}
	return SIZE_MAX;
}

static size_t below(const struct explained *told, size_t step)
{
	const struct explained_stage *stage = &told->stages.p[told->steps.p[step].stage];

	if (step > stage->first)
		return step - 1;
	return stage->base_is_stage ? last_of(told, stage->base, told->steps.p[step].stage)
				    : SIZE_MAX;
}

/* The nearest RUN below that ran: what an earlier build made on top of it is not used then. */
static size_t run_below(const struct explained *told, size_t step)
{
	for (step = below(told, step); step != SIZE_MAX; step = below(told, step))
		if (did_run(&told->steps.p[step]) && text_equal(told->steps.p[step].kind, "run"))
			return step;
	return SIZE_MAX;
}

/* The last step that ran of the stage that a COPY reads. */
static size_t ran_in_origin(const struct explained *told, const struct explained_step *step)
{
	size_t at = step->is_from_stage ? last_of(told, step->from, step->stage) : SIZE_MAX;

	while (at != SIZE_MAX && !did_run(&told->steps.p[at]))
		at = below(told, at);
	return at;
}

/* The same ingredients as before, and all the same it ran. */
static void explain_same(struct explained *told, size_t at, const struct nearest *nearest)
{
	struct explained_step *step = &told->steps.p[at];

	step->because = run_below(told, at);
	if (step->because != SIZE_MAX && !text_starts(step->kind, "copy") &&
			!text_starts(step->kind, "add"))
		step->cause = CAUSE_PARENT;
	else if (nearest->past->told.steps.p[nearest->step].state == EXPLAINED_FAILED)
		step->cause = CAUSE_FAILED;
	else
		step->cause = CAUSE_LOST;
}

/* A COPY --link is cached whatever is below it, which counts for what stands on it all the same. */
static size_t below_links(const struct past *now, size_t step)
{
	const struct explained *told = &now->told;
	size_t first = below(told, step), at = first;

	while (at != SIZE_MAX && told->steps.p[at].state == EXPLAINED_HIT &&
			past_number(json_object_get(now->sources.p[at], "record"), "link"))
		at = below(told, at);
	return at != SIZE_MAX && did_run(&told->steps.p[at]) ? at : first;
}

static void explain_parent(struct past *now, size_t at, const struct nearest *nearest)
{
	struct explained *told = &now->told;
	struct explained_step *step = &told->steps.p[at];
	struct explained_stage *stage = &told->stages.p[step->stage];
	const struct explained *then = &nearest->past->told;

	step->because = below_links(now, at);
	if (step->because != SIZE_MAX || stage->base_is_stage) {
		step->cause = CAUSE_PARENT;
		return;
	}
	step->cause = CAUSE_BASE;
	if (!stage->base_before)
		stage->base_before = xstrdup(
				then->stages.p[then->steps.p[nearest->step].stage].base_digest);
}

static FALLIBLE explain_step(struct explaining *explaining, size_t at)
{
	struct past *now = &explaining->builds.p[explaining->now];
	struct explained *told = &now->told;
	struct explained_step *step = &told->steps.p[at];

	if (!did_run(step))
		return NULL;
	if (step->is_forced) {
		step->cause = CAUSE_FORCED;
		return NULL;
	}
	struct nearest nearest = find_nearest(explaining, at);
	if (!nearest.past) {
		step->cause = CAUSE_FIRST;
		return NULL;
	}
	step->compared_with = xstrdup(nearest.past->told.id);
	if (nearest.distance == 0) {
		explain_same(told, at, &nearest);
		return NULL;
	}
	const json_t *before = nearest.past->sources.p[nearest.step];
	TRY(explain_changes(explaining->store, before, now->sources.p[at], step));
	if (!step->changes.n) {
		explain_parent(now, at, &nearest);
		return NULL;
	}
	step->cause = CAUSE_CHANGED;
	step->because = ran_in_origin(told, step);
	return NULL;
}

/* --- what it costs --- */

static size_t root_of(const struct explained *told, size_t at)
{
	/* because always leads to an earlier step, so this ends. */
	while (told->steps.p[at].because != SIZE_MAX &&
			did_run(&told->steps.p[told->steps.p[at].because]))
		at = told->steps.p[at].because;
	return at;
}

static void count_costs(struct explained *told)
{
	for (size_t i = 0; i < told->steps.n; i++)
		if (did_run(&told->steps.p[i]))
			told->steps.p[root_of(told, i)].cost_ms += told->steps.p[i].ms;
}

static FALLIBLE explain_now(struct explaining *explaining)
{
	struct explained *told = &explaining->builds.p[explaining->now].told;

	for (size_t i = 0; i < told->steps.n; i++)
		TRY(explain_step(explaining, i));
	count_costs(told);
	return NULL;
}

FALLIBLE explain_build(struct store *store, const char *wanted, struct explained_list *ret)
{
	AUTO(explaining) struct explaining explaining = { .store = store };

	TRY(load(store, wanted, &explaining));
	const struct past *last = &explaining.builds.p[0];
	bool is_one = wanted && text_starts(last->told.id, wanted);
	size_t n = is_one ? 1 : explaining.builds.n;

	for (size_t i = 0; i < n; i++) {
		explaining.now = i;
		if (i == 0 || are_together(last, &explaining.builds.p[i]))
			TRY(explain_now(&explaining));
	}
	/* The last one last: it is what the others are known by. */
	for (size_t i = n; i-- > 0;)
		if (i == 0 || are_together(last, &explaining.builds.p[i]))
			vec_push(ret, TAKE_VALUE(explaining.builds.p[i].told));
	return NULL;
}
