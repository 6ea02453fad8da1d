#include "build/flat.h"
#include "build/inplace.h"
#include "build/stack_inner.h"
#include "layer/squash.h"
#include "stream/group.h"
#include "sys/fd.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { FETCHES = 3 };

struct flat *flat_new(struct inplace *inplace)
{
	struct flat *flat = xcalloc(1, sizeof(*flat));

	flat->root_fd = -1;
	flat->draft.tree_fd = -1;
	flat->inplace = inplace;
	return flat;
}

void flat_free(struct flat *flat)
{
	if (!flat)
		return;
	if (flat->inplace)
		inplace_drop(flat->inplace, flat);
	snapshot_free(flat->snapshot);
	if (flat->root_fd >= 0)
		(void)close(flat->root_fd);
	layer_draft_done(&flat->draft);
	flat_free(flat->next);
	free(flat);
}

/* --- its root --- */

static FALLIBLE open_root(struct flat *flat)
{
	return file_open(flat->draft.tree_fd, ".", O_RDONLY | O_DIRECTORY, 0, &flat->root_fd);
}

/* "/" for this one. What is there goes: another stage's files to where it can be read. */
static FALLIBLE enter_place(struct layer_set *set, struct flat *flat)
{
	struct flat *before = inplace_holder(flat->inplace);

	if (before)
		TRY(flat_leave(set, before));
	TRY(inplace_hold(flat->inplace, set->options->store, flat));
	return file_open(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0, &flat->root_fd);
}

static FALLIBLE make(struct layer_set *set, struct flat *flat)
{
	const struct owner root = { .mode = S_IFDIR | 0755 };

	TRY(layer_begin(set->options->store, &flat->draft));
	TRY(owner_set_fd(&set->options->userns->owner, flat->draft.tree_fd, &root));
	return flat->inplace ? enter_place(set, flat) : open_root(flat);
}

FALLIBLE flat_leave(struct layer_set *set, struct flat *flat)
{
	struct inplace *inplace = TAKE(flat->inplace);
	bool is_moved = false;
	struct owner root;
	struct stat st;

	if (!inplace || flat->root_fd < 0)
		return NULL;
	inplace_drop(inplace, flat);
	snapshot_free(TAKE(flat->snapshot));
	if (fstat(flat->root_fd, &st) < 0)
		return error_sys("look at '/'");
	TRY(owner_get_fd(&set->options->userns->owner, flat->root_fd, &st, &root));
	(void)close(TAKE_FD(flat->root_fd));
	TRY(inplace_move(inplace_kept(inplace), flat->draft.tree_fd, &is_moved));
	if (is_moved) {
		TRY(owner_set_fd(&set->options->userns->owner, flat->draft.tree_fd, &root));
		return open_root(flat);
	}
	/* Made anew, of the layers, for whoever needs it. */
	layer_draft_done(&flat->draft);
	flat->height = 0;
	return NULL;
}

/* --- layers into it --- */

static struct entry_sink *sink_of(struct layer_set *set, const struct flat *flat)
{
	const struct apply_options apply = { APPLY_ROOTFS, set->options->userns->owner, NULL };
	struct entry_sink *sink = apply_sink(flat->root_fd, &apply);

	if (!flat->inplace)
		return sink;
	return inplace_sink(
			inplace_kept(flat->inplace), sink, apply_sink(flat->draft.tree_fd, &apply));
}

/* Layers [from, to), which are directories, on top of what is in root_fd. */
static FALLIBLE put_dirs(struct layer_set *set, const struct stack *stack, size_t from, size_t to,
		const struct flat *flat)
{
	AUTO(lower_fds) struct lower_fds fds = { 0 };
	AUTO(entry_sink) struct entry_sink *sink = sink_of(set, flat);
	uint64_t entries = 0;
	struct stat st;

	TRY(open_lowers(set, stack, from, to, &fds));
	struct squash_options squash = { .policy = set->options->userns->owner,
		.uppers = { fds.p, fds.n },
		.cancel = set->options->cancel };
	if (fstat(flat->root_fd, &st) < 0)
		return error_sys("look at the root of a stage");
	TRY(owner_get_fd(&squash.policy, flat->root_fd, &st, &squash.below_root));
	TRY(squash_uppers(&squash, sink, &entries));
	return entry_sink_close(TAKE(sink));
}

