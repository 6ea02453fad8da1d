/*
 * A working container as an image: what its upper (and what it sealed) changed is one layer behind
 * those of its base, or one with them. The layer is written as the store wants it; what compresses
 * it is a push.
 */
#include "base/clock.h"
#include "build/working.h"
#include "build/working_inner.h"
#include "layer/diff.h"
#include "layer/squash.h"
#include "oci/manifest.h"
#include "store/blob.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <string.h>

#define CREATED_ANNOTATION "org.opencontainers.image.created"

struct commit {
	struct working *working;
	const struct working_commit *wish;
	enum image_format format;
	struct layer_format layer_format;
	struct layer_result layer;
	bool has_layer;
	int64_t created;
};

/* --- the layer --- */

static FALLIBLE open_fds(
		struct working *working, size_t from, bool with_upper, int *fds, size_t *ret_n)
{
	const struct stack *stack = &working->stack;

	if (with_upper)
		TRY(file_open(working->dir_fd, "upper", O_RDONLY | O_DIRECTORY, 0,
				&fds[(*ret_n)++]));
	for (size_t i = stack->n; i-- > from;)
		TRY(file_open(store_dir_fd(working->with.store), stack->p[i]->dir,
				O_RDONLY | O_DIRECTORY, 0, &fds[(*ret_n)++]));
	return NULL;
}

/* Base and all: what the merged files are, over nothing. */
static FALLIBLE send_whole(struct commit *commit, struct entry_sink *sink)
{
	struct working *working = commit->working;
	struct diff_options diff = { .policy = working->with.userns->owner,
		.cancel = working->with.cancel };
	struct diff_counts counts = { 0 };
	AUTO_FD int fd = -1;

	TRY(working_view(working, &fd));
	return diff_upper(fd, &diff, sink, &counts);
}

/* The upper alone: what was copied up and is as it was is left out. */
static FALLIBLE send_upper(struct commit *commit, struct entry_sink *sink)
{
	struct working *working = commit->working;
	AUTO_FREE int *fds = xcalloc(working->stack.n + 1, sizeof(*fds));
	size_t n = 0;
	struct diff_counts counts = { 0 };
	struct error *error = open_fds(working, 0, false, fds, &n);

	if (!error) {
		struct diff_options diff = { .policy = working->with.userns->owner,
			.lowers = { fds, n },
			.cancel = working->with.cancel };

		error = diff_upper(working->upper_fd, &diff, sink, &counts);
	}
	for (size_t i = 0; i < n; i++)
		(void)close(fds[i]);
	return error;
}

static FALLIBLE send_sealed(struct commit *commit, struct entry_sink *sink)
{
	struct working *working = commit->working;
	size_t sealed = working->container->layers.n;
	size_t from = working->stack.n - sealed;
	AUTO_FREE int *fds = xcalloc(sealed + 1, sizeof(*fds));
	size_t n = 0;
	uint64_t entries = 0;
	struct stack below = { working->stack.p, from, from };
	struct error *error = open_fds(working, from, true, fds, &n);
	struct squash_options squash = { .policy = working->with.userns->owner,
		.uppers = { fds, n },
		.cancel = working->with.cancel };

	if (!error)
		error = stack_root_owner(&working->build.layers, &below, &squash.below_root);
	if (!error)
		error = squash_uppers(&squash, sink, &entries);
	for (size_t i = 0; i < n; i++)
		(void)close(fds[i]);
	return error;
}

static FALLIBLE send_changes(struct commit *commit, struct entry_sink *sink)
{
	if (commit->wish->squash)
		return send_whole(commit, sink);
	return commit->working->container->layers.n ? send_sealed(commit, sink)
						    : send_upper(commit, sink);
}

static FALLIBLE keep_layer(struct commit *commit, struct blob_writer *writer)
{
	AUTO(blob_writer) struct blob_writer *blob = writer;
	struct store *store = commit->working->with.store;
	const struct layer_result *layer = &commit->layer;
	struct layer_facts facts = { .diff_id = layer->diff_id, .tar_bytes = layer->diff_size };
	struct layer_blob known = { layer->digest, layer->size, layer->compression,
		commit->layer_format.level, true };
	char id[LAYER_ID_TEXT];

	TRY(blob_commit(TAKE(blob), &layer->digest, layer->size, NULL, NULL));
	TRY(layer_add(store, &facts, id));
	return layer_add_blob(store, &layer->diff_id, &known);
}

static FALLIBLE make_layer(struct commit *commit)
{
	struct working *working = commit->working;
	AUTO(blob_writer) struct blob_writer *blob = NULL;
	AUTO(entry_sink) struct entry_sink *sink = NULL;

	TRY(working_prepare(working));
	TRY(blob_writer_open(working->with.store, BLOB_HASHED_BY_CALLER, &blob));
	TRY(layer_writer(blob_writer_stream(blob), &commit->layer_format, working->build.pool,
			&commit->layer, &sink));
	TRY(send_changes(commit, sink));
	TRY(entry_sink_close(TAKE(sink)));
	commit->has_layer = commit->layer.entries > 0;
	return commit->has_layer ? keep_layer(commit, TAKE(blob)) : NULL;
}

/* --- the config --- */

static void set_time(char **text, int64_t seconds)
{
	char buf[CLOCK_RFC3339_TEXT];

	free(*text);
	*text = xstrdup(clock_rfc3339(seconds, 0, buf));
}

static void clear_history(struct image_config *config)
{
	struct image_config taken = { .history = { config->history.p, config->history.n,
						      config->history.capacity } };

	config->history.p = NULL;
	config->history.n = config->history.capacity = 0;
	image_config_done(&taken);
}

