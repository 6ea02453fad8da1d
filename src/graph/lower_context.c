/*
 * Named contexts: "--build-context NAME=…" puts something else in the place of the stage or image
 * of that name, wherever FROM, COPY --from or RUN --mount=from says it. So every look-up of a name
 * asks here first.
 *
 * Names are compared as images are: without case, and "docker.io/library/alpine:latest" is
 * "alpine". A stage that is named by its number is replaced under its name.
 */
#include "graph/lower.h"
#include "oci/reference.h"

#include <ctype.h>
#include <string.h>

/* "docker.io/library/alpine:latest" -> "alpine"; NULL when it is no image's name. New. */
static char *familiar(const char *text)
{
	AUTO(reference) struct reference reference = { 0 };
	struct error *error = reference_parse(str_of(text), &reference);

	if (error) {
		error_free(error);
		return NULL;
	}
	char *name = reference_familiar(&reference);
	if (!digest_known(&reference.digest) && text_ends(name, ":latest"))
		name[strlen(name) - strlen(":latest")] = '\0';
	return name;
}

char *plan_context_name(const char *text)
{
	char *name = familiar(text);

	if (name)
		return name;
	/* Stages may be named in upper case, and images may not. */
	AUTO_FREE char *lower = xstrdup(text);
	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	name = familiar(lower);
	return name ? name : TAKE(lower);
}

static const struct plan_context *find(const struct lower *lower, const char *name)
{
	const struct plan_input *input = lower->input;
	AUTO_FREE char *wanted = plan_context_name(name);

	for (size_t i = 0; i < input->context_count; i++)
		if (strcmp(input->contexts[i].name, wanted) == 0)
			return &input->contexts[i];
	return NULL;
}

const struct plan_context *lower_context(const struct lower *lower, const char *name)
{
	const struct stage *stage = NULL;

	if (lower->input->context_count == 0)
		return NULL;
	const struct plan_context *found = find(lower, name);
	if (found)
		return found;
	error_ignore(stage_find(lower->input->file, name, &stage), "no number of a stage, then");
	return stage && stage->from->from.name ? find(lower, stage->from->from.name) : NULL;
}

const struct plan_context *lower_replaced(const struct lower *lower, const struct stage *stage)
{
	const char *name = stage->from->from.name;

	return name && lower->input->context_count ? find(lower, name) : NULL;
}

void lower_context_origin(struct lower *lower, const struct plan_context *context,
		const struct platform *platform, struct source_range at, struct plan_origin *ret)
{
	*ret = (struct plan_origin){ .kind = context->is_scratch ? ORIGIN_NONE : ORIGIN_CONTEXT,
		.tree = context->is_scratch ? 0 : context->tree };
	if (context->image) {
		ret->kind = ORIGIN_IMAGE;
		ret->image = lower_image(lower, context->image, platform, at);
	}
}

void lower_from_tree(struct lower *lower, struct lowered *stage, const struct plan_context *context)
{
	AUTO_FREE char *name = xasprintf("COPY --from=%s / /", context->name);
	struct plan_source *everything = arena_new_of(lower->arena, struct plan_source);
	struct plan_step *step =
			lower_add_step(lower, stage, STEP_COPY, stage->stage->from, name, name);

	everything->path = ".";
	step->copy = (struct plan_copy){
		.origin = { .kind = ORIGIN_CONTEXT, .tree = context->tree },
		.sources = everything,
		.source_count = 1,
		.dest = "/",
		.dest_is_dir = true,
	};
}
