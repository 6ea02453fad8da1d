#include "build/trees.h"

#include <string.h>

/* "docker-image://busybox" -> "busybox"; NULL when it is no image. New. */
static char *image_of(const char *value)
{
	static const struct {
		const char *scheme, *transport;
	} schemes[] = {
		{ "docker-image://", "" },
		{ "container-image://", "" },
		{ "docker://", "docker://" },
		{ "oci-layout://", "oci:" },
	};

	for (size_t i = 0; i < COUNT(schemes); i++)
		if (text_starts(value, schemes[i].scheme))
			return xasprintf("%s%s", schemes[i].transport,
					value + strlen(schemes[i].scheme));
	return NULL;
}

bool trees_is_image(const char *value)
{
	AUTO_FREE char *image = image_of(value);

	return image != NULL;
}

void trees_plan_free(struct plan_context *contexts, size_t n)
{
	for (size_t i = 0; contexts && i < n; i++) {
		free((void *)(uintptr_t)contexts[i].name);
		free((void *)(uintptr_t)contexts[i].image);
	}
	free(contexts);
}

FALLIBLE trees_plan(const struct build_options *options, struct plan_context **ret)
{
	struct plan_context *contexts = xcalloc(options->context_count, sizeof(*contexts));

	/* The last of a name counts, as with buildx: searched first. */
	for (size_t i = 0; i < options->context_count; i++) {
		const struct build_context *context =
				&options->contexts[options->context_count - 1 - i];

		contexts[i].name = plan_context_name(context->name);
		contexts[i].image = image_of(context->value);
		contexts[i].is_scratch = text_equal(contexts[i].image, "scratch");
		if (contexts[i].is_scratch) {
			free((void *)(uintptr_t)contexts[i].image);
			contexts[i].image = NULL;
		}
		contexts[i].tree = options->context_count - i;
	}
	*ret = contexts;
	return NULL;
}

static FALLIBLE open_tree(struct build *build, const struct plan_origin *origin)
{
	struct progress *progress = build->options->progress;

	if (origin->kind != ORIGIN_CONTEXT || !origin->tree || build->trees[origin->tree - 1])
		return NULL;
	const struct build_context *context = &build->options->contexts[origin->tree - 1];
	struct context_input input = {
		.path = context->value,
		.name = context->name,
		.as_buildah = build->options->as_buildah,
		.sources = &build->sources,
	};
	AUTO_FREE char *name = xasprintf("[internal] load the context '%s'", context->name);
	unsigned vertex = progress_vertex(progress, name, NULL, (struct source_range){ 0 });

	progress_start(progress, vertex);
	struct error *error = context_open(&input, &build->trees[origin->tree - 1]);
	progress_end(progress, vertex, error ? PROGRESS_FAILED : PROGRESS_DONE,
			error ? error->message : NULL);
	return error;
}

static FALLIBLE open_of_step(struct build *build, const struct plan_step *step)
{
	if (step->kind == STEP_COPY)
		return open_tree(build, &step->copy.origin);
	for (size_t i = 0; step->kind == STEP_RUN && i < step->run.mount_count; i++)
		TRY(open_tree(build, &step->run.mounts[i].origin));
	return NULL;
}

FALLIBLE trees_open(struct build *build)
{
	if (!build->options->context_count)
		return NULL;
	if (!build->trees)
		build->trees = xcalloc(build->options->context_count, sizeof(struct context *));
	for (size_t i = 0; i < build->plan->stage_count; i++) {
		const struct plan_stage *stage = build->plan->stages[i];

		for (size_t k = 0; k < stage->step_count; k++) {
			struct error *error = open_of_step(build, &stage->steps[k]);

			if (error)
				return error_at(error, stage->steps[k].at);
		}
	}
	return NULL;
}

void trees_free(struct build *build)
{
	for (size_t i = 0; build->trees && i < build->options->context_count; i++)
		context_free(build->trees[i]);
	free(build->trees);
}

struct context *origin_context(const struct build *build, const struct plan_origin *origin)
{
	return origin->tree ? build->trees[origin->tree - 1] : build->context;
}

struct file_digests *origin_digests(const struct build *build, const struct plan_origin *origin)
{
	return origin->kind == ORIGIN_CONTEXT ? origin_context(build, origin)->digests : NULL;
}
