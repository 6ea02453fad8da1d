/*
 * What a layer hides of those below: whiteouts and opaque directories of an overlay.
 *
 * A whiteout speaks of the layers below, whatever stands before it in the same layer. What an entry
 * made stays; what is here only because an entry or whiteout needed it (a parent copied up, the
 * target of a hard link, another whiteout) goes. No whiteout stays where nothing below shows:
 * overlayfs would list its name in a directory that it need not merge.
 */
#include "base/xalloc.h"
#include "layer/apply_parts.h"
#include "layer/tree.h"
#include "layer/whiteout.h"
#include "sys/fd.h"
#include "sys/path.h"

#include <fcntl.h>
#include <string.h>

/* A name in its directory: hard links share an inode, and only one of them may be implied. */
static char *key_of(int dir_fd, const char *name)
{
	struct stat st = { 0 };

	(void)fstat(dir_fd, &st);
	return xasprintf("%llx/%s", (unsigned long long)st.st_ino, name);
}

void apply_imply(struct apply *apply, int dir_fd, const char *name)
{
	AUTO_FREE char *key = key_of(dir_fd, name);

	map_set(apply->implied, key, apply);
}

void apply_own(struct apply *apply, int dir_fd, const char *name)
{
	AUTO_FREE char *key = map_count(apply->implied) ? key_of(dir_fd, name) : NULL;

	if (key)
		(void)map_remove(apply->implied, key);
}

static bool is_implied(const struct apply *apply, int dir_fd, const char *name)
{
	AUTO_FREE char *key = map_count(apply->implied) ? key_of(dir_fd, name) : NULL;

	return key && map_has(apply->implied, key);
}

/* Nothing of the lowers shows in the directory of path. */
static bool is_cut_off(const struct apply *apply, const char *path)
{
	AUTO_FREE char *at = map_count(apply->opaque) ? xstrdup(path) : NULL;

	while (at && *at) {
		at[path_parent(at).n] = '\0';
		if (*at && map_has(apply->opaque, at))
			return true;
	}
	return false;
}

/* What no entry made, below one directory: files and whiteouts, and directories. */
struct sweep {
	struct apply *apply;
	struct list files, dirs;
};

static struct error *look(void *state, const struct tree_item *item, enum tree_step *step)
{
	struct sweep *sweep = state;
	bool goes = is_implied(sweep->apply, item->dir_fd, item->name);

	(void)step;
	if (S_ISDIR(item->st->st_mode)) {
		if (goes)
			list_add(&sweep->dirs, item->path);
		return NULL;
	}
	if (!goes)
		TRY(whiteout_is(item->dir_fd, item->name, item->st, &goes));
	if (goes)
		list_add(&sweep->files, item->path);
	return NULL;
}

static FALLIBLE drop(struct apply *apply, int dir_fd, const char *path, int flags)
{
	AUTO_FREE char *parent = str_dup(path_parent(path));
	AUTO_FD int fd = -1;

	TRY(file_open(dir_fd, *parent ? parent : ".", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, &fd));
	if (unlinkat(fd, path_name(path), flags) == 0)
		apply_own(apply, fd, path_name(path));
	else if (errno != ENOTEMPTY)
		return error_sys("remove '%s'", path);
	return NULL;
}

static FALLIBLE sweep_dir(struct apply *apply, int dir_fd)
{
	struct sweep sweep = { .apply = apply };
	const struct tree_visitor visitor = { look, NULL, &sweep };
	struct error *error = tree_walk(dir_fd, &visitor);

	for (size_t i = 0; i < sweep.files.n && !error; i++)
		error = drop(apply, dir_fd, sweep.files.p[i], 0);
	for (size_t i = sweep.dirs.n; i-- > 0 && !error;)
		error = drop(apply, dir_fd, sweep.dirs.p[i], AT_REMOVEDIR);
	if (sweep.dirs.n) {
		apply_forget(apply);
		apply->has_replaced = true;
	}
	list_done(&sweep.files);
	list_done(&sweep.dirs);
	return error;
}

static FALLIBLE mark_opaque(struct apply *apply, int dir_fd, const char *name, const char *path)
{
	AUTO_FD int fd = -1;

	TRY(file_open(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd));
	TRY(sweep_dir(apply, fd));
	map_set(apply->opaque, path, apply);
	return whiteout_make_opaque(fd, apply->options.is_trusted);
}

