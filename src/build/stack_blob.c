/*
 * To a blob, through layer_writer(): from a directory, its changes against the directories below;
 * from a blob in another compression or with other times; from several directories, squashed.
 */
#include "build/stack_inner.h"
#include "graph/key.h"
#include "layer/diff.h"
#include "layer/layer.h"
#include "layer/squash.h"
#include "podman/tree.h"
#include "store/blob.h"
#include "store/cache.h"
#include "sys/dir.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <sys/stat.h>

void lower_fds_done(struct lower_fds *fds)
{
	for (size_t i = 0; i < fds->n; i++)
		if (fds->p[i] >= 0)
			(void)close(fds->p[i]);
	free(fds->p);
}

/* Podman gives "/" some owner and mode where the layer says nothing of it; ours has these. */
static bool has_plain_root(const struct build_layer *layer)
{
	return layer->tree && !layer->tree->has_top;
}

FALLIBLE open_lowers(struct layer_set *set, const struct stack *stack, size_t from, size_t to,
		struct lower_fds *ret)
{
	ret->p = xcalloc(to - from, sizeof(*ret->p));
	ret->has_plain_root = to > from && has_plain_root(stack->p[to - 1]);
	for (size_t i = to; i-- > from;) {
		ret->p[ret->n] = -1;
		TRY(file_open(store_dir_fd(set->options->store), stack->p[i]->dir,
				O_RDONLY | O_DIRECTORY, 0, &ret->p[ret->n++]));
	}
	return NULL;
}

struct layer_format stack_format(const struct build_options *options)
{
	struct layer_format format = { .compression = options->compression,
		.level = options->compression_level };

	if (options->has_epoch)
		format.times = (struct entry_times){ TIMES_CLAMP, options->epoch };
	return format;
}

/* --- a layer of RUN whose files have other times in the image --- */

/* The name of the record of what the store's layer is with these times. */
static struct digest form_name(const struct layer_set *set, const struct build_layer *layer)
{
	struct layer_format format = stack_format(set->options);
	AUTO(key) struct key *key = key_new("times of a layer");

	key_text(key, "layer", layer->id);
	key_number(key, "kind", format.times.kind);
	key_number(key, "seconds", (uint64_t)format.times.seconds);
	return key_finish(key, NULL);
}

static FALLIBLE keep_form(struct layer_set *set, const struct build_layer *layer,
		const struct layer_result *result)
{
	struct store *store = set->options->store;
	struct layer_facts facts = { .diff_id = result->diff_id, .tar_bytes = result->diff_size };
	struct cache_record record = { .kind = CACHE_LAYER };
	struct digest name = form_name(set, layer);

	TRY(layer_add(store, &facts, record.layer));
	TRY(layer_add_blob(store, &result->diff_id, &layer->blob));
	return cache_put(store, &name, &record);
}

/* *ret stays empty when there is none. */
static FALLIBLE find_form(
		struct layer_set *set, const struct build_layer *layer, struct layer_record *ret)
{
	AUTO(cache_record) struct cache_record record = { 0 };
	struct digest name = form_name(set, layer);
	bool found = false;

	TRY(cache_get(set->options->store, &name, &found, &record));
	return found ? layer_get(set->options->store, record.layer, NULL, ret) : NULL;
}

/* --- to a blob --- */

struct export
{
	struct layer_set *set;
	struct layer_format format;
	struct blob_writer *blob;
	struct ahead *ahead;
	struct entry_sink *sink;
	struct layer_result result;
};

static void export_done(struct export *export)
{
	entry_sink_free(export->sink);
	ahead_free(export->ahead);
	blob_abandon(export->blob);
}

DEFINE_AUTO_VALUE(export)

static FALLIBLE export_open(struct layer_set *set, bool goes_ahead, struct export *ret)
{
	ret->set = set;
	ret->format = stack_format(set->options);
	TRY(blob_writer_open(set->options->store, BLOB_HASHED_BY_CALLER, &ret->blob));
	if (set->push && goes_ahead)
		ret->ahead = ahead_start(set->options->registry, set->push, ret->blob, 0);
	return layer_writer(blob_writer_stream(ret->blob), &ret->format, set->pool, &ret->result,
			&ret->sink);
}

static FALLIBLE export_close(struct export *export, struct build_layer *layer)
{
	const struct layer_result *result = &export->result;
	struct store *store = export->set->options->store;

	if (export->sink)
		TRY(entry_sink_close(TAKE(export->sink)));
	TRY(blob_commit(TAKE(export->blob), &result->digest, result->size, NULL, NULL));
	layer_is_blob(layer, result, &export->format);
	layer->ahead = TAKE(export->ahead);
	if (layer->is_timed)
		return keep_form(export->set, layer, result);
	struct layer_facts facts = { .diff_id = result->diff_id, .tar_bytes = result->diff_size };
	/* One of a cache home that is written anew is the store's from now on. */
	if (layer->id[0])
		TRY(layer_set_diff_id(store, layer->id, &result->diff_id, result->diff_size));
	else
		TRY(layer_add(store, &facts, layer->id));
	return layer_add_blob(store, &result->diff_id, &layer->blob);
}

