#include "build/enter_inner.h"

#include <string.h>

static bool has_failed(const struct explained *told)
{
	for (size_t i = 0; i < told->steps.n; i++)
		if (told->steps.p[i].state == EXPLAINED_FAILED)
			return true;
	return false;
}

static FALLIBLE find_build(struct entrance *entrance, const struct enter_wish *wish)
{
	AUTO(list) struct list names = { 0 };

	TRY(history_names(entrance->options->store, &names));
	for (size_t i = 0; i < names.n; i++) {
		AUTO(past) struct past past = { 0 };
		struct error *error = past_read(entrance->options->store, names.p[i], &past);

		if (error) {
			error_ignore(error, "a build of the history that cannot be read");
			continue;
		}
		if (!past_is(&past, wish->build) || (wish->is_failed && !has_failed(&past.told)))
			continue;
		entrance->past = TAKE_VALUE(past);
		return NULL;
	}
	struct error *error = error_new(ERR_NOT_FOUND, "no build%s%s%s is in the history",
			wish->is_failed ? " that failed" : "", wish->build ? " of " : "",
			wish->build ? wish->build : "");
	return error_hint(error, "'kiln explain --list' shows the builds");
}

static FALLIBLE find_stage(const struct explained *told, const char *name, size_t *ret)
{
	AUTO(strbuf) struct strbuf names = { 0 };

	for (size_t i = told->stages.n; i-- > 0;) {
		if (text_equal(told->stages.p[i].name, name)) {
			*ret = i;
			return NULL;
		}
		strbuf_addf(&names, "%s%s", names.n ? ", " : "", told->stages.p[i].name);
	}
	return error_hint(error_new(ERR_NOT_FOUND, "build %s has no stage '%s'", told->id, name),
			"it has %s", strbuf_text(&names));
}

static FALLIBLE find_number(
		const struct explained *told, size_t stage, uint64_t number, size_t *ret)
{
	const struct explained_stage *in = &told->stages.p[stage];

	for (size_t i = 0; i < in->step_count; i++) {
		if (told->steps.p[in->first + i].number == number) {
			*ret = in->first + i;
			return NULL;
		}
	}
	return error_hint(error_new(ERR_NOT_FOUND, "stage '%s' of build %s has no step %llu",
					  in->name, told->id, (unsigned long long)number),
			"'kiln explain %s' shows the steps, as [stage number/count]", told->id);
}

/* The step that failed, else the end of the stage. */
static void choose(struct entrance *entrance)
{
	const struct explained *told = &entrance->past.told;
	const struct explained_stage *stage = &told->stages.p[entrance->stage];

	entrance->step = stage->step_count ? stage->first + stage->step_count - 1 : SIZE_MAX;
	entrance->is_after = true;
}

FALLIBLE enter_find(struct entrance *entrance, const struct enter_wish *wish)
{
	const struct explained *told = &entrance->past.told;
	bool is_named = wish->stage || wish->number;

	TRY(find_build(entrance, wish));
	for (size_t i = 0; !is_named && i < told->steps.n; i++) {
		if (told->steps.p[i].state != EXPLAINED_FAILED)
			continue;
		entrance->step = i;
		entrance->stage = told->steps.p[i].stage;
		entrance->is_where_failed = true;
		return NULL;
	}
	TRY(find_stage(told, wish->stage ? wish->stage : told->goal, &entrance->stage));
	if (!wish->number) {
		choose(entrance);
		return NULL;
	}
	TRY(find_number(told, entrance->stage, wish->number, &entrance->step));
	entrance->is_after = wish->is_after;
	entrance->is_where_failed =
			wish->is_after && told->steps.p[entrance->step].state == EXPLAINED_FAILED;
	return NULL;
}
