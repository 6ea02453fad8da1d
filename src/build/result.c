/*
 * The image of the target stage: its config with the diffIDs and times that running gave, and a
 * manifest over its layers.
 *
 * Times are part of the bytes, and the same build must give the same bytes: a step's time is that
 * of its cache record, and the image's is when this very config was first made here (a record of
 * its own), or SOURCE_DATE_EPOCH for all of them.
 */
#include "base/clock.h"
#include "build/remote.h"
#include "build/state.h"
#include "oci/manifest.h"
#include "store/blob.h"
#include "store/cache.h"

#include <string.h>

bool result_layer_is_empty(const struct build_layer *layer)
{
	char text[DIGEST_TEXT];

	return !layer || layer->is_empty ||
	       (digest_known(&layer->diff_id) && strcmp(digest_text(&layer->diff_id, text),
								 digest_empty_tar_text) == 0);
}

static void set_created(struct history_entry *entry, int64_t seconds)
{
	char text[CLOCK_RFC3339_TEXT];

	free(entry->created);
	entry->created = xstrdup(clock_rfc3339(seconds, 0, text));
}

static void fill_entries(
		const struct build *build, const struct stage_run *run, struct image_config *config)
{
	for (size_t i = 0; i < run->stage->step_count; i++) {
		const struct step_run *step = &run->steps[i];
		struct history_entry *entry = &config->history.p[step->step->history];

		entry->empty_layer = result_layer_is_empty(step->layer);
		set_created(entry,
				build->options->has_epoch ? build->options->epoch : step->created);
	}
}

/* Every stage of the chain fills its own entries. Layers are blobs by now: some hold nothing. */
static void fill_history(
		const struct build *build, const struct stage_run *run, struct image_config *config)
{
	for (; run; run = run->base)
		fill_entries(build, run, config);
}

static FALLIBLE add_layer(const struct build *build, const struct build_layer *layer,
		struct manifest *manifest)
{
	enum image_format format = build->options->format;
	struct descriptor *to = vec_add(&manifest->layers);

	if (!layer->image) {
		*to = descriptor_make(mediatype_layer(format, layer->blob.compression),
				layer->blob.digest, layer->blob.bytes);
		return NULL;
	}
	const struct descriptor *from = &layer->image->manifest.layers.p[layer->image_index];
	const char *name = mediatype_layer(format, mediatype_compression(from->media_type));
	if (!name && format == FORMAT_DOCKER)
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "Docker's format has no name for a layer of "
						  "'%s', '%s'",
						  layer->image->name, from->media_type),
				"use --format oci");
	*to = descriptor_make(name ? name : from->media_type, from->digest, from->size);
	/* What is said of the blob stays true. */
	if (format == FORMAT_OCI)
		list_add_all(&to->annotations, &from->annotations);
	return NULL;
}

static size_t base_layers(const struct stack *stack)
{
	size_t n = 0;

	while (n < stack->n && stack->p[n]->image)
		n++;
	return n;
}

/* The build's own layers become one on top of those of the base image; history says so. */
static FALLIBLE squash(struct build *build, struct stage_run *target, struct image_config *config,
		size_t base_history)
{
	struct build_layer *layer = NULL;
	bool is_whole = build->options->squashes_base;
	size_t from = is_whole ? 0 : base_layers(&target->stack);

	TRY(stack_squash(&build->layers, &target->stack, from, &layer));
	target->stack.n = from;
	if (layer)
		stack_push(&target->stack, layer);
	for (size_t i = base_history; i < config->history.n; i++)
		config->history.p[i].empty_layer = true;
	if (is_whole)
		image_config_clear_history(config);
	if (layer)
		image_config_add_history(config, NULL,
				is_whole ? "squashed layers" : "squashed layers of this build",
				"kiln", false);
	return NULL;
}

static FALLIBLE need_blobs(struct build *build, const struct stack *stack)
{
	for (size_t i = 0; i < stack->n; i++)
		TRY(stack_need_blob(&build->layers, stack, i));
	return NULL;
}

static FALLIBLE fill_layers(struct build *build, struct stage_run *target,
		struct image_config *config, struct manifest *manifest)
{
	vec_done(&config->diff_ids);
	for (size_t i = 0; i < target->stack.n; i++) {
		struct build_layer *layer = target->stack.p[i];

		if (!layer->image && result_layer_is_empty(layer))
			continue;
		vec_push(&config->diff_ids, layer->diff_id);
		TRY(add_layer(build, layer, manifest));
	}
	return NULL;
}

