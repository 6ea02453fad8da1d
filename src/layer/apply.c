#include "layer/apply.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "layer/apply_parts.h"
#include "layer/tree.h"
#include "layer/whiteout.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <string.h>

static const struct owner root_dir = { .mode = S_IFDIR | 0755 };

bool apply_is_alone(const struct apply *apply)
{
	return apply->options.mode == APPLY_LAYER && !apply->options.lowers;
}

struct error *apply_alone_error(const char *path, const char *what)
{
	return error_code(ERR_UNSUPPORTED, APPLY_NEEDS_LOWERS,
			"the layer cannot stand alone: '%s' %s", path, what);
}

bool apply_needs_lowers(const struct error *error)
{
	return error_is(error, ERR_UNSUPPORTED) && error->code == APPLY_NEEDS_LOWERS;
}

void apply_forget(struct apply *apply)
{
	free(TAKE(apply->parent));
}

void apply_remember(struct apply *apply, char *parent, int fd)
{
	apply_forget(apply);
	if (apply->parent_fd >= 0)
		(void)close(apply->parent_fd);
	apply->parent = parent;
	apply->parent_fd = fd;
}

bool apply_is_missing(const struct error *error)
{
	return error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR);
}

static FALLIBLE open_parent(struct apply *apply, const char *parent, const char *path, int *ret_fd)
{
	AUTO(lower_dir) struct lower_dir lower = { 0 };
	struct error *error =
			rootfs_open(apply->root_fd, parent, O_RDONLY | O_DIRECTORY, 0, ret_fd);

	if (!apply_is_missing(error))
		return error;
	error_free(error);
	if (apply->options.mode == APPLY_ROOTFS)
		return rootfs_make_dirs(
				apply->root_fd, parent, &apply->options.policy, &root_dir, ret_fd);
	if (apply_is_alone(apply))
		return apply_alone_error(path, "has no parent directory in it");
	return apply_merged_dir(apply, parent, true, ret_fd, &lower);
}

FALLIBLE apply_parent(struct apply *apply, const char *path, int *ret_fd, const char **ret_name)
{
	struct str parent = path_parent(path);

	if (!apply->parent || !str_is(parent, apply->parent)) {
		AUTO_FREE char *wanted = str_dup(parent);
		int fd = -1;

		TRY(open_parent(apply, wanted, path, &fd));
		apply_remember(apply, TAKE(wanted), fd);
	}
	*ret_fd = apply->parent_fd;
	*ret_name = path_name(path);
	return NULL;
}

/* The path and its parents: a directory stays when something of this layer is in it. */
static void remember_added(struct apply *apply, const char *path)
{
	AUTO_FREE char *at = xstrdup(path);

	map_set(apply->added, at, apply);
	for (;;) {
		struct str parent = path_parent(at);

		at[parent.n] = '\0';
		if (!*at || map_has(apply->added, at))
			return;
		map_set(apply->added, at, apply);
	}
}

static FALLIBLE apply_add(
		struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct apply *apply = (struct apply *)sink;
	const char *name = NULL;
	int fd = -1;

	if (!*entry->path) {
		TRY_WRAP(apply_root(apply, entry), "unpack '/'");
		return NULL;
	}
	TRY_WRAP(apply_parent(apply, entry->path, &fd, &name), "unpack '%s'", entry->path);
	TRY_WRAP(apply_put(apply, fd, name, entry, content), "unpack '%s'", entry->path);
	if (apply->added)
		remember_added(apply, entry->path);
	return NULL;
}

FALLIBLE apply_find_parent(struct apply *apply, const char *path, int *ret_fd)
{
	AUTO_FREE char *parent = str_dup(path_parent(path));
	AUTO(lower_dir) struct lower_dir lower = { 0 };
	struct error *error =
			rootfs_open(apply->root_fd, parent, O_RDONLY | O_DIRECTORY, 0, ret_fd);

	if (!apply_is_missing(error))
		return error;
	error_free(error);
	*ret_fd = -1;
	if (apply->options.mode == APPLY_ROOTFS || apply_is_alone(apply))
		return NULL;
	error = apply_merged_dir(apply, parent, false, ret_fd, &lower);
	if (!apply_is_missing(error))
		return error;
	error_free(error);
	return NULL;
}