/* Whether the store has a directory of the layer by now; its lock is held while it has nothing. */
static FALLIBLE put_layer(struct layer_set *set, const struct stack *stack, size_t i,
		const struct flat *flat, unsigned vertex, bool *ret_is_dir)
{
	struct build_layer *layer = stack->p[i];
	AUTO(store_lock) struct store_lock *lock = NULL;
	struct layer_result result = { 0 };
	struct error *error = NULL;

	pthread_mutex_lock(&layer->lock);
	error = layer_look_up_dir(set, stack, i, &lock);
	*ret_is_dir = layer->dir != NULL;
	bool is_here = layer->source.here;
	if (!error && !*ret_is_dir && !is_here)
		error = layer_pour(set, layer, vertex, sink_of(set, flat), &result);
	pthread_mutex_unlock(&layer->lock);
	if (error || *ret_is_dir || !is_here)
		return error;
	/* Others may read the blob at the same time. */
	store_lock_free(TAKE(lock));
	return layer_pour(set, layer, vertex, sink_of(set, flat), &result);
}

/* --- what is still elsewhere, fetched while the first layers are unpacked --- */

struct fetch {
	struct layer_set *set;
	const struct stack *stack;
	unsigned vertex;
	pthread_mutex_t lock;
	size_t next; /* guarded by lock */
};

static struct error *fetch_some(void *argument)
{
	struct fetch *fetch = argument;

	for (;;) {
		AUTO(store_lock) struct store_lock *lock = NULL;

		pthread_mutex_lock(&fetch->lock);
		size_t i = fetch->next++;
		pthread_mutex_unlock(&fetch->lock);
		if (i >= fetch->stack->n)
			return NULL;
		struct build_layer *layer = fetch->stack->p[i];
		pthread_mutex_lock(&layer->lock);
		struct error *error = layer_look_up_dir(fetch->set, fetch->stack, i, &lock);
		if (!error && !layer->dir)
			error = layer_need_source(fetch->set, layer, fetch->vertex);
		pthread_mutex_unlock(&layer->lock);
		if (!error)
			continue;
		pthread_mutex_lock(&fetch->lock);
		fetch->next = fetch->stack->n;
		pthread_mutex_unlock(&fetch->lock);
		return error_wrap(error, "layer %zu of %zu", i + 1, fetch->stack->n);
	}
}

static FALLIBLE put_layers(struct layer_set *set, const struct stack *stack, size_t from,
		const struct flat *flat, unsigned vertex)
{
	struct fetch fetch = { set, stack, vertex, PTHREAD_MUTEX_INITIALIZER, from + 1 };
	AUTO(group) struct group *group = group_new();
	struct error *error = NULL;
	size_t dirs = from; /* [dirs, i) are directories that are to be put */

	for (size_t i = from + 1; i < stack->n && i <= from + FETCHES; i++)
		(void)group_start(group, "fetch", fetch_some, &fetch);
	for (size_t i = from; i < stack->n && !error; i++) {
		bool is_dir = false;

		pthread_mutex_lock(&stack->p[i]->lock);
		is_dir = stack->p[i]->dir != NULL;
		pthread_mutex_unlock(&stack->p[i]->lock);
		if (!is_dir && dirs < i)
			error = put_dirs(set, stack, dirs, i, flat);
		if (!is_dir && !error) {
			error = put_layer(set, stack, i, flat, vertex, &is_dir);
			error = error ? error_wrap(error, "layer %zu of %zu", i + 1, stack->n)
				      : NULL;
			dirs = is_dir ? i : i + 1;
		}
	}
	if (!error && dirs < stack->n)
		error = put_dirs(set, stack, dirs, stack->n, flat);
	return error_first(error, group_join(group));
}

