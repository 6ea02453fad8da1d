/*
 * A working container as an image: behind the layers of its base those that steps sealed, and one
 * with what its upper changed; or one for all. The layer is written as the store wants it; what
 * compresses it is a push.
 */
#include "base/clock.h"
#include "build/working.h"
#include "build/working_inner.h"
#include "layer/diff.h"
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
	/* On top of the base's (with squash: all), lowest first. */
	struct {
		struct commit_layer {
			struct digest diff_id, digest;
			uint64_t bytes;
			enum compression compression;
			bool is_empty; /* a sealed step that changed nothing after all */
		} * p;
		size_t n, capacity;
	} layers;
	bool has_changes; /* the last one, or that below the files', is the upper's */
	bool has_files;   /* in a layer of their own */
	int64_t created;
	uint32_t created_ns; /* of the image: two commits are two images */
};

/* --- the layer --- */

static struct working_files files_of(const struct commit *commit)
{
	return (struct working_files){ commit->wish->files, commit->wish->file_count,
		commit->created };
}

/* Directories of the lowest n layers, topmost first; -1 behind the last that is open. */
static FALLIBLE open_fds(struct working *working, size_t n, int *fds, size_t *ret_n)
{
	const struct stack *stack = &working->stack;

	for (size_t i = n; i-- > 0;)
		TRY(file_open(store_dir_fd(working->with.store), stack->p[i]->dir,
				O_RDONLY | O_DIRECTORY, 0, &fds[(*ret_n)++]));
	return NULL;
}

/* Base and all: what the merged files are, over nothing, and those of the wish. */
static FALLIBLE send_whole(struct commit *commit, struct entry_sink *sink)
{
	const struct working_files files = files_of(commit);
	struct working *working = commit->working;
	struct diff_options diff = { .policy = working->with.userns->owner,
		.cancel = working->with.cancel };
	struct diff_counts counts = { 0 };
	AUTO_FD int fd = -1;

	TRY(working_view(working, &fd));
	if (!files.n)
		return diff_upper(fd, &diff, sink, &counts);

	AUTO(entry_sink) struct entry_sink *rest = working_files_over(&files, sink);
	TRY(diff_upper(fd, &diff, rest, &counts));
	return working_files_send(&files, sink);
}

/* One upper on the lowest n layers: what was copied up and is as it was is left out. */
static FALLIBLE send_upper(
		struct commit *commit, int upper_fd, size_t below, struct entry_sink *sink)
{
	struct working *working = commit->working;
	AUTO_FREE int *fds = xcalloc(below + 1, sizeof(*fds));
	size_t n = 0;
	struct diff_counts counts = { 0 };
	struct error *error = open_fds(working, below, fds, &n);

	if (!error) {
		struct diff_options diff = { .policy = working->with.userns->owner,
			.lowers = { fds, n },
			.cancel = working->with.cancel };

		error = diff_upper(upper_fd, &diff, sink, &counts);
	}
	for (size_t i = 0; i < n; i++)
		(void)close(fds[i]);
	return error;
}

static FALLIBLE keep_layer(
		struct commit *commit, struct blob_writer *writer, const struct layer_result *layer)
{
	AUTO(blob_writer) struct blob_writer *blob = writer;
	struct store *store = commit->working->with.store;
	struct layer_facts facts = { .diff_id = layer->diff_id, .tar_bytes = layer->diff_size };
	struct layer_blob known = { layer->digest, layer->size, layer->compression,
		commit->layer_format.level, true };
	struct commit_layer made = { layer->diff_id, layer->digest, layer->size, layer->compression,
		false };
	char id[LAYER_ID_TEXT];

	TRY(blob_commit(TAKE(blob), &layer->digest, layer->size, NULL, NULL));
	TRY(layer_add(store, &facts, id));
	vec_push(&commit->layers, made);
	return layer_add_blob(store, &layer->diff_id, &known);
}

enum { WHOLE = -1, FILES = -2 };

