/*
 * How a layer gets from one state to the next.
 *
 * To a directory: the store has it already; or it is unpacked from its blob in the store; or from
 * the image's home, and then the blob is kept on the way by the same read. Two processes, or two
 * threads, that need the same layer do it once: the layer's own lock, then the store's lock by
 * diffID. A layer that cannot stand alone is unpacked again on top of what lies below.
 */
#include "build/stack.h"
#include "build/flat.h"
#include "build/lower_store.h"
#include "build/stack_inner.h"
#include "build/view.h"
#include "cache/homes.h"
#include "layer/layer.h"
#include "podman/tree.h"
#include "store/blob.h"
#include "store/store_lock.h"
#include "stream/hash.h"
#include "stream/pool.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void layer_set_init(struct layer_set *set, const struct build_options *options, struct pool *pool)
{
	*set = (struct layer_set){ .options = options, .pool = pool, .layers_fd = -1 };
	pthread_mutex_init(&set->lock, NULL);
}

FALLIBLE layer_set_open(struct layer_set *set)
{
	const struct build_options *options = set->options;

	set->lower_fds = xcalloc(options->lower_count, sizeof(*set->lower_fds));
	for (size_t i = 0; i < options->lower_count; i++)
		TRY(file_open(store_dir_fd(options->lowers[i]), "layers", O_PATH | O_DIRECTORY, 0,
				&set->lower_fds[i]));
	return file_open(store_dir_fd(set->options->store), "layers", O_PATH | O_DIRECTORY, 0,
			&set->layers_fd);
}

void layer_set_done(struct layer_set *set)
{
	while (set->all) {
		struct build_layer *layer = set->all;

		set->all = layer->next;
		ahead_free(layer->ahead);
		pthread_mutex_destroy(&layer->lock);
		free(layer->dir);
		view_names_free(layer->names);
		podman_tree_free(layer->tree);
		free(layer);
	}
	vec_done(&set->trees);
	flat_free(set->views);
	for (size_t i = 0; set->lower_fds && i < set->options->lower_count; i++)
		if (set->lower_fds[i] > 0)
			(void)close(set->lower_fds[i]);
	free(set->lower_fds);
	if (set->layers_fd >= 0)
		(void)close(set->layers_fd);
	pthread_mutex_destroy(&set->lock);
}

struct build_layer *layer_new(struct layer_set *set)
{
	struct build_layer *layer = xcalloc(1, sizeof(*layer));

	pthread_mutex_init(&layer->lock, NULL);
	pthread_mutex_lock(&set->lock);
	layer->next = set->all;
	set->all = layer;
	pthread_mutex_unlock(&set->lock);
	return layer;
}

bool layer_is_wanted_blob(const struct layer_set *set, const struct layer_blob *blob)
{
	return blob->here && layer_is_wanted_form(set, blob->compression, blob->level);
}

void layer_learn(const struct layer_set *set, struct build_layer *layer,
		const struct layer_record *record)
{
	if (!layer->dir)
		memcpy(layer->id, record->id, sizeof(layer->id));
	if (record->dir && !layer->dir)
		layer->dir = xstrdup(record->dir);
	layer->source_diff_id = record->diff_id;
	if (!layer->is_timed)
		layer->diff_id = record->diff_id;
	for (size_t i = 0; i < record->blobs.n; i++) {
		const struct layer_blob *blob = &record->blobs.p[i];

		if (blob->here && !layer->source.here)
			layer->source = *blob;
		if (!layer->is_timed && !layer->blob.here && layer_is_wanted_blob(set, blob))
			layer->blob = *blob;
	}
}

struct build_layer *layer_from_record(
		struct layer_set *set, const struct layer_record *record, bool is_timed)
{
	struct build_layer *layer = layer_new(set);

	layer->is_timed = is_timed;
	layer_learn(set, layer, record);
	layer->created = record->created;
	return layer;
}

void layer_is_blob(struct build_layer *layer, const struct layer_result *result,
		const struct layer_format *format)
{
	layer->blob = (struct layer_blob){ result->digest, result->size, format->compression,
		format->level, true };
	layer->diff_id = result->diff_id;
	if (layer->is_timed)
		return;
	layer->source = layer->blob;
	layer->source_diff_id = layer->diff_id;
}

void stack_done(struct stack *stack)
{
	vec_done(stack);
}

void stack_copy(const struct stack *from, struct stack *ret)
{
	for (size_t i = 0; i < from->n; i++)
		vec_push(ret, from->p[i]);
}

void stack_push(struct stack *stack, struct build_layer *layer)
{
	vec_push(stack, layer);
}