/*
 * When the newest of its steps ran, on whatever machine: so a build whose steps all come from a
 * cache makes the image that the build which ran them made, to the second.
 */
static int64_t made_at(const struct stage_run *run)
{
	int64_t newest = 0;

	for (; run; run = run->base)
		for (size_t i = 0; i < run->stage->step_count; i++)
			if (run->steps[i].created > newest)
				newest = run->steps[i].created;
	return newest ? newest : clock_now_seconds();
}

/* When this config, its own time left out, was first made here. */
static FALLIBLE first_made(struct build *build, const struct stage_run *run,
		const struct image_config *config, int64_t *ret)
{
	AUTO_FREE char *text = image_config_print(config);
	AUTO(cache_record) struct cache_record record = { 0 };
	AUTO(key) struct key *key = key_new("image");
	struct store *store = build->options->store;
	struct cache_record fresh = { .kind = CACHE_EMPTY, .created = made_at(run) };
	bool found = false;

	*ret = fresh.created;
	key_text(key, "config", text);
	struct digest name = key_finish(key, NULL);
	TRY(cache_get(store, &name, &found, &record));
	if (found)
		*ret = record.created;
	else if (!store_is_read_only(store))
		TRY(cache_put(store, &name, &fresh));
	return NULL;
}

/* The stage at the bottom of the chain: it says where the base's history ends. */
static const struct stage_run *bottom(const struct stage_run *run)
{
	while (run->base)
		run = run->base;
	return run;
}

static FALLIBLE fill_times(
		struct build *build, const struct stage_run *run, struct image_config *config)
{
	size_t base_history = bottom(run)->stage->base_history;
	char text[CLOCK_RFC3339_TEXT];
	int64_t seconds = build->options->epoch;

	free(config->created);
	config->created = NULL;
	if (!build->options->has_epoch)
		TRY(first_made(build, run, config, &seconds));
	config->created = xstrdup(clock_rfc3339(seconds, 0, text));
	for (size_t i = base_history; i < config->history.n; i++)
		if (!config->history.p[i].created)
			set_created(&config->history.p[i], seconds);
	if (build->options->image.omits_history)
		image_config_clear_history(config);
	return NULL;
}

void result_annotations(const struct build *build, enum annotation_kind kind, struct list *to)
{
	const struct build_options *options = build->options;

	for (size_t i = 0; i < options->annotation_count; i++) {
		const struct build_annotation *one = &options->annotations[i];
		struct str name = { 0 }, value = { 0 };

		if (one->kind != kind ||
				(one->has_platform &&
						!platform_equal(&one->platform,
								&build->plan->target->platform)))
			continue;
		(void)str_cut(str_of(one->pair), '=', &name, &value);
		AUTO_FREE char *key = str_dup(name);
		list_env_set(to, key, value.p);
	}
}

/* The layers of the stage, for manifest and config. What is squashed is the target alone. */
static FALLIBLE finish_layers(struct build *build, struct stage_run *run,
		struct image_config *config, struct manifest *manifest)
{
	const struct build_options *options = build->options;
	/* One layer as well: a second that holds nothing counts here, and not when it is from a
	 * home. */
	bool squashes = options->squash && run->stage == build->plan->target &&
			(run->stack.n > base_layers(&run->stack) ||
					(options->squashes_base && run->stack.n > 1));

	if (!squashes)
		TRY(need_blobs(build, &run->stack));
	fill_history(build, run, config);
	if (squashes)
		TRY(squash(build, run, config, bottom(run)->stage->base_history));
	return fill_layers(build, run, config, manifest);
}

/* What was told for the image that is made is not for those of other stages. */
static void annotate(const struct build *build, const struct stage_run *run,
		const struct image_config *config, struct list *to)
{
	result_inherit_annotations(build, run, to);
	if (run->stage == build->plan->target)
		result_annotations(build, ANNOTATE_MANIFEST, to);
	result_finish_annotations(build, config, to);
}

/* Where its blobs are: our store, what cache homes have, the base image's. New. */
static struct image_source *source_of(struct build *build, const struct stage_run *run)
{
	const struct plan_image *base = plan_stage_image(run->stage);
	struct image_source *below = base ? image_source_ref(base->image->source) : NULL;

	if (build->homes) {
		struct image_source *homes = cache_homes_source(build->homes, below);

		image_source_unref(below);
		below = homes;
	}
	struct image_source *source = image_source_store(build->options->store, below);
	image_source_unref(below);
	return source;
}