/* upper_fd: or WHOLE, base and all, or the wish's FILES. *ret_kept: false when it holds nothing. */
static FALLIBLE write_layer(struct commit *commit, int upper_fd, size_t below, bool *ret_kept)
{
	struct working *working = commit->working;
	AUTO(blob_writer) struct blob_writer *blob = NULL;
	AUTO(entry_sink) struct entry_sink *sink = NULL;
	const struct working_files files = files_of(commit);
	struct layer_result result = { 0 };

	TRY(blob_writer_open(working->with.store, BLOB_HASHED_BY_CALLER, &blob));
	TRY(layer_writer(blob_writer_stream(blob), &commit->layer_format, working->build.pool,
			&result, &sink));
	TRY(upper_fd == WHOLE               ? send_whole(commit, sink)
			: upper_fd == FILES ? working_files_send(&files, sink)
					    : send_upper(commit, upper_fd, below, sink));
	TRY(entry_sink_close(TAKE(sink)));
	*ret_kept = result.entries > 0;
	return *ret_kept ? keep_layer(commit, TAKE(blob), &result) : NULL;
}

/* Written for the times that are wished, or once for all commits. */
static FALLIBLE add_sealed(struct commit *commit, size_t at)
{
	struct working *working = commit->working;
	struct layer_set *set = &working->build.layers;
	struct build_layer *layer = working->stack.p[at];
	struct commit_layer made = { .is_empty = true };

	if (commit->wish->has_epoch) {
		AUTO_FD int fd = -1;
		bool is_kept = false;

		TRY(file_open(store_dir_fd(working->with.store), layer->dir, O_RDONLY | O_DIRECTORY,
				0, &fd));
		TRY(write_layer(commit, fd, at, &is_kept));
		if (is_kept)
			return NULL;
	} else {
		working->options.compression = commit->layer_format.compression;
		working->options.compression_level = commit->layer_format.level;
		TRY(stack_need_blob(set, &working->stack, at));
		made = (struct commit_layer){ layer->diff_id, layer->blob.digest, layer->blob.bytes,
			layer->blob.compression, layer->is_empty };
	}
	vec_push(&commit->layers, made);
	return NULL;
}

static FALLIBLE make_own_layers(struct commit *commit)
{
	struct working *working = commit->working;
	size_t sealed = working->container->layers.n, top = working->stack.n;

	if (commit->wish->squash)
		return write_layer(commit, WHOLE, 0, &commit->has_changes);
	for (size_t i = top - sealed; i < top; i++)
		TRY(add_sealed(commit, i));
	if (sealed && !working->container->is_begun)
		return NULL;
	return write_layer(commit, working->upper_fd, top, &commit->has_changes);
}

static FALLIBLE make_layers(struct commit *commit)
{
	TRY(make_own_layers(commit));
	return commit->wish->file_count && !commit->wish->squash
			       ? write_layer(commit, FILES, 0, &commit->has_files)
			       : NULL;
}

/* --- the config --- */

static void set_time(char **text, int64_t seconds, uint32_t nanoseconds)
{
	char buf[CLOCK_RFC3339_TEXT];

	free(*text);
	*text = xstrdup(clock_rfc3339(seconds, nanoseconds, buf));
}

/* Entries of sealed steps, one for each layer: a layer that holds nothing is not in the image. */
static void match_history(const struct commit *commit, struct image_config *config)
{
	size_t at = 0;

	if (commit->wish->squash)
		return;
	for (size_t i = commit->working->container->base_history; i < config->history.n; i++)
		if (!config->history.p[i].empty_layer && at < commit->layers.n)
			config->history.p[i].empty_layer = commit->layers.p[at++].is_empty;
}

static void add_history(const struct commit *commit, struct image_config *config)
{
	const struct container *container = commit->working->container;
	AUTO_FREE char *from = container->image_name[0]
					       ? xasprintf("FROM %s", container->image_name)
					       : NULL;
	const char *comment = container->history_comment ? container->history_comment : from;

	if (commit->wish->squash || commit->wish->omit_history)
		image_config_clear_history(config);
	match_history(commit, config);
	/* Entries that 'config --add-history' and its kin left: their time is now. */
	for (size_t i = container->base_history; i < config->history.n; i++)
		if (!config->history.p[i].created || commit->wish->has_epoch)
			set_time(&config->history.p[i].created, commit->created, 0);
	if (commit->wish->omit_history)
		return;
	image_config_add_history(config, NULL,
			container->created_by ? container->created_by : "/bin/sh", comment,
			!commit->has_changes);
	struct history_entry *entry = &config->history.p[config->history.n - 1];
	set_time(&entry->created, commit->created, 0);
	entry->author = xstrdup(config->author);
	if (!commit->has_files)
		return;
	image_config_add_history(config, NULL, "commit --add-file", NULL, false);
	set_time(&config->history.p[config->history.n - 1].created, commit->created, 0);
}

