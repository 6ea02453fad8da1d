/*
 * Keys before anything runs, wherever their inputs are known.
 *
 * A stage starts with the chainID of its base image's layers (so that what a base says of labels or
 * times does not matter), or with the key of the stage it stands on. RUN and WORKDIR are keyed by
 * definition. COPY is keyed by the digest of the files it selects; a COPY --from of a stage whose
 * files are not there yet is first tried by its definition, whose record remembers that digest.
 * What stays unknown is keyed by execute.c once the files exist: a stage that was built again with
 * the same output still hits from there on.
 *
 * A COPY from the context that no build here ever ran before cannot hit, unless a cache home knows
 * builds of this Dockerfile; its files are not hashed ahead, they are hashed while they are
 * streamed.
 */
#include "base/clock.h"
#include "build/mounts.h"
#include "build/remote.h"
#include "build/verify.h"
#include "dockerfile/stage.h"
#include "store/cache.h"

#include <string.h>

struct stage_run *build_stage(struct build *build, const struct plan_stage *stage)
{
	for (size_t i = 0; i < build->plan->stage_count; i++)
		if (build->stages[i].stage == stage)
			return &build->stages[i];
	return NULL;
}

const char *stage_run_name(const struct stage_run *run)
{
	return run->stage->name;
}

/* Files of the host come and go, and may be written to; a device is what it is. */
static bool sees_host(const struct build_run_options *run)
{
	for (size_t i = 0; i < run->volume_count; i++)
		if (run->volumes[i].source && !run->volumes[i].is_device &&
				!run->volumes[i].is_copied)
			return true;
	return false;
}

bool step_ignores_cache(const struct build *build, const struct plan_step *step)
{
	const struct build_run_options *run = &build->options->run;
	const struct list *names = build->options->no_cache_stages;

	if (build->options->no_cache)
		return true;
	if (step->kind == STEP_RUN &&
			(run->reads_stdin || (!run->caches_volumes && sees_host(run))))
		return true;
	for (size_t i = 0; names && i < names->n; i++) {
		const struct stage *stage = NULL;

		error_ignore(stage_find(build->file, names->p[i], &stage), "checked before");
		if (stage && stage->index == step->stage->index)
			return true;
	}
	return false;
}

bool stage_runs_anew(const struct build *build, const struct stage_run *run)
{
	for (; run; run = run->base)
		for (size_t i = 0; i < run->stage->step_count; i++)
			if (step_ignores_cache(build, run->steps[i].step))
				return true;
	return false;
}

static bool is_too_old(const struct build *build, const struct cache_record *record)
{
	int64_t ttl = build->options->cache_ttl_seconds;

	return record->created < build->options->cache_since ||
	       (ttl && record->created < clock_now_seconds() - ttl);
}

FALLIBLE step_look_up(struct build *build, struct step_run *run)
{
	AUTO(cache_record) struct cache_record record = { 0 };
	AUTO(layer_record) struct layer_record layer = { 0 };
	bool found = false;

	if (step_ignores_cache(build, run->step))
		return NULL;
	TRY(cache_get(build->options->store, &run->key, &found, &record));
	if (!found || is_too_old(build, &record)) {
		remote_look_up(build, run);
		return NULL;
	}
	if (record.kind == CACHE_LAYER) {
		struct error *error = layer_get(build->options->store, record.layer, NULL, &layer);

		if (error) {
			error_ignore(error, "a cache record whose layer is gone is a miss");
			return NULL;
		}
		run->layer = layer_from_record(&build->layers, &layer,
				build->options->has_epoch && run->step->kind == STEP_RUN);
		run->layer->created = record.created;
		run->layer->is_placed = run->step->kind != STEP_RUN;
	}
	run->content = record.content;
	run->created = record.created;
	run->is_hit = true;
	return NULL;
}

static char *slot_of(const struct step_run *run)
{
	return xasprintf("%s/%zu", run->step->stage->name, run->step->number);
}

FALLIBLE step_remember(struct build *build, struct step_run *run, const struct digest *content)
{
	AUTO_FREE char *slot = slot_of(run);
	struct cache_record record = {
		.kind = run->layer ? CACHE_LAYER : CACHE_EMPTY,
		.created = run->created,
		.slot = slot,
		.ingredients = run->record,
	};

	if (content)
		run->content = record.content = *content;
	if (run->layer)
		memcpy(record.layer, run->layer->id, sizeof(record.layer));
	if (store_is_read_only(build->options->store))
		return NULL;
	TRY(cache_put(build->options->store, &run->key, &record));
	if (digest_known(&run->definition)) {
		TRY(cache_put(build->options->store, &run->definition, &record));
		TRY(definition_mark(build->options->store, &run->definition));
	}
	return NULL;
}

