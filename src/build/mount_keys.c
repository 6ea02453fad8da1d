/*
 * The key of a RUN with bind mounts. What they show is part of it, so it is found the way a COPY's
 * is: from the context by content, unless no build here ever ran this step; from stages and images
 * first by definition, whose record remembers the content, and by content once the files are there.
 */
#include "build/mounts.h"
#include "build/remote.h"
#include "store/cache.h"

/* Does it read more than the context? */
static bool reads_others(const struct plan_run *run)
{
	for (size_t i = 0; i < run->mount_count; i++)
		if (run->mounts[i].as.type == MOUNT_BIND &&
				run->mounts[i].origin.kind != ORIGIN_CONTEXT)
			return true;
	return false;
}

/*
 * Where one bind mount reads from. The context is looked at only beside other origins: their
 * record has one content for all.
 */
static FALLIBLE origin_digest(struct build *build, struct step_run *run, size_t i, bool with_others,
		bool *ret_known, struct digest *ret)
{
	const struct plan_origin *origin = &run->step->run.mounts[i].origin;

	*ret = (struct digest){ 0 };
	*ret_known = true;
	if (origin->kind == ORIGIN_CONTEXT && with_others)
		return mount_content(build, run, i, ret);
	if (origin->kind == ORIGIN_STAGE) {
		const struct stage_run *from = build_stage(build, origin->stage);

		*ret_known = from->is_keyed;
		*ret = from->key;
	} else if (origin->kind == ORIGIN_IMAGE) {
		const struct stack *stack = &build->images[origin->image->index].stack;

		*ret = stack_chain(stack, stack->n);
	}
	return NULL;
}

static FALLIBLE define(
		struct build *build, struct step_run *run, const struct digest *parent, bool *ret)
{
	const struct plan_run *plan = &run->step->run;
	bool with_others = reads_others(plan);
	struct digest base = { 0 };
	AUTO(key) struct key *key = key_new("run definition");

	step_key(build, run->step, parent, NULL, &base, NULL);
	key_digest(key, "run", &base);
	*ret = true;
	for (size_t i = 0; i < plan->mount_count && *ret; i++) {
		struct digest origin;

		if (plan->mounts[i].as.type != MOUNT_BIND)
			continue;
		TRY(origin_digest(build, run, i, with_others, ret, &origin));
		key_number(key, "origin kind", plan->mounts[i].origin.kind);
		key_digest(key, "origin", &origin);
	}
	if (*ret)
		run->definition = key_finish(key, NULL);
	return NULL;
}

/* The content as far as it can be known now, without running a stage. */
static FALLIBLE find_content(struct build *build, struct step_run *run, bool is_late, bool *ret,
		struct digest *ret_content)
{
	AUTO(cache_record) struct cache_record record = { 0 };
	struct store *store = build->options->store;

	if (!reads_others(&run->step->run)) {
		TRY(definition_seen(store, &run->definition, ret));
		*ret = *ret || remote_knows(build, &run->definition);
		return *ret ? mounts_content(build, run, ret_content) : NULL;
	}
	if (is_late) {
		*ret = true;
		return mounts_content(build, run, ret_content);
	}
	TRY(cache_get(store, &run->definition, ret, &record));
	const struct cached_step *step = *ret ? NULL : remote_find(build, &run->definition, NULL);
	if (step)
		record.content = step->content;
	*ret = digest_known(&record.content);
	*ret_content = record.content;
	return NULL;
}

/* A mount shows files of a stage that is wanted anew: only they can say whether this ran before. */
static bool reads_anew(struct build *build, const struct plan_step *step)
{
	const struct plan_origin *origin = NULL;

	for (size_t i = 0; (origin = plan_step_origin(step, i)); i++)
		if (origin->kind == ORIGIN_STAGE &&
				stage_runs_anew(build, build_stage(build, origin->stage)))
			return true;
	return false;
}

void mounts_unkey(struct step_run *run)
{
	static const struct digest none = { 0 };

	run->is_keyed = false;
	free(TAKE(run->record));
	run->content = none;
	/* There the context's content is a part of it. */
	if (reads_others(&run->step->run))
		run->definition = none;
}

static FALLIBLE look_up(struct build *build, struct stage_run *stage, struct step_run *run,
		const struct digest *parent, bool is_late)
{
	struct digest content = { 0 };
	bool is_known = false;

	TRY(define(build, run, parent, &is_known));
	if (!is_late && reads_anew(build, run->step))
		return NULL;
	/* Above a RUN that runs again nothing that ran before is good: see state.h. */
	if (!is_known || step_ignores_cache(build, run->step) || stage->is_fresh)
		return NULL;
	TRY(find_content(build, run, is_late, &is_known, &content));
	if (!is_known)
		return NULL;
	step_key(build, run->step, parent, &content, &run->key, &run->record);
	TRY(step_look_up(build, run));
	run->is_keyed = run->is_hit || is_late || !reads_others(&run->step->run);
	if (!run->is_keyed)
		free(TAKE(run->record)); /* the stage runs again, and who knows what comes out */
	return run->is_hit && is_late ? step_remember(build, run, &content) : NULL;
}

FALLIBLE mounts_key_look_up(struct build *build, struct stage_run *stage, struct step_run *run,
		const struct digest *parent, bool is_late)
{
	struct error *error = look_up(build, stage, run, parent, is_late);

	if (!select_is_changed(error))
		return error;
	/* Nobody knows what the step will see: it runs, and its key is made of what it saw. */
	error_ignore(error, "looked at again");
	mounts_unkey(run);
	for (size_t i = 0; i < run->mounts->n; i++)
		select_free(TAKE(run->mounts->p[i].selection));
	return NULL;
}
