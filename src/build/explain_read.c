/*
 * From the history's JSON to values. A store may hold what another kiln wrote: members of the wrong
 * type count as missing, an object without stages is no build.
 */
#include "base/limits.h"
#include "build/explain_inner.h"
#include "oci/json.h"

/* As many as the longest Dockerfile could have. */
enum { STEPS_MAX = LIMIT_DOCKERFILE_LINES };

const char *past_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

uint64_t past_number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

static enum explained_state state_of(const char *text)
{
	static const struct {
		const char *name;
		enum explained_state state;
	} states[] = {
		{ "hit", EXPLAINED_HIT },
		{ "ran", EXPLAINED_RAN },
		{ "failed", EXPLAINED_FAILED },
		{ "not reached", EXPLAINED_SKIPPED },
	};

	for (size_t i = 0; i < COUNT(states); i++)
		if (text_equal(text, states[i].name))
			return states[i].state;
	return EXPLAINED_NOT_NEEDED;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void read_step(json_t *object, size_t stage, struct past *past)
{
	struct explained *told = &past->told;
	struct explained_step *step = vec_add(&told->steps);

	vec_push(&past->sources, object);
	step->stage = stage;
	step->number = past_number(object, "number");
	step->name = xstrdup(or_empty(past_text(object, "name")));
	step->kind = xstrdup(or_empty(past_text(object, "kind")));
	step->key = xstrdup(past_text(object, "key"));
	step->home = xstrdup(past_text(object, "home"));
	step->from = xstrdup(past_text(object, "from"));
	step->is_from_stage = json_is_true(json_object_get(object, "is_stage"));
	step->is_forced = json_is_true(json_object_get(object, "forced"));
	step->state = state_of(past_text(object, "state"));
	step->ms = past_number(object, "ms");
	step->because = SIZE_MAX;
	told->hit += step->state == EXPLAINED_HIT;
	if (step->state != EXPLAINED_RAN && step->state != EXPLAINED_FAILED)
		return;
	told->ran++;
	told->ran_ms += step->ms;
}

static FALLIBLE read_stage(const json_t *object, struct past *past)
{
	struct explained *told = &past->told;
	json_t *steps = json_object_get(object, "steps"), *step = NULL;
	struct explained_stage *stage = vec_add(&told->stages);
	size_t i = 0;

	stage->name = xstrdup(or_empty(past_text(object, "name")));
	stage->base = xstrdup(or_empty(past_text(object, "base")));
	stage->base_is_stage = json_is_true(json_object_get(object, "base_is_stage"));
	stage->base_digest = xstrdup(past_text(object, "base_digest"));
	stage->count = past_number(object, "count");
	stage->first = told->steps.n;
	if (json_array_size(steps) + told->steps.n > STEPS_MAX)
		return error_new(ERR_LIMIT, "more than %d steps", STEPS_MAX);
	json_array_foreach(steps, i, step)
	{
		read_step(step, told->stages.n - 1, past);
	}
	stage->step_count = told->steps.n - stage->first;
	return NULL;
}

static FALLIBLE read_build(struct past *past)
{
	const json_t *document = past->document;
	json_t *stages = json_object_get(document, "stages"),
	       *names = json_object_get(document, "names"), *item = NULL;
	struct explained *told = &past->told;
	size_t i = 0;

	if (!json_is_array(stages) || json_array_size(stages) > LIMIT_STAGES)
		return error_new(ERR_INVALID, "it has no stages");
	told->whole = xstrdup(past_text(document, "whole"));
	told->error = xstrdup(past_text(document, "error"));
	told->context = xstrdup(or_empty(past_text(document, "context")));
	told->dockerfile = xstrdup(or_empty(past_text(document, "dockerfile")));
	told->target = xstrdup(past_text(document, "target"));
	told->goal = xstrdup(or_empty(past_text(document, "goal")));
	told->image = xstrdup(past_text(document, "image"));
	told->platform = xstrdup(or_empty(past_text(document, "platform")));
	told->began = (int64_t)past_number(document, "began");
	told->ms = past_number(document, "ms");
	told->no_cache = json_is_true(json_object_get(document, "no_cache"));
	json_array_foreach(names, i, item)
	{
		if (json_is_string(item))
			list_add(&told->names, json_string_value(item));
	}
	json_array_foreach(stages, i, item)
	{
		TRY(read_stage(item, past));
	}
	return NULL;
}

FALLIBLE past_read(struct store *store, const char *name, struct past *ret)
{
	AUTO(past) struct past past = { 0 };
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	TRY(history_read(store, name, &text, &n));
	TRY(json_parse((struct str){ text, n }, HISTORY_BUILD_BYTES, "a build of the history",
			&past.document));
	past.told.id = xstrdup(history_id(name));
	TRY_WRAP(read_build(&past), "build '%s' of the history", history_id(name));
	*ret = TAKE_VALUE(past);
	return NULL;
}

void past_done(struct past *past)
{
	json_decref(past->document);
	explained_done(&past->told);
	vec_done(&past->sources);
}

static void step_done(struct explained_step *step)
{
	for (size_t i = 0; i < step->changes.n; i++) {
		free(step->changes.p[i].what);
		free(step->changes.p[i].before);
		free(step->changes.p[i].after);
	}
	vec_done(&step->changes);
	free(step->name);
	free(step->kind);
	free(step->key);
	free(step->home);
	free(step->from);
	free(step->compared_with);
}

void explained_done(struct explained *explained)
{
	for (size_t i = 0; i < explained->steps.n; i++)
		step_done(&explained->steps.p[i]);
	vec_done(&explained->steps);
	for (size_t i = 0; i < explained->stages.n; i++) {
		struct explained_stage *stage = &explained->stages.p[i];

		free(stage->name);
		free(stage->base);
		free(stage->base_digest);
		free(stage->base_before);
	}
	vec_done(&explained->stages);
	list_done(&explained->names);
	free(explained->id);
	free(explained->whole);
	free(explained->error);
	free(explained->context);
	free(explained->dockerfile);
	free(explained->target);
	free(explained->goal);
	free(explained->image);
	free(explained->platform);
}

FALLIBLE explain_list(struct store *store, struct explained_list *ret)
{
	AUTO(list) struct list names = { 0 };

	TRY(history_names(store, &names));
	for (size_t i = 0; i < names.n; i++) {
		AUTO(past) struct past past = { 0 };
		struct error *error = past_read(store, names.p[i], &past);

		/* Another process may have removed it by now; a damaged one tells nothing. */
		if (!error)
			vec_push(ret, TAKE_VALUE(past.told));
		error_ignore(error, "a build of the history that cannot be read");
	}
	return NULL;
}

void explained_list_done(struct explained_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		explained_done(&list->p[i]);
	vec_done(list);
}