/* COPY from the context (or heredocs): key by content, unless it cannot hit anyway. */
FALLIBLE step_key_context_copy(
		struct build *build, struct step_run *run, const struct digest *parent)
{
	static const struct digest none = { 0 };
	struct select_origin origin;
	bool seen = false;

	run->definition = copy_definition(build, run->step, parent, &none);
	if (step_ignores_cache(build, run->step))
		return NULL;
	TRY(definition_seen(build->options->store, &run->definition, &seen));
	if (!seen && !remote_knows(build, &run->definition))
		return NULL;
	if (!run->selection) {
		TRY(step_copy_origin(build, run, true, &origin));
		TRY(select_make(&origin, &run->step->copy, build->options->cancel,
				&run->selection));
	}
	struct error *error =
			select_hash(run->selection, origin_digests(build, &run->step->copy.origin),
					build->pool, build->options->cancel);
	if (select_is_changed(error)) {
		/* What is hashed while it is copied is what is copied. */
		error_ignore(error, "selected again");
		select_free(TAKE(run->selection));
		return NULL;
	}
	TRY(error);
	run->content = select_digest(run->selection);
	copy_key(build, run->step, parent, &run->content, &run->key, &run->record);
	run->is_keyed = true;
	return step_look_up(build, run);
}

/* COPY --from: by definition, when where it reads from has a key. */
static FALLIBLE resolve_from_copy(struct build *build, struct step_run *run,
		const struct digest *parent, const struct digest *origin)
{
	AUTO(cache_record) struct cache_record record = { 0 };
	bool found = false;

	run->definition = copy_definition(build, run->step, parent, origin);
	if (step_ignores_cache(build, run->step))
		return NULL;
	TRY(cache_get(build->options->store, &run->definition, &found, &record));
	if (!found) {
		const struct cached_step *step = remote_find(build, &run->definition, NULL);

		if (step)
			record.content = step->content;
	}
	bool is_told = !digest_known(&record.content);
	if (is_told)
		TRY(remote_content(build, run, &record.content));
	if (!digest_known(&record.content))
		return NULL;
	copy_key(build, run->step, parent, &record.content, &run->key, &run->record);
	/* What tables of contents told is not told again in another round. */
	bool was_resolving = build->is_resolving;
	build->is_resolving = was_resolving && !is_told;
	struct error *error = step_look_up(build, run);
	build->is_resolving = was_resolving;
	TRY(error);
	/* A miss runs the stage again, and who knows what comes out: the key is not known then. */
	run->is_keyed = run->is_hit;
	if (!run->is_hit)
		free(TAKE(run->record));
	return NULL;
}

static FALLIBLE resolve_copy(struct build *build, struct step_run *run, const struct digest *parent)
{
	const struct plan_origin *origin = &run->step->copy.origin;
	struct digest identity;

	if (copy_is_fetched(&run->step->copy)) {
		/* With files of the context beside it, by content once all of it is here. */
		if (!copy_is_only_fetched(&run->step->copy) || step_ignores_cache(build, run->step))
			return NULL;
		TRY(fetched_identify(build, run, &identity));
		return resolve_from_copy(build, run, parent, &identity);
	}
	if (origin->kind == ORIGIN_STAGE) {
		struct stage_run *from = build_stage(build, origin->stage);

		/* By what comes out, where the stage is wanted anew: its key is the old one's. */
		return from->is_keyed && !stage_runs_anew(build, from)
				       ? resolve_from_copy(build, run, parent, &from->key)
				       : NULL;
	}
	if (origin->kind == ORIGIN_IMAGE) {
		const struct stack *stack = &build->images[origin->image->index].stack;
		struct digest chain = stack_chain(stack, stack->n);

		return resolve_from_copy(build, run, parent, &chain);
	}
	return step_key_context_copy(build, run, parent);
}

FALLIBLE step_key_look_up(struct build *build, struct stage_run *stage, struct step_run *run,
		const struct digest *parent, bool is_late)
{
	if (run_reads_files(run->step))
		return mounts_key_look_up(build, stage, run, parent, is_late);
	step_key(build, run->step, parent, NULL, &run->key, &run->record);
	run->is_keyed = true;
	if (!stage->is_fresh)
		TRY(step_look_up(build, run));
	else
		remote_want(build, run);
	if (!run->is_hit && run->step->kind == STEP_RUN && !is_late)
		stage->is_fresh = true;
	return NULL;
}

