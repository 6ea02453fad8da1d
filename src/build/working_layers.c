/*
 * A step that becomes a layer of its own. It writes into a draft of the store, in the place of the
 * container's upper; then the draft is a layer, the cache has it by its key, and the container
 * lists it. A kill before that leaves the container as it was before the step.
 *
 * Only a container whose upper is as it was made can have such steps: what is in an upper lies on
 * top of all layers, and has no key.
 *
 * A step with secrets writes into a draft in any case, so that nothing of it is in the container
 * before it was looked through. If it is no layer, the draft begins as a copy of the upper, and
 * takes its place.
 */
#include "base/clock.h"
#include "build/working_inner.h"
#include "layer/apply.h"
#include "layer/squash.h"
#include "store/cache.h"
#include "sys/dir.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* dir_fd's upper, which has the owner of the root below. */
static FALLIBLE is_changed(struct working *working, bool *ret)
{
	struct owner root;

	TRY(stack_root_owner(&working->build.layers, &working->stack, &root));
	return upper_is_changed(&working->with.userns->owner, &root, working->upper_fd, ret);
}

static FALLIBLE is_clean(struct working *working, bool *ret)
{
	bool changed = true;

	if (!working->container->is_begun)
		return dir_is_empty(working->upper_fd, ret);
	TRY(stack_need_dirs(&working->build.layers, &working->stack, 0));
	TRY(is_changed(working, &changed));
	*ret = !changed;
	return NULL;
}

/* As a Dockerfile's stage begins (resolve.c). */
FALLIBLE working_parent(struct working *working, struct digest *ret, const char **ret_why)
{
	const struct container *container = working->container;
	bool clean = false;

	*ret = (struct digest){ 0 };
	TRY(is_clean(working, &clean));
	if (!clean)
		*ret_why = "the container was changed without --layers";
	else if (container->layers.n)
		*ret = container->key;
	else if (working->base)
		*ret = stack_chain(&working->stack, working->stack.n);
	else
		*ret = digest_of("scratch", 7);
	if (clean && !digest_known(ret))
		*ret_why = "what it stands on has no key";
	return NULL;
}

/* The layer (NULL: the step changed nothing) is the container's, and so is the key. */
static FALLIBLE add_layer(struct working *working, const struct layer_record *layer,
		const struct digest *key, const char *created_by)
{
	struct container *container = working->container;

	if (layer) {
		stack_push(&working->stack,
				layer_from_record(&working->build.layers, layer, false));
		list_add(&container->layers, layer->id);
		/* Its root may have another owner or mode than the one that the upper was given. */
		container->is_begun = false;
	}
	container->key = *key;
	image_config_add_history(&container->config, NULL, created_by, NULL, layer == NULL);
	return container_save(container);
}

FALLIBLE working_take(struct working *working, const struct digest *key, const char *created_by,
		bool *ret_taken)
{
	struct store *store = working->with.store;
	AUTO(cache_record) struct cache_record record = { 0 };
	AUTO(layer_record) struct layer_record layer = { 0 };

	TRY(cache_get(store, key, ret_taken, &record));
	if (!*ret_taken)
		return NULL;
	if (record.kind == CACHE_EMPTY)
		return add_layer(working, NULL, key, created_by);

	struct error *error = layer_get(store, record.layer, NULL, &layer);

	if (error) {
		error_ignore(error, "a cache record whose layer is gone is a miss");
		*ret_taken = false;
		return NULL;
	}
	return add_layer(working, &layer, key, created_by);
}

FALLIBLE working_layer_begin(struct working *working)
{
	AUTO_FD int dir_fd = -1, upper_fd = -1;
	struct layer_draft *draft = &working->draft;
	struct owner root;

	TRY(stack_need_dirs(&working->build.layers, &working->stack, 0));
	TRY(stack_root_owner(&working->build.layers, &working->stack, &root));
	TRY(layer_begin(working->with.store, draft));
	TRY(file_open(store_dir_fd(working->with.store), draft->dir, O_RDONLY | O_DIRECTORY, 0,
			&dir_fd));
	TRY(file_open(dir_fd, "upper", O_RDONLY | O_DIRECTORY, 0, &upper_fd));
	TRY(owner_set_fd(&working->with.userns->owner, upper_fd, &root));
	working->own_dir_fd = working->dir_fd;
	working->own_upper_fd = working->upper_fd;
	working->dir_fd = TAKE_FD(dir_fd);
	working->upper_fd = TAKE_FD(upper_fd);
	return NULL;
}

