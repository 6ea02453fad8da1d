/*
 * What a build knows at its end, brought to cache homes: a record for each step with a key, its
 * layer as the image would have it, then the index of all. What a home said it has is not sent
 * again; what an image registry of the same host has is mounted.
 */
#include "base/clock.h"
#include "build/mount_travel.h"
#include "build/remote.h"
#include "cache/toc.h"
#include "image/image.h"
#include "store/blob.h"
#include "stream/codec.h"

#include <string.h>

enum { SENDERS = 8 };

/* One home being written to. */
struct bringing {
	struct build *build;
	const struct cache_target *target;
	struct image_source *source; /* of blobs: the store, else other homes */
	struct cached_steps steps;   /* for the index */
	VEC(size_t) fresh;           /* those of steps that the home does not have */
	pthread_mutex_t lock;
	size_t next; /* guarded by lock, as what follows */
	bool has_failed;
};

static void bringing_done(struct bringing *bringing)
{
	image_source_unref(bringing->source);
	cached_steps_done(&bringing->steps);
	vec_done(&bringing->fresh);
}

DEFINE_AUTO_VALUE(bringing)

/* --- what there is --- */

bool remote_takes_all(const struct build *build)
{
	size_t n = 0;
	const struct cache_target *targets = cache_homes_targets(build->homes, &n);

	for (size_t i = 0; i < n; i++)
		if (targets[i].spec->is_max)
			return true;
	return false;
}

void remote_stage_layers(struct build *build, const struct stage_run *run, struct stack *ret)
{
	const struct plan_origin *base = &run->stage->base;

	if (run->base)
		remote_stage_layers(build, run->base, ret);
	else if (base->kind == ORIGIN_IMAGE)
		stack_copy(&build->images[base->image->index].stack, ret);
	for (size_t i = 0; i < run->stage->step_count; i++)
		if (run->steps[i].layer)
			stack_push(ret, run->steps[i].layer);
}

static size_t index_of(const struct stack *stack, const struct build_layer *layer)
{
	size_t i = 0;

	while (i < stack->n && stack->p[i] != layer)
		i++;
	return i;
}

static void describe(const struct build *build, const struct step_run *run, struct cached_step *ret)
{
	const struct build_layer *layer = run->layer;

	*ret = (struct cached_step){
		.key = remote_key(build, run),
		.definition = run->definition,
		.kind = layer && !layer->is_empty ? CACHED_LAYER : CACHED_EMPTY,
		.content = run->content,
		.created = run->created,
		.slot = xasprintf("%s/%zu", run->step->stage->name, run->step->number),
		.ingredients = xstrdup(run->record),
	};
	if (ret->kind != CACHED_LAYER)
		return;
	ret->diff_id = layer->diff_id;
	ret->blob = (struct cached_blob){ layer->blob.digest, layer->blob.bytes };
	ret->compression = layer->blob.compression;
	ret->level = layer->blob.level;
}

/* The form that a target wants its layers in; false: the one they have. */
static bool wants_form(const struct bringing *bringing, const struct cached_step *step,
		enum compression *ret, int *ret_level)
{
	const struct cache_spec *spec = bringing->target->spec;
	const struct build_options *options = bringing->build->options;
	bool has_wish = spec->compression || spec->forces || spec->level != CODEC_LEVEL_DEFAULT;

	*ret = spec->compression ? spec->compression : options->compression;
	*ret_level = spec->level != CODEC_LEVEL_DEFAULT ? spec->level
		     : spec->compression == options->compression || !spec->compression
				     ? options->compression_level
				     : CODEC_LEVEL_DEFAULT;
	return has_wish && step->kind == CACHED_LAYER &&
	       (*ret != step->compression || *ret_level != step->level);
}

/* Its layer, compressed as the target wants it: a blob of the store that only the cache has. */
static FALLIBLE give_form(struct bringing *bringing, struct cached_step *step)
{
	struct build *build = bringing->build;
	const struct descriptor from = { .digest = step->blob.digest, .size = step->blob.bytes };
	struct reader *raw = NULL;
	enum compression compression = 0;
	int level = 0;

	if (!wants_form(bringing, step, &compression, &level))
		return NULL;
	TRY(bringing->source->ops->open_blob(bringing->source, &from, &raw));
	TRY(blob_repack(build->options->store, raw,
			digest_known(&step->diff_id) ? &step->diff_id : NULL, compression, level,
			build->pool, &step->blob.digest, &step->blob.bytes));
	step->toc = (struct cached_blob){ 0 };
	step->compression = compression;
	step->level = level;
	return NULL;
}