/* The changes of an upper directory against what lies below. */
static FALLIBLE export_changes(struct export *export, const struct build_layer *layer,
		const struct lowers *lowers, int upper_fd, bool *ret_is_empty)
{
	const struct build_options *options = export->set->options;
	struct diff_counts counts = { 0 };
	struct diff_options diff = { .policy = options->userns->owner,
		.lowers = *lowers,
		.is_exact = layer->is_exact || layer->is_placed,
		.has_root = layer->is_placed,
		.cancel = options->cancel,
		.ignore = options->ignore };

	TRY(diff_upper(upper_fd, &diff, export->sink, &counts));
	*ret_is_empty = counts.entries == 0 && counts.whiteouts == 0;
	return NULL;
}

/* Directories of what lies below, where the changes have to be told from it. */
static FALLIBLE need_lowers(struct layer_set *set, const struct build_layer *layer,
		const struct stack *below, struct lower_fds *ret)
{
	if (layer->is_exact || layer->is_placed)
		return NULL;
	TRY(stack_need_dirs(set, below, 0));
	return open_lowers(set, below, 0, below->n, ret);
}

/* From its directory. */
static FALLIBLE export_dir(struct layer_set *set, const struct stack *stack, size_t i)
{
	AUTO(lower_fds) struct lower_fds fds = { 0 };
	AUTO(export) struct export export = { 0 };
	AUTO_FD int upper = -1;
	struct build_layer *layer = stack->p[i];
	struct stack below = { stack->p, i, i };

	TRY(need_lowers(set, layer, &below, &fds));
	TRY(file_open(store_dir_fd(set->options->store), layer->dir, O_RDONLY | O_DIRECTORY, 0,
			&upper));
	TRY(export_open(set, true, &export));
	TRY(export_changes(&export, layer, &(struct lowers){ fds.p, fds.n, fds.has_plain_root },
			upper, &layer->is_empty));
	TRY(export_close(&export, layer));
	return layer_set_check_trees(set);
}

/* From a blob of it: the same entries, compressed or timed in another way. */
static FALLIBLE export_blob(
		struct layer_set *set, struct build_layer *layer, const struct layer_blob *from)
{
	AUTO(reader) struct reader *plain = NULL;
	AUTO(tar_reader) struct tar_reader *tar = NULL;
	AUTO(export) struct export export = { 0 };
	struct reader *raw = NULL;

	TRY(blob_open(set->options->store, &from->digest, &raw, NULL));
	TRY(codec_reader(raw, &plain, NULL));
	tar = tar_reader_new(TAKE(plain));
	TRY(export_open(set, true, &export));
	TRY(layer_replay(tar, export.sink, set->options->cancel, NULL));
	return export_close(&export, layer);
}

/* --- before the store has the layer --- */

struct stack_blob {
	struct export export;
	struct build_layer *layer;
	bool is_empty;
};

void stack_blob_free(struct stack_blob *blob)
{
	if (blob)
		export_done(&blob->export);
	free(blob);
}

FALLIBLE stack_blob_make(struct layer_set *set, const struct stack *below,
		struct build_layer *layer, int tree_fd, stack_filter_fn *filter, void *user,
		struct stack_blob **ret)
{
	AUTO(stack_blob) struct stack_blob *blob = xcalloc(1, sizeof(*blob));
	AUTO(lower_fds) struct lower_fds fds = { 0 };
	struct export *export = &blob->export;

	blob->layer = layer;
	TRY(need_lowers(set, layer, below, &fds));
	TRY(export_open(set, false, export));
	export->sink = filter(user, export->sink);
	const struct lowers lowers = { fds.p, fds.n, fds.has_plain_root };
	TRY(export_changes(export, layer, &lowers, tree_fd, &blob->is_empty));
	TRY(layer_set_check_trees(set));
	TRY(entry_sink_close(TAKE(export->sink)));
	*ret = TAKE(blob);
	return NULL;
}

FALLIBLE stack_blob_keep(struct stack_blob *taken)
{
	AUTO(stack_blob) struct stack_blob *blob = taken;

	blob->layer->is_empty = blob->is_empty;
	return export_close(&blob->export, blob->layer);
}

/* A blob that the image can have as it is, or one (*ret_other) that it can be made of. */
static FALLIBLE find_blob(
		struct layer_set *set, struct build_layer *layer, struct layer_blob *ret_other)
{
	AUTO(layer_record) struct layer_record record = { 0 };

