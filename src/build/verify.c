#include "build/verify.h"
#include "base/clock.h"
#include "build/mounts.h"
#include "build/stack_inner.h"
#include "layer/diff.h"
#include "layer/inventory.h"
#include "store/layer_drop.h"
#include "sys/fd.h"

#include <fcntl.h>

/* Of one step; the rest is counted. */
enum { TEXTS_KEPT = 20 };

bool step_must_run(const struct build *build, const struct step_run *run)
{
	return !run->is_hit || build->options->verify_cache;
}

void step_verified_free(struct step_verified *verified)
{
	if (!verified)
		return;
	list_done(&verified->texts);
	free(verified);
}

/* What a layer changed on the stage's stack. No layer changed nothing. */
static FALLIBLE list_layer(struct build *build, const struct stack *below,
		struct build_layer *layer, unsigned vertex, struct inventory *ret)
{
	AUTO(stack) struct stack whole = { 0 };
	AUTO(lower_fds) struct lower_fds fds = { 0 };
	AUTO(entry_sink) struct entry_sink *sink = inventory_sink(ret);
	AUTO_FD int upper = -1;
	struct diff_counts counts = { 0 };

	if (!layer)
		return NULL;
	stack_copy(below, &whole);
	stack_push(&whole, layer);
	TRY(stack_need_dirs(&build->layers, &whole, vertex));
	TRY(open_lowers(&build->layers, &whole, 0, below->n, &fds));
	TRY(file_open(store_dir_fd(build->options->store), layer->dir, O_RDONLY | O_DIRECTORY, 0,
			&upper));
	struct diff_options diff = { .policy = build->options->userns->owner,
		.lowers = { fds.p, fds.n },
		.cancel = build->options->cancel };
	TRY(diff_upper(upper, &diff, sink, &counts));
	return entry_sink_close(TAKE(sink));
}

static FALLIBLE compare(struct build *build, const struct stack *below, struct step_run *run,
		struct build_layer *now, struct step_verified *ret)
{
	AUTO(inventory) struct inventory a = { 0 }, b = { 0 };
	struct inventory_difference difference = { 0 };

	TRY(list_layer(build, below, run->layer, run->vertex, &a));
	TRY(list_layer(build, below, now, run->vertex, &b));
	inventory_compare(&a, &b, TEXTS_KEPT, &difference);
	ret->files = difference.files;
	ret->times = difference.times;
	ret->texts = difference.texts;
	return NULL;
}

/* A step that succeeded once and fails now is as little reproducible as one that makes another
 * file. */
static FALLIBLE note_failure(struct error *error, struct step_verified *ret)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	if (!error_is(error, ERR_EXIT))
		return error;
	error_text(error, &text);
	error_free(error);
	ret->files = 1;
	list_add(&ret->texts, strbuf_text(&text));
	return NULL;
}

FALLIBLE verify_step(struct build *build, struct stage_run *stage, struct step_run *run)
{
	struct step_run again = { .step = run->step, .vertex = run->vertex, .is_trial = true };
	AUTO(stack) struct stack below = { 0 };
	uint64_t began = clock_monotonic_ns();

	run->verified = xcalloc(1, sizeof(*run->verified));
	progress_start(build->options->progress, run->vertex);
	stack_copy(&stage->stack, &below);
	struct error *error = step_operate(build, stage, &again);
	run->verified->took_ns = clock_monotonic_ns() - began;
	if (error)
		error = note_failure(error, run->verified);
	else
		error = compare(build, &below, run, again.layer, run->verified);
	select_free(again.selection);
	step_mounts_free(again.mounts);
	if (again.layer && again.layer->id[0] &&
			!(run->layer && text_equal(run->layer->id, again.layer->id)))
		error_ignore(layer_drop(build->options->store, again.layer->id, true),
				"prune finds it");
	if (run->verified->files)
		progress_warn(build->options->progress, run->vertex, run->step->at,
				"not reproducible: %s", run->verified->texts.p[0]);
	return error;
}

static void collect(const struct step_run *run, struct build_verified *ret)
{
	const struct step_verified *verified = run->verified;
	const struct plan_step *step = run->step;

	ret->steps++;
	ret->unlike += verified->files > 0;
	ret->timed += !verified->files && verified->times;
	if (!verified->files)
		return;
	list_addf(&ret->texts, "[%s %zu/%zu] %s", step->stage->name, step->number,
			step->stage->number_count, step->name);
	for (size_t i = 0; i < verified->texts.n; i++)
		list_addf(&ret->texts, "    %s", verified->texts.p[i]);
	if (verified->files > verified->texts.n)
		list_addf(&ret->texts, "    and %llu more",
				(unsigned long long)(verified->files - verified->texts.n));
}

void verify_collect(const struct build *build, struct build_verified *ret)
{
	for (size_t i = 0; build->plan && build->stages && i < build->plan->stage_count; i++)
		for (size_t k = 0; k < build->stages[i].stage->step_count; k++)
			if (build->stages[i].steps[k].verified)
				collect(&build->stages[i].steps[k], ret);
}