/* With its layer as a blob. A step that was not needed and is nowhere has none (*ret false). */
static FALLIBLE record_of(struct bringing *bringing, const struct stack *stack,
		const struct step_run *run, struct cached_step *ret, bool *ret_has)
{
	struct build *build = bringing->build;
	const struct cache_spec *spec = bringing->target->spec;

	*ret_has = run->is_keyed && (run->is_hit || run->created);
	if (!*ret_has)
		return NULL;
	if (run->cached) {
		cached_step_copy(run->cached, ret);
		return spec->forces ? give_form(bringing, ret) : NULL;
	}
	if (run->layer)
		TRY(stack_need_blob(&build->layers, stack, index_of(stack, run->layer)));
	describe(build, run, ret);
	return give_form(bringing, ret);
}

static FALLIBLE collect_step(
		struct bringing *bringing, const struct stack *stack, const struct step_run *run)
{
	struct build *build = bringing->build;
	AUTO(cached_step) struct cached_step step = { 0 };
	struct digest key = remote_key(build, run);
	const struct cached_step *known =
			run->is_keyed ? cache_home_has(build->homes, bringing->target->home, &key)
				      : NULL;
	enum compression compression = 0;
	int level = 0;

	if (known && bringing->target->spec->forces &&
			wants_form(bringing, known, &compression, &level))
		known = NULL;
	bool has = known != NULL;
	if (known)
		cached_step_copy(known, &step);
	else
		TRY(record_of(bringing, stack, run, &step, &has));
	if (!has)
		return NULL;
	/* Two stages may have the same step. */
	for (size_t i = 0; i < bringing->steps.n; i++)
		if (digest_equal(&bringing->steps.p[i].key, &step.key))
			return NULL;
	if (!known)
		vec_push(&bringing->fresh, bringing->steps.n);
	vec_push(&bringing->steps, TAKE_VALUE(step));
	return NULL;
}

/* Tables of contents of base layers: a later build looks into them without fetching these. */
static FALLIBLE collect_base(struct bringing *bringing, const struct build_layer *layer)
{
	struct build *build = bringing->build;
	const struct descriptor *blob = &layer->image->manifest.layers.p[layer->image_index];
	struct digest key = cached_toc_key(&layer->diff_id);
	const struct cached_step *known =
			cache_home_has(build->homes, bringing->target->home, &key);
	bool here = digest_known(&layer->toc);

	for (size_t i = 0; i < bringing->steps.n; i++)
		if (digest_equal(&bringing->steps.p[i].key, &key))
			return NULL;
	if (!known && !here)
		TRY(blob_has(build->options->store, &blob->digest, &here, NULL));
	if (known) {
		cached_step_copy(known, vec_add(&bringing->steps));
	} else if (here) {
		vec_push(&bringing->fresh, bringing->steps.n);
		vec_push(&bringing->steps, ((struct cached_step){
							   .key = key,
							   .kind = CACHED_TOC,
							   .diff_id = layer->diff_id,
							   .blob = { blob->digest, blob->size },
							   .toc = { layer->toc, layer->toc_bytes },
							   .created = clock_now_seconds(),
					   }));
	}
	return NULL;
}

static FALLIBLE collect(struct bringing *bringing)
{
	struct build *build = bringing->build;

	for (size_t i = 0; i < build->plan->stage_count; i++) {
		const struct stage_run *run = &build->stages[i];
		AUTO(stack) struct stack stack = { 0 };

		if (!run->is_exported && !bringing->target->spec->is_max)
			continue;
		remote_stage_layers(build, run, &stack);
		for (size_t k = 0; k < stack.n && stack.p[k]->image; k++)
			TRY(collect_base(bringing, stack.p[k]));
		for (size_t k = 0; k < run->stage->step_count; k++)
			TRY(collect_step(bringing, &stack, &run->steps[k]));
	}
	return NULL;
}

/* --- bringing it --- */

struct parcel {
	struct bringing *bringing;
	struct descriptor blob;
};

static struct error *open_parcel(void *user, uint64_t offset, struct reader **ret)
{
	const struct parcel *parcel = user;
	struct image_source *source = parcel->bringing->source;

	if (offset)
		return error_new(ERR_UNSUPPORTED, "read from its beginning only");
	return source->ops->open_blob(source, &parcel->blob, ret);
}