FALLIBLE flat_raise(struct layer_set *set, struct flat *flat, const struct stack *stack,
		unsigned vertex)
{
	if (flat->root_fd < 0)
		TRY(make(set, flat));
	if (flat->height == stack->n)
		return NULL;
	TRY_WRAP(put_layers(set, stack, flat->height, flat, vertex),
			"put the stage's layers into one directory");
	flat->height = stack->n;
	snapshot_free(TAKE(flat->snapshot));
	return NULL;
}

/* --- steps --- */

static FALLIBLE take(struct layer_set *set, struct flat *flat, struct snapshot **ret)
{
	const struct snapshot_options options = {
		.skip = flat->inplace ? inplace_kept(flat->inplace) : NULL,
		.one_device = flat->inplace != NULL,
		.opens_up = &set->options->userns->owner,
		.cancel = set->options->cancel,
	};

	TRY_WRAP(snapshot_take(flat->root_fd, &options, ret), "look at the root file system");
	return NULL;
}

FALLIBLE flat_begin(struct layer_set *set, struct flat *flat)
{
	if (!flat->snapshot)
		TRY(take(set, flat, &flat->snapshot));
	return snapshot_settle(flat->snapshot, flat->root_fd);
}

/*
 * The step changed something of what is left out of the image: then the layer has parents, too,
 * that did not change themselves.
 */
static FALLIBLE has_left_out(const struct layer_set *set, int tree_fd, bool *ret)
{
	const struct list *left_out = set->options->ignore;
	struct stat st;

	*ret = false;
	for (size_t i = 0; left_out && i < left_out->n && !*ret; i++) {
		struct error *error = rootfs_lstat(tree_fd, left_out->p[i], &st);

		*ret = !error;
		if (error && !error_is(error, ERR_NOT_FOUND) && !error_is_errno(error, ENOENT) &&
				!error_is_errno(error, ENOTDIR))
			return error_wrap(error, "look for '/%s'", left_out->p[i]);
		error_free(error);
	}
	return NULL;
}

FALLIBLE flat_end(struct layer_set *set, struct flat *flat, const struct list *ignore, int tree_fd,
		bool *ret_any)
{
	AUTO(snapshot) struct snapshot *now = NULL;
	struct apply_options apply = { APPLY_LAYER, set->options->userns->owner, NULL };
	struct diff_options diff = { .policy = set->options->userns->owner,
		.cancel = set->options->cancel,
		.ignore = ignore };
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(tree_fd, &apply);
	struct diff_counts counts = { 0 };
	bool is_left_out = false;

	TRY(take(set, flat, &now));
	TRY_WRAP(snapshot_changes(flat->snapshot, now, flat->root_fd, &diff, sink, &counts),
			"keep what the step changed");
	TRY(entry_sink_close(TAKE(sink)));
	TRY(has_left_out(set, tree_fd, &is_left_out));
	snapshot_free(flat->snapshot);
	flat->snapshot = TAKE(now);
	*ret_any = counts.entries + counts.whiteouts > 0;
	flat->is_exact = !counts.suspects && !is_left_out;
	return NULL;
}

FALLIBLE flat_dir(struct layer_set *set, struct flat *flat, int *ret_fd)
{
	return file_open(store_dir_fd(set->options->store), flat->draft.dir, O_PATH | O_DIRECTORY,
			0, ret_fd);
}

FALLIBLE flat_view(struct layer_set *set, const struct stack *stack, unsigned vertex, int *ret_fd)
{
	struct flat *flat = flat_new(NULL);
	struct error *error = flat_raise(set, flat, stack, vertex);

	if (error) {
		flat_free(flat);
		return error;
	}
	*ret_fd = TAKE_FD(flat->root_fd);
	pthread_mutex_lock(&set->lock);
	flat->next = set->views;
	set->views = flat;
	pthread_mutex_unlock(&set->lock);
	return NULL;
}