/* The directory of something that is removed; -1 when there is nothing to remove it from. */
static FALLIBLE open_for_removal(struct apply *apply, const char *path, int *ret_fd)
{
	AUTO_FREE char *parent = str_dup(path_parent(path));
	AUTO(lower_dir) struct lower_dir probe = { 0 };
	AUTO(lower_dir) struct lower_dir lower = { 0 };
	AUTO_FD int probe_fd = -1;

	TRY(apply_find_parent(apply, path, ret_fd));
	if (*ret_fd >= 0)
		return NULL;
	if (apply_is_alone(apply))
		return apply_alone_error(path, "is removed, and its directory is not in it");
	struct error *error = apply_merged_dir(apply, parent, false, &probe_fd, &probe);
	if (apply_is_missing(error) || (!error && probe.n == 0)) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	return apply_merged_dir(apply, parent, true, ret_fd, &lower);
}

/* A directory that is here goes as far as no entry made it; the rest hides what is below. */
static FALLIBLE hide_dir(struct apply *apply, int dir_fd, const char *name, const char *path)
{
	TRY(mark_opaque(apply, dir_fd, name, path));
	if (!is_implied(apply, dir_fd, name))
		return NULL;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
		return errno == ENOTEMPTY ? NULL : error_sys("remove what was made for others");
	apply_own(apply, dir_fd, name);
	apply_forget(apply);
	apply->has_replaced = true;
	(void)map_remove(apply->opaque, path);
	return whiteout_make(dir_fd, name, apply->options.policy.is_flat);
}

static FALLIBLE hide_name(struct apply *apply, int dir_fd, const char *name, const char *path)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return is_cut_off(apply, path)
				       ? NULL
				       : whiteout_make(dir_fd, name, apply->options.policy.is_flat);
	if (S_ISDIR(st.st_mode))
		return hide_dir(apply, dir_fd, name, path);
	if (!is_implied(apply, dir_fd, name))
		return NULL;
	TRY(drop(apply, dir_fd, name, 0));
	return whiteout_make(dir_fd, name, apply->options.policy.is_flat);
}

FALLIBLE apply_hide(struct apply *apply, const char *path)
{
	AUTO_FD int fd = -1;

	TRY(open_for_removal(apply, path, &fd));
	return fd < 0 ? NULL : hide_name(apply, fd, path_name(path), path);
}

/* The names of one lower's root, whiteouts left out. */
static struct error *add_name(void *state, const struct tree_item *item, enum tree_step *step)
{
	struct list *names = state;
	bool is_whiteout = false;

	*step = TREE_SKIP;
	TRY(whiteout_is(item->dir_fd, item->name, item->st, &is_whiteout));
	if (!is_whiteout)
		list_add(names, item->path);
	return NULL;
}

/* overlayfs does not heed an opaque mark on a root: hide each name of the lowers instead. */
static FALLIBLE hide_root(struct apply *apply)
{
	if (apply_is_alone(apply))
		return apply_alone_error("/", "is opaque");
	for (size_t i = 0; i < apply->options.lowers->n; i++) {
		AUTO(list) struct list names = { 0 };
		const struct tree_visitor visitor = { add_name, NULL, &names };

		TRY(tree_walk(apply->options.lowers->fds[i], &visitor));
		for (size_t j = 0; j < names.n; j++)
			TRY(hide_name(apply, apply->root_fd, names.p[j], names.p[j]));
	}
	return NULL;
}

FALLIBLE apply_hide_all(struct apply *apply, const char *path)
{
	const char *name = path_name(path);
	AUTO_FD int fd = -1;
	struct stat st;

	if (!*path)
		return hide_root(apply);
	TRY(open_for_removal(apply, path, &fd));
	if (fd < 0)
		return NULL;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISDIR(st.st_mode) ? mark_opaque(apply, fd, name, path) : NULL;
	if (apply_is_alone(apply))
		return apply_alone_error(path, "is opaque and not in it");

	/* Its metadata is below; without a directory there, there is nothing to hide. */
	AUTO_FREE char *parent = str_dup(path_parent(path));
	AUTO(lower_dir) struct lower_dir lower = { 0 };
	AUTO(lower_dir) struct lower_dir made = { 0 };
	AUTO_FD int parent_fd = -1;
	AUTO_FD int dir_fd = -1;
	struct lower_file below;
	TRY(apply_merged_dir(apply, parent, false, &parent_fd, &lower));
	TRY(lower_find(&lower, name, &below));
	if (!below.is_there || !S_ISDIR(below.st.st_mode))
		return NULL;
	TRY(apply_merged_dir(apply, path, true, &dir_fd, &made));
	map_set(apply->opaque, path, apply);
	return whiteout_make_opaque(dir_fd, apply->options.is_trusted);
}