static FALLIBLE send_blob(struct bringing *bringing, const struct cached_blob *blob)
{
	const struct build *build = bringing->build;
	struct parcel parcel = { bringing, { .digest = blob->digest, .size = blob->bytes } };
	AUTO_FREE const char **from = xcalloc(build->push_count + 2, sizeof(*from));
	AUTO(list) struct list names = { 0 };
	size_t n = 0;

	if (!digest_known(&blob->digest))
		return NULL;
	for (size_t i = 0; i < build->push_count; i++) {
		AUTO_FREE char *name = reference_name(&build->pushes[i]);

		list_add(&names, name);
	}
	for (size_t i = 0; i < names.n; i++)
		from[n++] = names.p[i];
	bool is_sure = false;
	const char *home = image_source_repository(bringing->source, &blob->digest, &is_sure);
	if (home)
		from[n++] = home;
	struct registry_blob sent = { .digest = blob->digest,
		.size = blob->bytes,
		.open = open_parcel,
		.user = &parcel,
		.mount_from = from };
	return bringing->target->home->ops->put_blob(bringing->target->home, &sent);
}

/* From the layer's blob, where the store has it. */
static FALLIBLE make_toc(struct build *build, struct cached_step *step)
{
	struct store *store = build->options->store;
	struct reader *reader = NULL;
	AUTO_FREE char *toc = NULL;
	size_t n = 0;
	bool here = false;

	TRY(blob_has(store, &step->blob.digest, &here, NULL));
	if (!here)
		return NULL;
	TRY(blob_open(store, &step->blob.digest, &reader, NULL));
	TRY(toc_make(reader, build->options->cancel, &toc, &n));
	TRY(blob_put(store, toc, n, &step->toc.digest));
	step->toc.bytes = n;
	return NULL;
}

/* A table that another home says it has, and has not: the layer does without. */
static FALLIBLE send_toc(struct bringing *bringing, struct cached_step *step)
{
	struct error *error = send_blob(bringing, &step->toc);

	if (!error || error_is(error, ERR_CANCELED))
		return error;
	error_ignore(error, "without a table of contents the layer is fetched");
	step->toc = (struct cached_blob){ 0 };
	return NULL;
}

static FALLIBLE send_step(struct bringing *bringing, struct cached_step *step)
{
	struct cache_home *home = bringing->target->home;
	const struct cached_steps one = { step, 1, 1 };

	if (step->kind != CACHED_EMPTY && !digest_known(&step->toc.digest))
		error_ignore(make_toc(bringing->build, step),
				"without a table of contents the layer is fetched");
	if (step->kind == CACHED_TOC && !digest_known(&step->toc.digest))
		return NULL;
	if (step->kind == CACHED_LAYER)
		TRY(send_blob(bringing, &step->blob));
	TRY(send_toc(bringing, step));
	if (step->kind == CACHED_TOC && !digest_known(&step->toc.digest))
		return NULL;
	TRY(home->ops->put_step(home, &step->key, &one));
	return digest_known(&step->definition) ? home->ops->put_step(home, &step->definition, &one)
					       : NULL;
}

static struct error *send_some(void *argument)
{
	struct bringing *bringing = argument;

	for (;;) {
		pthread_mutex_lock(&bringing->lock);
		size_t i = bringing->next++;
		bool is_over = bringing->has_failed || i >= bringing->fresh.n;
		pthread_mutex_unlock(&bringing->lock);
		if (is_over)
			return NULL;
		TRY(cancel_check(bringing->build->options->cancel));
		struct error *error = send_step(bringing, &bringing->steps.p[bringing->fresh.p[i]]);
		if (!error)
			continue;
		pthread_mutex_lock(&bringing->lock);
		bringing->has_failed = true;
		pthread_mutex_unlock(&bringing->lock);
		return error;
	}
}

static FALLIBLE send_steps(struct bringing *bringing)
{
	AUTO(group) struct group *group = NULL;

	if (bringing->fresh.n <= 1)
		return send_some(bringing);
	group = group_new();
	size_t senders =
			bringing->target->home->senders ? bringing->target->home->senders : SENDERS;
	for (size_t i = 0; i < bringing->fresh.n && i < senders; i++)
		group_start(group, "cache export", send_some, bringing);
	return group_join(group);
}

