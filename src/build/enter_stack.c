/*
 * The layers again: the base image by its digest, then what each step made, by its key.
 */
#include "build/enter_inner.h"
#include "oci/reference.h"
#include "store/cache.h"

#include <string.h>

/* "oci:DIR:TAG" and its kin; "docker://" is a registry's. */
static bool is_elsewhere(const char *name)
{
	return image_is_transport(name) && !text_starts(name, "docker://");
}

/* A tag may have moved since; the digest has not. */
static FALLIBLE pin(const char *name, const char *digest, char **ret)
{
	AUTO(reference) struct reference reference = { 0 };

	*ret = xstrdup(name);
	if (is_elsewhere(name) || !digest)
		return NULL;
	if (text_starts(name, "docker://"))
		name += strlen("docker://");
	TRY(reference_parse(str_of(name), &reference));
	TRY(digest_parse(str_of(digest), &reference.digest));
	free(*ret);
	*ret = reference_text(&reference);
	return NULL;
}

FALLIBLE enter_push_image(struct entrance *entrance, const char *called, const char *known_digest,
		struct stack *to)
{
	const struct build_options *options = entrance->options;
	struct image_homes homes = { options->store, options->registry, &entrance->platform,
		options->cancel, NULL, options->trust, .podman = options->podman,
		.decryption = options->decryption };
	AUTO_FREE char *name = NULL;
	AUTO(stack) struct stack layers = { 0 };
	char digest[DIGEST_TEXT];
	struct image *image = NULL;

	TRY(pin(called, known_digest, &name));
	struct error *error = image_open(&homes, name, PULL_MISSING, &image);
	if (error_is(error, ERR_NOT_FOUND) && !is_elsewhere(name)) {
		error_free(error);
		error = image_open(&homes, called, PULL_MISSING, &image);
	}
	TRY_WRAP(error, "image '%s'", called);
	vec_push(&entrance->images, image);
	if (!text_equal(digest_text(&image->digest, digest), known_digest))
		return error_hint(error_new(ERR_NOT_FOUND,
						  "'%s' is another image than it was in build %s",
						  called, entrance->past.told.id),
				"build again, and enter that build");
	stack_of_image(&entrance->layers, image, &layers);
	for (size_t i = 0; i < layers.n; i++)
		stack_push(to, layers.p[i]);
	return NULL;
}

static FALLIBLE push_layer(struct entrance *entrance, const char *id, struct stack *to)
{
	AUTO(layer_record) struct layer_record record = { 0 };

	TRY(layer_get(entrance->options->store, id, NULL, &record));
	stack_push(to, layer_from_record(&entrance->layers, &record, false));
	return NULL;
}

/* What a step made, as the cache has it; else as the build wrote it down. */
static FALLIBLE push_step(struct entrance *entrance, size_t at, struct stack *to)
{
	const struct explained_step *step = &entrance->past.told.steps.p[at];
	const char *layer = past_text(entrance->past.sources.p[at], "layer");
	AUTO(cache_record) struct cache_record record = { 0 };
	struct digest key = { 0 };
	bool found = false;

	if (step->key) {
		TRY(digest_parse(str_of(step->key), &key));
		TRY(cache_get(entrance->options->store, &key, &found, &record));
	}
	if (found && record.kind == CACHE_EMPTY)
		return NULL;
	struct error *error = NULL;
	if (found)
		error = push_layer(entrance, record.layer, to);
	else if (layer && *layer)
		error = push_layer(entrance, layer, to);
	else if (step->state != EXPLAINED_RAN)
		error = error_new(ERR_NOT_FOUND, "no record");
	/* A step that ran and has no layer changed nothing. */
	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	error_free(error);
	return error_hint(error_new(ERR_NOT_FOUND,
					  "what [%s %zu] %s made is not in the store (any more)",
					  entrance->past.told.stages.p[step->stage].name,
					  step->number, step->name),
			"build again, then enter the new build");
}

static size_t find_below(const struct explained *told, size_t stage)
{
	for (size_t i = stage; i-- > 0;)
		if (text_equal(told->stages.p[i].name, told->stages.p[stage].base))
			return i;
	return SIZE_MAX;
}

/* Steps of a stage before end, on what the stage stands on. */
static FALLIBLE push_stage(struct entrance *entrance, size_t at, size_t end, struct stack *to)
{
	const struct explained *told = &entrance->past.told;
	const struct explained_stage *stage = &told->stages.p[at];
	bool has_image = !text_equal(stage->base, "scratch") && stage->base_digest;

	if (stage->base_is_stage) {
		size_t below = find_below(told, at);

		if (below == SIZE_MAX)
			return error_new(ERR_INVALID, "build %s names no stage '%s'", told->id,
					stage->base);
		TRY(enter_push_stage(entrance, below, to));
	} else if (has_image) {
		TRY(enter_push_image(entrance, stage->base, stage->base_digest, to));
	}
	for (size_t i = stage->first; i < end; i++)
		TRY(push_step(entrance, i, to));
	return NULL;
}

FALLIBLE enter_push_stage(struct entrance *entrance, size_t at, struct stack *to)
{
	const struct explained_stage *stage = &entrance->past.told.stages.p[at];

	return push_stage(entrance, at, stage->first + stage->step_count, to);
}

FALLIBLE enter_stack(struct entrance *entrance)
{
	bool is_at_step = entrance->step != SIZE_MAX;
	const char *kept = NULL;
	size_t end = entrance->past.told.stages.p[entrance->stage].first;

	if (is_at_step) {
		kept = past_text(entrance->past.sources.p[entrance->step], "kept");
		end = entrance->step;
	}
	if (is_at_step && entrance->is_after && !entrance->is_where_failed)
		end++;
	TRY(push_stage(entrance, entrance->stage, end, &entrance->stack));
	if (!entrance->is_where_failed)
		return NULL;
	struct error *error = kept ? push_layer(entrance, kept, &entrance->stack) : NULL;
	if (!kept || error_is(error, ERR_NOT_FOUND)) {
		error_free(error);
		error = NULL;
		strbuf_add(&entrance->text, "; what it had written until it failed was not kept");
	}
	return error;
}