static void resolve_base(struct build *build, struct stage_run *run)
{
	const struct plan_origin *base = &run->stage->base;

	run->is_keyed = true;
	if (run->base) {
		run->is_fresh = run->base->is_fresh;
		run->is_keyed = run->base->is_keyed;
		run->key = run->base->key;
	} else if (base->kind == ORIGIN_IMAGE) {
		const struct stack *stack = &build->images[base->image->index].stack;

		run->key = stack_chain(stack, stack->n);
	} else {
		run->key = digest_of("scratch", 7);
	}
}

/* Takes error. */
static struct error *name_step(
		const struct build *build, const struct step_run *run, struct error *error)
{
	error = build->options->says_step ? step_at(run->step, error)
					  : error_wrap(error, "%s", run->step->name);
	return error_at(error, run->step->at);
}

static FALLIBLE resolve_stage(struct build *build, struct stage_run *run)
{
	resolve_base(build, run);
	for (size_t i = 0; i < run->stage->step_count; i++) {
		struct step_run *step = &run->steps[i];

		if (!run->is_keyed)
			return NULL;
		if (step->step->kind == STEP_COPY) {
			struct error *error = resolve_copy(build, step, &run->key);

			if (error)
				return name_step(build, step, error);
		} else {
			struct error *error = step_key_look_up(build, run, step, &run->key, false);

			if (error)
				return name_step(build, step, error);
		}
		run->is_keyed = step->is_keyed;
		run->key = step_after(step->step, &run->key, &step->key);
	}
	return NULL;
}

/* A stage that runs something reads the files of the stage it stands on. */
static bool reads_base(const struct build *build, const struct stage_run *run)
{
	bool reads = run->is_read;

	for (size_t i = 0; i < run->stage->step_count; i++)
		reads = reads || (step_must_run(build, &run->steps[i]) &&
						 run->steps[i].step->kind == STEP_RUN);
	return reads;
}

/* A stage is needed when its layers are, and read when somebody looks into its files. */
static void need_what_it_reads(struct build *build, struct stage_run *run)
{
	/* Whatever a verified step makes is compared as a directory. */
	run->is_read = run->is_read || build->options->verify_cache;
	if (run->base) {
		run->base->is_needed = true;
		run->base->is_read = run->base->is_read || reads_base(build, run);
	}
	if (run->stage->after)
		build_stage(build, run->stage->after)->is_needed = true;
	for (size_t i = 0; i < run->stage->step_count; i++) {
		const struct step_run *step = &run->steps[i];

		for (size_t k = 0; step_must_run(build, step) && plan_step_origin(step->step, k);
				k++) {
			const struct plan_origin *origin = plan_step_origin(step->step, k);

			if (origin->kind != ORIGIN_STAGE)
				continue;
			struct stage_run *from = build_stage(build, origin->stage);
			from->is_read = true;
			from->is_needed = true;
		}
	}
}

/* As if nothing was resolved yet, but for files that were looked at. */
static void forget(struct stage_run *run)
{
	run->is_fresh = false;
	for (size_t i = 0; i < run->stage->step_count; i++) {
		struct step_run *step = &run->steps[i];
		struct step_run fresh = { .step = step->step,
			.selection = step->selection,
			.mounts = step->mounts,
			.fetched = step->fetched };

		free(step->record);
		*step = fresh;
	}
}

/* While homes bring news, keys that depend on these are found out. */
static FALLIBLE resolve_stages(struct build *build)
{
	do {
		for (size_t i = 0; i < build->plan->stage_count; i++)
			if (!build->stages[i].is_finished)
				forget(&build->stages[i]);
		for (size_t i = 0; i < build->plan->stage_count; i++)
			if (!build->stages[i].is_finished && !build->stages[i].is_blocked)
				TRY(resolve_stage(build, &build->stages[i]));
	} while (remote_ask_wanted(build));
	return NULL;
}

FALLIBLE build_resolve(struct build *build)
{
	struct stage_run *target = build_stage(build, build->plan->target);

	build->is_resolving = true;
	struct error *error = resolve_stages(build);
	build->is_resolving = false;
	TRY(error);
	target->is_needed = true;
	for (size_t i = 0; i < build->plan->stage_count; i++)
		if (build->plan->stages[i]->is_wanted || build->options->image.saves_stages)
			build->stages[i].is_needed = true;
	for (struct stage_run *run = target; run; run = run->base)
		run->is_exported = true;
	for (size_t i = 0; i < build->plan->stage_count; i++)
		build->stages[i].is_packed =
				build->stages[i].is_exported || remote_takes_all(build);
	/* Last first: what reads a stage is behind it in the plan's order. */
	for (size_t i = build->plan->stage_count; i-- > 0;)
		if (build->stages[i].is_needed)
			need_what_it_reads(build, &build->stages[i]);
	return NULL;
}