	if (layer->is_timed) {
		TRY(find_form(set, layer, &record));
	} else if (digest_known(&layer->source_diff_id)) {
		TRY(layer_seek_by_diff_id(
				set->options->store, &layer->source_diff_id, NULL, &record));
	}
	if (digest_known(&record.diff_id))
		layer->diff_id = record.diff_id;
	for (size_t i = 0; i < record.blobs.n && !layer->blob.here; i++) {
		if (layer_is_wanted_blob(set, &record.blobs.p[i]))
			layer->blob = record.blobs.p[i];
		else if (record.blobs.p[i].here)
			*ret_other = record.blobs.p[i];
	}
	return NULL;
}

static FALLIBLE need_blob(struct layer_set *set, const struct stack *stack, size_t i)
{
	struct build_layer *layer = stack->p[i];
	struct layer_blob other = { 0 };

	/* A cache home has it, in the form that is wanted: nobody here needs the bytes. */
	if (layer->cached && digest_known(&layer->blob.digest))
		return NULL;
	if (!layer->blob.here)
		TRY(find_blob(set, layer, &other));
	if (layer->blob.here)
		return NULL;
	if (other.here)
		return export_blob(set, layer, &other);
	if (layer->dir)
		return export_dir(set, stack, i);
	if (!layer->source.here)
		TRY(layer_fetch(set, layer));
	return export_blob(set, layer, &layer->source);
}

FALLIBLE stack_need_blob(struct layer_set *set, const struct stack *stack, size_t i)
{
	struct build_layer *layer = stack->p[i];

	if (layer->image)
		return NULL;
	pthread_mutex_lock(&layer->lock);
	struct error *error = need_blob(set, stack, i);
	pthread_mutex_unlock(&layer->lock);
	return error;
}

FALLIBLE stack_squash(struct layer_set *set, const struct stack *stack, size_t from,
		struct build_layer **ret)
{
	const struct build_options *options = set->options;
	AUTO(lower_fds) struct lower_fds fds = { 0 };
	AUTO(blob_writer) struct blob_writer *blob = NULL;
	AUTO(entry_sink) struct entry_sink *sink = NULL;
	struct layer_result result = { 0 };
	struct layer_format format = stack_format(options);
	uint64_t entries = 0;

	*ret = NULL;
	TRY(stack_need_dirs(set, stack, 0));
	TRY(open_lowers(set, stack, from, stack->n, &fds));
	TRY(blob_writer_open(options->store, BLOB_HASHED_BY_CALLER, &blob));
	TRY(layer_writer(blob_writer_stream(blob), &format, set->pool, &result, &sink));
	struct squash_options squash = { .policy = options->userns->owner,
		.ignore = options->ignore,
		.uppers = { fds.p, fds.n },
		.is_lowest = from == 0,
		.cancel = options->cancel };
	struct stack below = { stack->p, from, from };
	TRY(stack_root_owner(set, &below, &squash.below_root));
	TRY(squash_uppers(&squash, sink, &entries));
	TRY(entry_sink_close(TAKE(sink)));
	if (entries == 0)
		return NULL;
	struct build_layer *layer = layer_new(set);
	struct layer_facts facts = { .diff_id = result.diff_id, .tar_bytes = result.diff_size };
	TRY(blob_commit(TAKE(blob), &result.digest, result.size, NULL, NULL));
	layer_is_blob(layer, &result, &format);
	TRY(layer_add(options->store, &facts, layer->id));
	*ret = layer;
	return layer_add_blob(options->store, &layer->diff_id, &layer->blob);
}

FALLIBLE stack_root_owner(const struct layer_set *set, const struct stack *stack, struct owner *ret)
{
	AUTO_FD int fd = -1;
	struct stat st;

	*ret = (struct owner){ .mode = S_IFDIR | 0755 };
	if (!stack->n || !stack->p[stack->n - 1]->dir || has_plain_root(stack->p[stack->n - 1]))
		return NULL;
	TRY(file_open(store_dir_fd(set->options->store), stack->p[stack->n - 1]->dir,
			O_RDONLY | O_DIRECTORY, 0, &fd));
	if (fstat(fd, &st) != 0)
		return error_sys("look at the root of a layer");
	return owner_get(&set->options->userns->owner, fd, "", &st, ret);
}

FALLIBLE upper_is_changed(const struct owner_policy *policy, const struct owner *root, int upper_fd,
		bool *ret)
{
	struct owner now;
	bool is_empty = false;
	struct stat st;

	TRY(dir_is_empty(upper_fd, &is_empty));
	*ret = !is_empty;
	if (*ret)
		return NULL;
	if (fstat(upper_fd, &st) != 0)
		return error_sys("look at what a step changed");
	TRY(owner_get_fd(policy, upper_fd, &st, &now));
	*ret = now.mode != root->mode || now.uid != root->uid || now.gid != root->gid;
	return NULL;
}