void stack_of_image(struct layer_set *set, const struct image *image, struct stack *ret)
{
	for (size_t i = 0; i < image->config.diff_ids.n; i++) {
		struct build_layer *layer = layer_new(set);

		layer->diff_id = image->config.diff_ids.p[i];
		layer->source_diff_id = layer->diff_id;
		layer->image = image;
		layer->image_index = i;
		stack_push(ret, layer);
	}
}

struct digest stack_chain(const struct stack *stack, size_t n)
{
	struct digest chain = { 0 };
	char above[DIGEST_TEXT], below[DIGEST_TEXT], text[2 * DIGEST_TEXT];

	for (size_t i = 0; i < n; i++) {
		const struct digest *diff_id = &stack->p[i]->diff_id;

		/* Others may be on their way to a blob right now. */
		if (!stack->p[i]->image)
			return (struct digest){ 0 };
		if (i == 0) {
			chain = *diff_id;
			continue;
		}
		int length = snprintf(text, sizeof(text), "%s %s", digest_text(&chain, below),
				digest_text(diff_id, above));
		chain = digest_of(text, (size_t)length);
	}
	return n ? chain : digest_of("", 0);
}

/* --- to a directory --- */

/* Unpack into a draft. lowers NULL: the layer must stand alone. */
static FALLIBLE unpack(struct layer_set *set, struct build_layer *layer, unsigned vertex,
		struct layer_draft *draft, const struct lowers *lowers, struct layer_result *ret)
{
	const struct apply_options apply = { APPLY_LAYER, set->options->userns->owner, lowers };

	return layer_pour(set, layer, vertex, apply_sink(draft->tree_fd, &apply), ret);
}

/* A draft whose root looks like the root of an image. */
static FALLIBLE begin(struct layer_set *set, struct layer_draft *ret)
{
	struct owner root = { .mode = S_IFDIR | 0755 };

	TRY(layer_begin(set->options->store, ret));
	return owner_set_fd(&set->options->userns->owner, ret->tree_fd, &root);
}

static FALLIBLE look_up_dir(
		struct layer_set *set, struct build_layer *layer, const struct digest *chain)
{
	AUTO(layer_record) struct layer_record record = { 0 };

	TRY(layer_seek_by_diff_id(set->options->store, &layer->source_diff_id, chain, &record));
	if (record.id[0])
		layer_learn(set, layer, &record);
	return NULL;
}

FALLIBLE layer_look_up_dir(struct layer_set *set, const struct stack *stack, size_t i,
		struct store_lock **ret_lock)
{
	struct build_layer *layer = stack->p[i];
	struct digest chain = stack_chain(stack, i);
	char text[DIGEST_TEXT];

	if (layer->dir || !digest_known(&layer->source_diff_id))
		return NULL;
	/* What is there is whole, and is mostly there; the lock is for who makes it. */
	TRY(look_up_dir(set, layer, &chain));
	if (layer->dir)
		return NULL;
	AUTO_FREE char *name = xasprintf("layer:%s", digest_text(&layer->source_diff_id, text));
	TRY(store_lock_take(set->options->store, name, set->options->cancel, ret_lock));
	TRY(look_up_dir(set, layer, &chain));
	if (!layer->dir)
		lower_find_dir(set, layer, &chain);
	return layer_find_tree(set, layer);
}

static FALLIBLE layer_need_dir(struct layer_set *set, const struct stack *stack, size_t i,
		unsigned vertex, bool *ret_needs_lowers)
{
	struct build_layer *layer = stack->p[i];
	struct layer_result result = { 0 };
	AUTO(layer_draft) struct layer_draft draft = { 0 };
	AUTO(store_lock) struct store_lock *lock = NULL;

	*ret_needs_lowers = false;
	TRY(layer_look_up_dir(set, stack, i, &lock));
	if (layer->dir)
		return NULL;
	TRY(begin(set, &draft));
	struct error *error = unpack(set, layer, vertex, &draft, NULL, &result);
	if (apply_needs_lowers(error)) {
		error_free(error);
		*ret_needs_lowers = true;
		return NULL;
	}
	if (error)
		return error;
	struct layer_facts facts = { .diff_id = result.diff_id, .tar_bytes = result.diff_size };
	TRY(layer_commit(&draft, &facts, layer->id));
	layer->dir = xasprintf("layers/%s", layer->id);
	return NULL;
}

/* The same on top of the layers below, which have directories by now. */
static FALLIBLE layer_need_dir_on_chain(
		struct layer_set *set, const struct stack *stack, size_t i, unsigned vertex)
{
	struct build_layer *layer = stack->p[i];
	struct layer_result result = { 0 };
	AUTO(layer_draft) struct layer_draft draft = { 0 };
	AUTO(lower_fds) struct lower_fds fds = { 0 };
	struct digest chain = stack_chain(stack, i);

