#include "build/flat.h"
#include "build/inplace.h"
#include "build/stack_inner.h"
#include "layer/squash.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <sys/stat.h>

struct flat *flat_new(void)
{
	struct flat *flat = xcalloc(1, sizeof(*flat));

	flat->root_fd = -1;
	flat->draft.tree_fd = -1;
	return flat;
}

void flat_free(struct flat *flat)
{
	if (!flat)
		return;
	snapshot_free(flat->snapshot);
	if (flat->root_fd >= 0)
		(void)close(flat->root_fd);
	layer_draft_done(&flat->draft);
	flat_free(flat->next);
	free(flat);
}

static FALLIBLE make(struct layer_set *set, struct flat *flat)
{
	const struct owner root = { .mode = S_IFDIR | 0755 };

	TRY(layer_begin(set->options->store, &flat->draft));
	if (flat->inplace)
		return file_open(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0, &flat->root_fd);
	TRY(owner_set_fd(&set->options->userns->owner, flat->draft.tree_fd, &root));
	return file_open(flat->draft.tree_fd, ".", O_RDONLY | O_DIRECTORY, 0, &flat->root_fd);
}

/* Layers [from, stack->n) on top of what is in root_fd. */
static FALLIBLE put_layers(struct layer_set *set, const struct stack *stack, size_t from,
		const struct flat *flat)
{
	AUTO(lower_fds) struct lower_fds fds = { 0 };
	struct apply_options apply = { APPLY_ROOTFS, set->options->userns->owner, NULL };
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(flat->root_fd, &apply);
	uint64_t entries = 0;

	if (flat->inplace)
		sink = inplace_sink(flat->inplace, TAKE(sink));
	TRY(open_lowers(set, stack, from, stack->n, &fds));
	struct squash_options squash = { .policy = set->options->userns->owner,
		.uppers = { fds.p, fds.n },
		.below_root = { .mode = S_IFDIR | 0755 },
		.cancel = set->options->cancel };
	if (from) {
		struct stack below = { stack->p, from, from };

		TRY(stack_root_owner(set, &below, &squash.below_root));
	}
	TRY(squash_uppers(&squash, sink, &entries));
	return entry_sink_close(TAKE(sink));
}

FALLIBLE flat_raise(struct layer_set *set, struct flat *flat, const struct stack *stack)
{
	if (flat->root_fd < 0)
		TRY(make(set, flat));
	if (flat->height == stack->n)
		return NULL;
	TRY_WRAP(put_layers(set, stack, flat->height, flat),
			"put the stage's layers into one directory");
	flat->height = stack->n;
	snapshot_free(TAKE(flat->snapshot));
	return NULL;
}

void flat_forget(struct flat *flat)
{
	flat->height = 0;
	snapshot_free(TAKE(flat->snapshot));
}

static FALLIBLE take(struct layer_set *set, struct flat *flat, struct snapshot **ret)
{
	const struct snapshot_options options = {
		.skip = flat->inplace ? inplace_kept(flat->inplace) : NULL,
		.one_device = flat->inplace != NULL,
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

	TRY(take(set, flat, &now));
	TRY_WRAP(snapshot_changes(flat->snapshot, now, flat->root_fd, &diff, sink, &counts),
			"keep what the step changed");
	TRY(entry_sink_close(TAKE(sink)));
	snapshot_free(flat->snapshot);
	flat->snapshot = TAKE(now);
	*ret_any = counts.entries + counts.whiteouts > 0;
	return NULL;
}

FALLIBLE flat_dir(struct layer_set *set, struct flat *flat, int *ret_fd)
{
	return file_open(store_dir_fd(set->options->store), flat->draft.dir, O_PATH | O_DIRECTORY,
			0, ret_fd);
}

FALLIBLE flat_view(struct layer_set *set, const struct stack *stack, int *ret_fd)
{
	struct flat *flat = flat_new();
	struct error *error = flat_raise(set, flat, stack);

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