FALLIBLE working_layer_fill(struct working *working)
{
	const struct owner_policy *policy = &working->with.userns->owner;
	const struct apply_options apply = { .mode = APPLY_LAYER, .policy = *policy };
	struct squash_options squash = { .policy = *policy,
		.uppers = { &working->own_upper_fd, 1 },
		.cancel = working->with.cancel };
	uint64_t entries = 0;
	bool empty = false;

	if (!working->container->is_begun)
		TRY(dir_is_empty(working->own_upper_fd, &empty));
	if (empty)
		return NULL;
	TRY(stack_root_owner(&working->build.layers, &working->stack, &squash.below_root));
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(working->upper_fd, &apply);
	TRY_WRAP(squash_uppers(&squash, sink, &entries), "copy what the container changed");
	return entry_sink_close(TAKE(sink));
}

static void take_back(struct working *working)
{
	if (working->own_dir_fd < 0)
		return;
	(void)close(working->dir_fd);
	(void)close(working->upper_fd);
	working->dir_fd = working->own_dir_fd;
	working->upper_fd = working->own_upper_fd;
	working->own_dir_fd = working->own_upper_fd = -1;
}

void working_layer_end(struct working *working)
{
	take_back(working);
	layer_draft_done(&working->draft);
}

/* What has no key is not remembered. */
static FALLIBLE remember(struct working *working, const struct digest *key,
		const struct cache_record *record)
{
	return !digest_known(key) || store_is_read_only(working->with.store)
			       ? NULL
			       : cache_put(working->with.store, key, record);
}

FALLIBLE working_layer_seal(struct working *working, const struct digest *key, const char *text,
		const struct digest *content, const char *created_by)
{
	struct cache_record record = { .kind = CACHE_EMPTY,
		.created = clock_now_seconds(),
		.ingredients = (char *)(uintptr_t)text };
	AUTO(layer_record) struct layer_record layer = { 0 };
	struct layer_facts facts = { 0 };
	bool changed = false;

	TRY(is_changed(working, &changed));
	take_back(working);
	if (content)
		record.content = *content;
	if (changed) {
		record.kind = CACHE_LAYER;
		TRY(layer_commit(&working->draft, &facts, record.layer));
		TRY(layer_get(working->with.store, record.layer, NULL, &layer));
	}
	TRY(remember(working, key, &record));
	return add_layer(working, changed ? &layer : NULL, key, created_by);
}

FALLIBLE working_layer_spill(struct working *working)
{
	int store_fd = store_dir_fd(working->with.store);
	AUTO_FD int upper_fd = -1;

	if (working->own_dir_fd < 0)
		return NULL;
	take_back(working);
	TRY(working_begin(working));
	if (renameat2(store_fd, working->draft.tree, working->dir_fd, "upper", RENAME_EXCHANGE) !=
			0)
		return error_sys("keep what the step wrote");
	TRY(file_open(working->dir_fd, "upper", O_RDONLY | O_DIRECTORY, 0, &upper_fd));
	(void)close(working->upper_fd);
	working->upper_fd = TAKE_FD(upper_fd);
	return NULL;
}

/* A copy of the upper is a layer first; a kill behind that leaves the upper on top of the same. */
FALLIBLE working_layer_settle(struct working *working, const char *created_by)
{
	const struct digest no_key = { 0 };
	bool clean = false;

	TRY(is_clean(working, &clean));
	if (clean)
		return NULL;
	TRY(working_layer_begin(working));
	struct error *error = working_layer_fill(working);
	if (!error)
		error = working_layer_seal(working, &no_key, NULL, NULL, created_by);
	working_layer_end(working);
	TRY(error);
	/* An empty one in the place of the upper. */
	TRY(working_layer_begin(working));
	error = working_layer_spill(working);
	working_layer_end(working);
	return error;
}
