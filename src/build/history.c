#include "build/history.h"
#include "base/clock.h"
#include "build/history_inner.h"

#include <limits.h>
#include <stdlib.h>

/* Text that may not be UTF-8: an odd path must not make the whole build unexplainable. */
static json_t *text_of(const char *text)
{
	json_t *value = text ? json_string(text) : json_null();

	return value ? value : json_string("(not text)");
}

static json_t *digest_json(const struct digest *digest)
{
	char text[DIGEST_TEXT];

	return digest_known(digest) ? json_string(digest_text(digest, text)) : json_null();
}

static json_t *list_json(const struct list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; list && i < list->n; i++)
		json_array_append_new(array, text_of(list->p[i]));
	return array;
}

/* Variables of a RUN that no ENV set: they came by ARG. */
static json_t *args_of(const struct plan_step *step)
{
	const struct list *env = &step->stage->config.env;
	json_t *array = json_array();

	if (step->kind != STEP_RUN)
		return array;
	for (size_t i = 0; i < step->run.env.n; i++) {
		struct str name, value;

		(void)str_cut(str_of(step->run.env.p[i]), '=', &name, &value);
		AUTO_FREE char *text = str_dup(name);
		if (!list_env_get(env, text))
			json_array_append_new(array, text_of(text));
	}
	return array;
}

static const char *state_of(const struct stage_run *stage, const struct step_run *run)
{
	if (run->is_failed)
		return "failed";
	if (run->is_hit)
		return "hit";
	if (run->is_done)
		return "ran";
	return stage->is_needed ? "not reached" : "not needed";
}

static const char *kind_of(const struct plan_step *step)
{
	if (step->kind == STEP_RUN)
		return "run";
	if (step->kind == STEP_WORKDIR)
		return "workdir";
	return step->copy.is_add ? "add" : "copy";
}

/* Where a COPY reads: a stage's or an image's name; null is the context. */
static json_t *origin_of(const struct plan_step *step)
{
	const struct plan_origin *origin = &step->copy.origin;

	if (step->kind != STEP_COPY)
		return json_null();
	if (origin->kind == ORIGIN_STAGE)
		return text_of(origin->stage->name);
	return origin->kind == ORIGIN_IMAGE ? text_of(origin->image->name) : json_null();
}

/* What the step sees; a step without a key has it nowhere else. */
static json_t *env_of(const struct step_run *run)
{
	const struct plan_step *step = run->step;
	json_t *array = json_array();

	for (size_t i = 0; step->kind == STEP_RUN && !run->record && i < step->run.env.n; i++)
		json_array_append_new(array, text_of(step->run.env.p[i]));
	return array;
}

static json_t *step_json(
		struct build *build, const struct stage_run *stage, const struct step_run *run)
{
	const struct plan_step *step = run->step;
	json_t *record = run->record ? json_loads(run->record, 0, NULL) : NULL;

	return json_pack("{s:I, s:o, s:s, s:I, s:s, s:s?, s:I, s:o, s:o, s:o, s:s, s:s, s:o, s:s?, "
			 "s:b, s:b, s:s?, s:o, s:o}",
			"number", (json_int_t)step->number, "name", text_of(step->name), "kind",
			kind_of(step), "line", (json_int_t)step->at.line, "state",
			state_of(stage, run), "home",
			!run->is_hit ? NULL
			: run->home  ? run->home
				     : "local",
			"ms", (json_int_t)(run->took_ns / 1000000), "key", digest_json(&run->key),
			"record", record ? record : json_null(), "args", args_of(step), "user",
			step->user, "workdir", step->workdir, "from", origin_of(step), "layer",
			run->layer ? run->layer->id : NULL, "is_stage",
			step->kind == STEP_COPY && step->copy.origin.kind == ORIGIN_STAGE, "forced",
			step_ignores_cache(build, step), "kept", run->kept[0] ? run->kept : NULL,
			"env", env_of(run), "mounts", history_mounts(build, step));
}

static json_t *stage_json(struct build *build, const struct stage_run *run)
{
	const struct plan_stage *stage = run->stage;
	const struct plan_origin *base = &stage->base;
	json_t *steps = json_array();
	struct digest digest = { 0 }, chain = { 0 };

	if (base->kind == ORIGIN_IMAGE) {
		const struct image_run *image = &build->images[base->image->index];

		if (image->image->image)
			digest = image->image->image->digest;
		chain = stack_chain(&image->stack, image->stack.n);
	}
	for (size_t i = 0; i < stage->step_count; i++)
		json_array_append_new(steps, step_json(build, run, &run->steps[i]));
	return json_pack("{s:o, s:o, s:b, s:o, s:o, s:I, s:o, s:o}", "name", text_of(stage->name),
			"base", text_of(stage->base_name), "base_is_stage", run->base != NULL,
			"base_digest", digest_json(&digest), "base_chain", digest_json(&chain),
			"count", (json_int_t)stage->number_count, "env",
			list_json(&stage->config.env), "steps", steps);
}

static json_t *build_json(
		struct build *build, const struct error *error, const char *whole, const char *id)
{
	const struct build_options *options = build->options;
	AUTO_FREE char *context = realpath(build->context->path, NULL);
	AUTO(strbuf) struct strbuf why = { 0 };
	json_t *stages = json_array();
	char platform[PLATFORM_TEXT];

	for (size_t i = 0; i < build->plan->stage_count; i++)
		json_array_append_new(stages, stage_json(build, &build->stages[i]));
	if (error)
		error_text(error, &why);
	return json_pack("{s:i, s:s, s:s?, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:b, s:s, "
			 "s:o}",
			"version", 1, "id", id, "whole", whole, "began",
			(json_int_t)(build->began_ns / 1000000000), "ms",
			(json_int_t)((clock_now_ns() - build->began_ns) / 1000000), "error",
			text_of(error ? strbuf_text(&why) : NULL), "context",
			text_of(context ? context : build->context->path), "dockerfile",
			text_of(build->context->dockerfile_name), "target",
			text_of(options->target), "names", list_json(options->tags), "platform",
			platform_text(&build->platform, platform), "image",
			digest_json(&build->image_id), "no_cache", options->no_cache, "goal",
			build->plan->target->name, "stages", stages);
}

void history_keep(struct build *build, const struct error *error, const char *whole,
		char ret_id[HISTORY_ID_TEXT])
{
	struct store *store = build->options->store;

	ret_id[0] = '\0';
	if (!build->plan || !build->stages || build->options->dry_run || store_is_read_only(store))
		return;
	for (size_t i = 0; i < build->plan->stage_count; i++)
		for (size_t k = 0; k < build->stages[i].stage->step_count; k++)
			history_keep_files(build, &build->stages[i].steps[k]);
	history_new_id(ret_id);
	json_auto_t *document = build_json(build, error, whole, ret_id);
	AUTO_FREE char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
	if (!text) {
		ret_id[0] = '\0';
		return;
	}
	struct error *problem = history_add(store, ret_id, build->began_ns, text);
	if (problem)
		ret_id[0] = '\0';
	error_ignore(problem, "the history of builds is an aid");
}