static void add_history(const struct commit *commit, struct image_config *config)
{
	const struct container *container = commit->working->container;
	AUTO_FREE char *from = container->image_name[0]
					       ? xasprintf("FROM %s", container->image_name)
					       : NULL;
	const char *comment = container->history_comment ? container->history_comment : from;

	if (commit->wish->squash || commit->wish->omit_history)
		clear_history(config);
	/* Entries that 'config --add-history' and its kin left: their time is now. */
	for (size_t i = container->base_history; i < config->history.n; i++)
		if (!config->history.p[i].created || commit->wish->has_epoch)
			set_time(&config->history.p[i].created, commit->created);
	if (commit->wish->omit_history)
		return;
	image_config_add_history(config, NULL,
			container->created_by ? container->created_by : "/bin/sh", comment,
			!commit->has_layer);
	struct history_entry *entry = &config->history.p[config->history.n - 1];
	set_time(&entry->created, commit->created);
	entry->author = xstrdup(config->author);
}

static void make_config(const struct commit *commit, struct image_config *ret)
{
	const struct working *working = commit->working;
	const struct list *unset = commit->wish->unset_env;

	image_config_copy(&working->container->config, ret);
	for (size_t i = 0; unset && i < unset->n; i++)
		list_env_unset(&ret->env, unset->p[i]);
	vec_done(&ret->diff_ids);
	for (size_t i = 0; !commit->wish->squash && working->base &&
			   i < working->base->config.diff_ids.n;
			i++)
		vec_push(&ret->diff_ids, working->base->config.diff_ids.p[i]);
	if (commit->has_layer)
		vec_push(&ret->diff_ids, commit->layer.diff_id);
	add_history(commit, ret);
	set_time(&ret->created, commit->created);
}

/* --- the manifest --- */

static FALLIBLE add_base_layers(const struct commit *commit, struct manifest *manifest)
{
	const struct image *base = commit->working->base;

	for (size_t i = 0; base && i < base->manifest.layers.n; i++) {
		const struct descriptor *from = &base->manifest.layers.p[i];
		const char *name = mediatype_layer(
				commit->format, mediatype_compression(from->media_type));

		if (!name)
			return error_hint(error_new(ERR_UNSUPPORTED,
							  "Docker's format has no name for a layer "
							  "of '%s'",
							  from->media_type),
					"use --format oci");
		*vec_add(&manifest->layers) = descriptor_make(name, from->digest, from->size);
	}
	return NULL;
}

static void add_annotations(const struct commit *commit, struct manifest *manifest)
{
	const struct container *container = commit->working->container;
	const struct list *own = commit->wish->annotations;
	char text[CLOCK_RFC3339_TEXT];

	if (commit->format == FORMAT_DOCKER)
		return;
	list_add_all(&manifest->annotations, &container->annotations);
	if (!commit->wish->no_created_annotation &&
			!list_env_get(&manifest->annotations, CREATED_ANNOTATION))
		list_env_set(&manifest->annotations, CREATED_ANNOTATION,
				clock_rfc3339(commit->created, 0, text));
	for (size_t i = 0; own && i < own->n; i++) {
		struct str name, value;

		(void)str_cut(str_of(own->p[i]), '=', &name, &value);
		AUTO_FREE char *key = str_dup(name);
		AUTO_FREE char *word = str_dup(value);
		list_env_set(&manifest->annotations, key, word);
	}
}

static FALLIBLE make_manifest(
		const struct commit *commit, const char *config_json, struct manifest *manifest)
{
	struct store *store = commit->working->with.store;
	struct digest digest;

	manifest->format = commit->format;
	manifest->media_type = xstrdup(mediatype_manifest(commit->format));
	if (!commit->wish->squash)
		TRY(add_base_layers(commit, manifest));
	if (commit->has_layer)
		*vec_add(&manifest->layers) = descriptor_make(
				mediatype_layer(commit->format, commit->layer.compression),
				commit->layer.digest, commit->layer.size);
	add_annotations(commit, manifest);
	TRY(blob_put(store, config_json, strlen(config_json), &digest));
	manifest->config = descriptor_make(
			mediatype_config(commit->format), digest, strlen(config_json));
	return NULL;
}

static FALLIBLE make_image(struct commit *commit, struct image **ret)
{
	struct working *working = commit->working;
	AUTO(image_config) struct image_config config = { 0 };
	AUTO(manifest) struct manifest manifest = { 0 };
	struct digest digest;

	make_config(commit, &config);
	AUTO_FREE char *config_json = image_config_print(&config);
	TRY(make_manifest(commit, config_json, &manifest));
	AUTO_FREE char *manifest_json = manifest_print(&manifest);
	TRY(blob_put(working->with.store, manifest_json, strlen(manifest_json), &digest));
	struct image_source *source = image_source_store(
			working->with.store, working->base ? working->base->source : NULL);
	struct error *error =
			image_make(commit->wish->name, manifest_json, config_json, source, ret);
	image_source_unref(source);
	return error;
}

FALLIBLE working_commit(
		struct working *working, const struct working_commit *wish, struct image **ret)
{
	struct commit commit = {
		.working = working,
		.wish = wish,
		.format = wish->format ? wish->format : working->container->format,
		.layer_format = { .compression = wish->compression ? wish->compression
								   : COMPRESSION_NONE,
				.level = wish->compression ? wish->compression_level
							   : CODEC_LEVEL_DEFAULT },
		.created = wish->has_epoch ? wish->epoch : clock_now_seconds(),
	};

	if (wish->has_epoch)
		commit.layer_format.times =
				(struct entry_times){ wish->fixes_times ? TIMES_FIX : TIMES_CLAMP,
					wish->epoch };
	TRY(make_layer(&commit));
	return make_image(&commit, ret);
}