static void make_config(const struct commit *commit, struct image_config *ret)
{
	const struct working *working = commit->working;
	const struct list *unset = commit->wish->unset_env;

	image_config_copy(&working->container->config, ret);
	if (commit->format == FORMAT_DOCKER) {
		ret->comment = xstrdup(working->container->comment);
		/* An image of a time of its own tells nothing of where it was made. */
		ret->container = commit->wish->has_epoch ? NULL : xstrdup(working->container->id);
	}
	for (size_t i = 0; unset && i < unset->n; i++)
		list_env_unset(&ret->env, unset->p[i]);
	vec_done(&ret->diff_ids);
	for (size_t i = 0; !commit->wish->squash && working->base &&
			   i < working->base->config.diff_ids.n;
			i++)
		vec_push(&ret->diff_ids, working->base->config.diff_ids.p[i]);
	for (size_t i = 0; i < commit->layers.n; i++)
		if (!commit->layers.p[i].is_empty)
			vec_push(&ret->diff_ids, commit->layers.p[i].diff_id);
	add_history(commit, ret);
	set_time(&ret->created, commit->created, commit->created_ns);
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
		struct descriptor *to = vec_add(&manifest->layers);
		*to = descriptor_make(name, from->digest, from->size);
		if (commit->format == FORMAT_OCI)
			list_add_all(&to->annotations, &from->annotations);
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
	/* The base's own is another image's time. */
	if (!commit->wish->no_created_annotation &&
			text_equal(list_env_get(&manifest->annotations, CREATED_ANNOTATION),
					list_env_get(&container->base_annotations,
							CREATED_ANNOTATION)))
		list_env_set(&manifest->annotations, CREATED_ANNOTATION,
				clock_rfc3339(commit->created, commit->created_ns, text));
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
	for (size_t i = 0; i < commit->layers.n; i++) {
		const struct commit_layer *layer = &commit->layers.p[i];

		if (!layer->is_empty)
			*vec_add(&manifest->layers) = descriptor_make(
					mediatype_layer(commit->format, layer->compression),
					layer->digest, layer->bytes);
	}
	if (commit->layers.n && !commit->layers.p[commit->layers.n - 1].is_empty &&
			commit->format == FORMAT_OCI)
		list_add_all(&manifest->layers.p[manifest->layers.n - 1].annotations,
				&commit->working->container->layer_annotations);
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

/* With nothing on top of sealed layers, the blobs that these have will do. */
FALLIBLE working_commit_begin(struct working *working, const struct working_commit *wish)
{
	const struct container *container = working->container;

	if (container->layers.n && !container->is_begun && !wish->squash && !wish->has_epoch)
		return NULL;
	return working_prepare(working);
}

FALLIBLE working_commit(
		struct working *working, const struct working_commit *wish, struct image **ret)
{
	uint64_t now = clock_now_ns();
	struct commit commit = {
		.working = working,
		.wish = wish,
		.format = wish->format ? wish->format : working->container->format,
		.layer_format = { .compression = wish->compression ? wish->compression
								   : COMPRESSION_NONE,
				.level = wish->compression ? wish->compression_level
							   : CODEC_LEVEL_DEFAULT },
		.created = wish->has_epoch ? wish->epoch : (int64_t)(now / 1000000000),
		.created_ns = wish->has_epoch ? 0 : (uint32_t)(now % 1000000000),
	};

	if (wish->has_epoch)
		commit.layer_format.times =
				(struct entry_times){ wish->fixes_times ? TIMES_FIX : TIMES_CLAMP,
					wish->epoch };
	struct error *error = make_layers(&commit);
	if (!error)
		error = make_image(&commit, ret);
	vec_done(&commit.layers);
	return error;
}