static void drop_without_toc(struct cached_steps *steps)
{
	size_t kept = 0;

	for (size_t i = 0; i < steps->n; i++) {
		if (steps->p[i].kind == CACHED_TOC && !digest_known(&steps->p[i].toc.digest))
			cached_step_done(&steps->p[i]);
		else
			steps->p[kept++] = steps->p[i];
	}
	steps->n = kept;
}

static bool lists(const struct cached_steps *steps, const struct digest *key)
{
	for (size_t i = 0; i < steps->n; i++)
		if (digest_equal(&steps->p[i].key, key))
			return true;
	return false;
}

/* The index of a name is one for all platforms of a build: the last one writes it. */
static void add_platforms_before(const struct build *build, size_t at, struct cached_steps *steps)
{
	const struct cached_steps *before = build->before && build->before->brought
							    ? &build->before->brought[at]
							    : NULL;

	for (size_t i = 0; before && i < before->n; i++)
		if (!lists(steps, &before->p[i].key))
			cached_step_copy(&before->p[i], vec_add(steps));
}

static FALLIBLE bring(struct build *build, const struct cache_target *target, size_t at)
{
	AUTO(bringing)
	struct bringing bringing = {
		.build = build, .target = target, .lock = PTHREAD_MUTEX_INITIALIZER
	};
	TRY(cache_home_check_away(build->homes, target->home));
	struct image_source *homes = cache_homes_source(build->homes, NULL);

	bringing.source = image_source_store(build->options->store, homes);
	image_source_unref(homes);
	TRY(collect(&bringing));
	TRY(send_steps(&bringing));
	drop_without_toc(&bringing.steps);
	add_platforms_before(build, at, &bringing.steps);
	if (build->brought) {
		build->brought[at] = TAKE_VALUE(bringing.steps);
		return NULL;
	}
	if (!bringing.fresh.n && cache_home_index_is(build->homes, target->home, &bringing.steps))
		return NULL;
	return target->home->ops->put_index(target->home, &bringing.steps);
}

FALLIBLE remote_export(struct build *build)
{
	struct progress *progress = build->options->progress;
	size_t n = 0;
	const struct cache_target *targets = cache_homes_targets(build->homes, &n);

	if (build->is_one_of_many && !build->is_last)
		build->brought = xcalloc(n, sizeof(*build->brought));
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *name = xasprintf("exporting cache to %s", targets[i].home->name);
		unsigned vertex = progress_vertex(progress, name, NULL, (struct source_range){ 0 });

		progress_start(progress, vertex);
		struct error *error = bring(build, &targets[i], i);
		if (error && (targets[i].spec->keeps_error || error_is(error, ERR_CANCELED))) {
			progress_end(progress, vertex, PROGRESS_FAILED, error->message);
			return error_wrap(error, "export the cache to %s", targets[i].home->name);
		}
		if (error) {
			AUTO(strbuf) struct strbuf text = { 0 };

			error_text(error, &text);
			progress_warn(progress, vertex, (struct source_range){ 0 },
					"%s: %s; the cache was not exported", targets[i].home->name,
					strbuf_text(&text));
		}
		progress_end(progress, vertex, error ? PROGRESS_CANCELED : PROGRESS_DONE, NULL);
		/* A home that does not take the one is not tried with the other. */
		if (!error)
			TRY(mounts_export(build, &targets[i]));
		error_free(error);
	}
	return NULL;
}

char *remote_inline(struct build *build)
{
	AUTO(cached_steps) struct cached_steps steps = { 0 };

	if (!build->options->cache_inline)
		return NULL;
	for (size_t i = 0; i < build->plan->stage_count; i++) {
		const struct stage_run *run = &build->stages[i];

		for (size_t k = 0; k < run->stage->step_count && run->is_exported; k++) {
			const struct step_run *step = &run->steps[k];
			struct cached_step *record = NULL;

			if (!step->is_keyed)
				continue;
			record = vec_add(&steps);
			describe(build, step, record);
			/* The image says these itself, and the same inputs give the same image. */
			free(TAKE(record->ingredients));
			free(TAKE(record->slot));
			if (build->options->has_epoch)
				record->created = build->options->epoch;
		}
	}
	return cached_steps_print(&steps);
}

void remote_brought_free(struct build *build)
{
	size_t n = 0;

	if (!build->brought)
		return;
	(void)cache_homes_targets(build->homes, &n);
	for (size_t i = 0; i < n; i++)
		cached_steps_done(&build->brought[i]);
	free(TAKE(build->brought));
}