	TRY(open_lowers(set, stack, 0, i, &fds));
	TRY(begin(set, &draft));
	struct lowers lowers = { fds.p, fds.n, fds.has_plain_root };
	if (i && !digest_known(&chain))
		return error_new(ERR_INVALID, "a layer that was made here needs those below it");
	TRY(unpack(set, layer, vertex, &draft, &lowers, &result));
	struct layer_facts facts = {
		.diff_id = result.diff_id,
		.tar_bytes = result.diff_size,
		.chain = chain,
	};
	TRY(layer_set_check_trees(set));
	TRY(layer_commit(&draft, &facts, layer->id));
	layer->dir = xasprintf("layers/%s", layer->id);
	return NULL;
}

struct fetch {
	struct layer_set *set;
	const struct stack *stack;
	unsigned vertex;
	pthread_mutex_t lock;
	size_t next;        /* guarded by lock */
	bool *needs_lowers; /* one per layer */
};

/* After an error the others do not begin another layer. */
static void stop(struct fetch *fetch)
{
	pthread_mutex_lock(&fetch->lock);
	fetch->next = fetch->stack->n;
	pthread_mutex_unlock(&fetch->lock);
}

static struct error *fetch_some(void *argument)
{
	struct fetch *fetch = argument;

	for (;;) {
		pthread_mutex_lock(&fetch->lock);
		size_t i = fetch->next++;
		pthread_mutex_unlock(&fetch->lock);
		if (i >= fetch->stack->n)
			return NULL;
		struct build_layer *layer = fetch->stack->p[i];
		struct error *error = NULL;
		pthread_mutex_lock(&layer->lock);
		if (!layer->dir)
			error = layer_need_dir(fetch->set, fetch->stack, i, fetch->vertex,
					&fetch->needs_lowers[i]);
		pthread_mutex_unlock(&layer->lock);
		if (error) {
			stop(fetch);
			return error_wrap(error, "layer %zu of %zu", i + 1, fetch->stack->n);
		}
	}
}

FALLIBLE stack_need_dirs(struct layer_set *set, const struct stack *stack, unsigned vertex)
{
	AUTO_FREE bool *needs_lowers = xcalloc(stack->n, sizeof(bool));
	struct fetch fetch = { set, stack, vertex, PTHREAD_MUTEX_INITIALIZER, 0, needs_lowers };
	size_t missing = 0;

	for (size_t i = 0; i < stack->n; i++) {
		pthread_mutex_lock(&stack->p[i]->lock);
		missing += !stack->p[i]->dir;
		pthread_mutex_unlock(&stack->p[i]->lock);
	}
	if (missing == 0)
		return NULL;
	if (missing == 1) {
		TRY(fetch_some(&fetch));
	} else {
		AUTO(group) struct group *group = group_new();

		for (size_t i = 0; i < missing && i < LAYER_FETCHES; i++)
			group_start(group, "fetch", fetch_some, &fetch);
		TRY(group_join(group));
	}
	for (size_t i = 0; i < stack->n; i++) {
		struct build_layer *layer = stack->p[i];
		struct error *error = NULL;

		if (!needs_lowers[i])
			continue;
		pthread_mutex_lock(&layer->lock);
		if (!layer->dir)
			error = layer_need_dir_on_chain(set, stack, i, vertex);
		pthread_mutex_unlock(&layer->lock);
		if (error)
			return error_wrap(error, "layer %zu of %zu", i + 1, stack->n);
	}
	return NULL;
}

static bool is_same_dir(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

struct mount_dir *stack_mount_dirs(
		const struct layer_set *set, const struct stack *stack, size_t *ret_n)
{
	struct mount_dir *dirs = xcalloc(stack->n, sizeof(*dirs));

	*ret_n = 0;
	for (size_t i = stack->n; i-- > 0;) {
		const struct build_layer *layer = stack->p[i];
		struct mount_dir dir = { layer->lower_fd ? layer->lower_fd : set->layers_fd,
			layer->tree ? "" : layer->id };
		bool is_repeated = false;

		for (size_t k = 0; k < *ret_n && !is_repeated; k++)
			is_repeated = strcmp(dirs[k].path, dir.path) == 0 &&
				      (*dir.path || is_same_dir(dirs[k].fd, dir.fd));
		if (!is_repeated)
			dirs[(*ret_n)++] = dir;
	}
	return dirs;
}

FALLIBLE stack_view(struct layer_set *set, const struct stack *stack, int *ret_fd)
{
	size_t n = 0;
	AUTO_FREE struct mount_dir *dirs = stack_mount_dirs(set, stack, &n);

	return mount_overlay_ro(dirs, n, ret_fd);
}