static FALLIBLE make_image(struct build *build, struct stage_run *run, struct image **ret)
{
	const struct build_options *options = build->options;
	bool is_target = run->stage == build->plan->target;
	AUTO(image_config) struct image_config config = { 0 };
	AUTO(manifest) struct manifest manifest = { 0 };
	struct digest config_digest, manifest_digest;

	image_config_copy(&run->stage->config, &config);
	TRY(finish_layers(build, run, &config, &manifest));
	result_label(build, run, &config);
	result_edit_config(build, &config);
	if (is_target)
		result_say_platform(build, &config);
	TRY(fill_times(build, run, &config));
	AUTO_FREE char *config_json = image_config_print(&config);
	manifest.format = options->format;
	manifest.media_type = xstrdup(mediatype_manifest(options->format));
	AUTO_FREE char *records = is_target ? remote_inline(build) : NULL;
	if (records)
		list_addf(&manifest.annotations, "%s=%s", CACHE_ANNOTATION, records);
	TRY(blob_put(options->store, config_json, strlen(config_json), &config_digest));
	manifest.config = descriptor_make(
			mediatype_config(options->format), config_digest, strlen(config_json));
	annotate(build, run, &config, &manifest.annotations);
	AUTO_FREE char *manifest_json = manifest_print(&manifest);
	TRY(blob_put(options->store, manifest_json, strlen(manifest_json), &manifest_digest));
	struct image_source *source = source_of(build, run);
	struct error *error = image_make(run->stage->name, manifest_json, config_json, source, ret);
	image_source_unref(source);
	if (!error && is_target)
		result_annotations(build, ANNOTATE_MANIFEST_DESCRIPTOR, &(*ret)->entry_annotations);
	return error;
}

/* Without a step, and with nothing told about it, it could only get another name for itself. */
static bool is_lone_base(
		const struct build *build, const struct stage_run *target, const struct image *base)
{
	const struct build_options *options = build->options;
	AUTO(image_config) struct image_config config = { 0 };

	if (!options->image.keeps_lone_base || target->base || options->squash ||
			options->has_epoch || options->force_compression ||
			options->annotation_count || options->image.unset_annotations->n ||
			options->image.omits_history || target->stage->step_count ||
			options->format != base->manifest.format)
		return false;
	image_config_copy(&target->stage->config, &config);
	result_edit_config(build, &config);
	result_say_platform(build, &config);
	AUTO_FREE char *text = image_config_print(&config);
	AUTO_FREE char *base_text = image_config_print(&base->config);
	return text_equal(text, base_text);
}

static FALLIBLE take_base(struct build *build, const struct stage_run *target,
		const struct image *base, struct image **ret)
{
	struct store *store = build->options->store;
	struct digest digest;

	TRY(need_blobs(build, &target->stack));
	TRY(blob_put(store, base->config_json, base->config_bytes, &digest));
	TRY(blob_put(store, base->manifest_json, base->manifest_bytes, &digest));
	struct image_source *source = image_source_store(store, base->source);
	struct error *error = image_make(build->plan->target->name, base->manifest_json,
			base->config_json, source, ret);
	image_source_unref(source);
	return error;
}

FALLIBLE result_image(struct build *build, struct image **ret)
{
	struct stage_run *target = build_stage(build, build->plan->target);
	const struct plan_image *base = plan_stage_image(target->stage);

	if (base && is_lone_base(build, target, base->image))
		return take_base(build, target, base->image, ret);
	return make_image(build, target, ret);
}

/* A FROM and nothing behind it: that is the image, or the stage, that it names. */
static bool is_from_alone(const struct stage_run *run)
{
	size_t below = run->base ? run->base->stage->config.history.n : run->stage->base_history;

	return run->stage->config.history.n == below;
}

FALLIBLE result_save_stages(struct build *build)
{
	const struct build_options *options = build->options;

	/* In the plan's order: each is behind what it stands on. */
	for (size_t i = 0; i < build->plan->stage_count; i++) {
		struct stage_run *run = &build->stages[i];
		AUTO(image) struct image *image = NULL;

		if (run->stage == build->plan->target || is_from_alone(run))
			continue;
		TRY_WRAP(make_image(build, run, &image), "save stage '%s'", run->stage->name);
		TRY_WRAP(image_save_store(image, options->store, NULL, options->cancel, NULL),
				"save stage '%s'", run->stage->name);
		run->image_id = image->manifest.config.digest;
	}
	return NULL;
}