/* Remove what was there before this layer: entries of the layer itself stay. */
struct sparing {
	const struct apply *apply;
	const char *prefix;
	struct list gone;
};

static struct error *spare(void *state, const struct tree_item *item, enum tree_step *step)
{
	struct sparing *sparing = state;
	AUTO_FREE char *path = path_join(sparing->prefix, item->path);

	if (map_has(sparing->apply->added, path))
		return NULL;
	*step = TREE_SKIP;
	list_add(&sparing->gone, item->path);
	return NULL;
}

static FALLIBLE remove_below(struct apply *apply, int dir_fd, const char *path)
{
	struct sparing sparing = { apply, path, { 0 } };
	const struct tree_visitor visitor = { spare, NULL, &sparing };
	struct error *error = tree_walk(dir_fd, &visitor);

	apply_forget(apply);
	apply->has_replaced = true;
	for (size_t i = 0; i < sparing.gone.n && !error; i++)
		error = rootfs_remove_tree(dir_fd, sparing.gone.p[i]);
	list_done(&sparing.gone);
	return error;
}

static FALLIBLE whiteout_rootfs(struct apply *apply, const char *path)
{
	const char *name = path_name(path);
	AUTO_FD int dir_fd = -1;

	TRY(apply_find_parent(apply, path, &dir_fd));
	if (dir_fd < 0)
		return NULL;
	if (!map_has(apply->added, path)) {
		apply_forget(apply);
		apply->has_replaced = true;
		return file_remove_tree(dir_fd, name);
	}
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return NULL; /* a file of this layer has replaced what is meant */
	struct error *error = remove_below(apply, fd, path);
	(void)close(fd);
	return error;
}

static FALLIBLE apply_whiteout(struct entry_sink *sink, const char *path)
{
	struct apply *apply = (struct apply *)sink;

	TRY_WRAP(apply->options.mode == APPLY_LAYER ? apply_hide(apply, path)
						    : whiteout_rootfs(apply, path),
			"remove '%s'", path);
	return NULL;
}

static FALLIBLE opaque_rootfs(struct apply *apply, const char *path)
{
	AUTO_FD int fd = -1;
	struct error *error = rootfs_open(
			apply->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd);

	if (apply_is_missing(error) || error_is_errno(error, ELOOP)) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	return remove_below(apply, fd, path);
}

static FALLIBLE apply_opaque(struct entry_sink *sink, const char *path)
{
	struct apply *apply = (struct apply *)sink;

	TRY_WRAP(apply->options.mode == APPLY_LAYER ? apply_hide_all(apply, path)
						    : opaque_rootfs(apply, path),
			"make '%s' opaque", *path ? path : "/");
	return NULL;
}

static FALLIBLE apply_close(struct entry_sink *sink)
{
	return apply_finish_dirs((struct apply *)sink);
}

static void apply_free(struct entry_sink *sink)
{
	struct apply *apply = (struct apply *)sink;

	apply_remember(apply, NULL, -1);
	for (size_t i = 0; i < apply->dirs.n; i++)
		free(apply->dirs.p[i].path);
	free(apply->dirs.p);
	map_free(apply->added);
	map_free(apply->implied);
	map_free(apply->opaque);
	free(apply->buf);
	free(apply);
}

static const struct entry_sink_ops apply_ops = { apply_add, apply_whiteout, apply_opaque,
	apply_close, apply_free };

struct entry_sink *apply_sink(int dir_fd, const struct apply_options *options)
{
	struct apply *apply = xcalloc(1, sizeof(*apply));

	apply->sink.ops = &apply_ops;
	apply->root_fd = dir_fd;
	apply->options = *options;
	apply->parent_fd = -1;
	if (options->mode == APPLY_ROOTFS)
		apply->added = map_new(NULL);
	apply->implied = map_new(NULL);
	apply->opaque = map_new(NULL);
	return &apply->sink;
}
