/*
 * Two sorted trees side by side. A directory is sent when it changed itself, or just before the
 * first change inside it.
 */
#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "layer/entry_disk.h"
#include "layer/snapshot.h"
#include "layer/snapshot_tree.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <string.h>

/* A directory that the comparison is in. */
struct level {
	size_t path_n; /* bytes of the path that are its own */
	bool is_sent;
	bool is_replaced; /* it hides a directory that was there before */
};

struct comparison {
	const struct diff_options *options;
	struct entry_sink *sink;
	int root_fd;
	int64_t settled_ns;
	struct diff_counts counts;
	struct strbuf path;
	VEC(struct level) levels;
	struct map *inodes; /* "dev:ino" of files with several names -> first path */
	struct entry_disk disk;
};

/* Read path as it is on disk now. */
static FALLIBLE read_entry(struct comparison *comparison, const char *path, int *ret_dir_fd,
		const char **ret_name, struct stat *st)
{
	TRY(rootfs_open_parent(comparison->root_fd, path, ret_dir_fd, ret_name));
	if (fstatat(*ret_dir_fd, *ret_name, st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return error_sys("look at '%s'", path);
	return entry_disk_read(&comparison->disk, &comparison->options->policy, *ret_dir_fd,
			*ret_name, st, path);
}

static FALLIBLE send_dir(struct comparison *comparison, struct level *level)
{
	AUTO_FREE char *path = xstrndup(strbuf_text(&comparison->path), level->path_n);
	AUTO_FD int dir_fd = -1;
	const char *name = NULL;
	struct stat st;

	TRY(read_entry(comparison, path, &dir_fd, &name, &st));
	level->is_sent = true;
	comparison->counts.entries++;
	TRY(entry_sink_add(comparison->sink, &comparison->disk.entry, NULL));
	if (!level->is_replaced)
		return NULL;
	comparison->counts.whiteouts++;
	return entry_sink_opaque(comparison->sink, path);
}

static FALLIBLE send_parents(struct comparison *comparison)
{
	for (size_t i = 0; i < comparison->levels.n; i++)
		if (!comparison->levels.p[i].is_sent)
			TRY(send_dir(comparison, &comparison->levels.p[i]));
	return NULL;
}

static FALLIBLE send_gone(struct comparison *comparison)
{
	TRY(send_parents(comparison));
	comparison->counts.whiteouts++;
	return entry_sink_whiteout(comparison->sink, strbuf_text(&comparison->path));
}

/* Make a later name of one inode a hard link to the first. */
static void find_link(struct comparison *comparison, const struct stat *st, struct entry *entry)
{
	char key[48];

	if (st->st_nlink < 2)
		return;
	(void)snprintf(key, sizeof(key), "%llx:%llx", (unsigned long long)st->st_dev,
			(unsigned long long)st->st_ino);
	const char *first = map_get(comparison->inodes, key);
	if (!first) {
		map_set(comparison->inodes, key, xstrdup(entry->path));
		return;
	}
	entry->link = first;
	entry->is_hardlink = true;
	entry->size = 0;
}

static FALLIBLE send_file(struct comparison *comparison)
{
	AUTO(reader) struct reader *content = NULL;
	const char *path = strbuf_text(&comparison->path);
	AUTO_FD int dir_fd = -1;
	const char *name = NULL;
	struct stat st;

	TRY(send_parents(comparison));
	TRY(read_entry(comparison, path, &dir_fd, &name, &st));
	struct entry entry = comparison->disk.entry;
	find_link(comparison, &st, &entry);
	if (!entry.is_hardlink)
		TRY(entry_disk_content(&comparison->disk, dir_fd, name, &content));
	comparison->counts.entries++;
	return entry_sink_add(comparison->sink, &entry, content);
}

static FALLIBLE enter(struct comparison *comparison, const struct snap_node *before,
		const struct snap_node *after);

/* A name that was not there before, or that was something else. */
static FALLIBLE send_new(struct comparison *comparison, const struct snap_node *before,
		const struct snap_node *after)
{
	if (S_ISSOCK(after->mode))
		return before ? send_gone(comparison) : NULL;
	if (!S_ISDIR(after->mode))
		return send_file(comparison);
	return enter(comparison, before && S_ISDIR(before->mode) ? before : NULL, after);
}

static bool is_same_inode(const struct snap_node *a, const struct snap_node *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->birth_ns == b->birth_ns;
}

static bool is_same_dir(const struct snap_node *a, const struct snap_node *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->xattrs == b->xattrs;
}

static bool is_same_file(const struct comparison *comparison, const struct snap_node *a,
		const struct snap_node *b)
{
	if (comparison->settled_ns && b->change_ns >= comparison->settled_ns)
		return false;
	return is_same_inode(a, b) && a->change_ns == b->change_ns &&
	       a->modify_ns == b->modify_ns && a->size == b->size && a->mode == b->mode &&
	       a->uid == b->uid && a->gid == b->gid && a->links == b->links &&
	       a->major == b->major && a->minor == b->minor;
}

/* Replaced by a copy, or touched and set back: a layer may hold the same file. */
static bool may_be_same(const struct snap_node *a, const struct snap_node *b)
{
	return a->modify_ns == b->modify_ns && a->size == b->size && a->mode == b->mode &&
	       a->uid == b->uid && a->gid == b->gid && a->major == b->major && a->minor == b->minor;
}

static FALLIBLE compare_node(struct comparison *comparison, const struct snap_node *before,
		const struct snap_node *after)
{
	const struct list *ignore = comparison->options->ignore;

	if (ignore && list_has(ignore, strbuf_text(&comparison->path)))
		return NULL;
	if (!after)
		return S_ISSOCK(before->mode) ? NULL : send_gone(comparison);
	if (!before || (before->mode & S_IFMT) != (after->mode & S_IFMT))
		return send_new(comparison, before, after);
	if (S_ISDIR(after->mode))
		return enter(comparison, before, after);
	if (is_same_file(comparison, before, after))
		return NULL;
	comparison->counts.suspects += may_be_same(before, after);
	return send_new(comparison, before, after);
}

static FALLIBLE compare_names(struct comparison *comparison, const struct snap_dir *before,
		const struct snap_dir *after)
{
	static const struct snap_dir nothing = { 0 };
	size_t length = comparison->path.n;
	size_t i = 0, j = 0;

	before = before ? before : &nothing;
	after = after ? after : &nothing;
	while (i < before->n || j < after->n) {
		int order = i == before->n  ? 1
			    : j == after->n ? -1
					    : strcmp(before->p[i].name, after->p[j].name);
		const char *name = order <= 0 ? before->p[i].name : after->p[j].name;
		const struct snap_node *a = order <= 0 ? &before->p[i++] : NULL;
		const struct snap_node *b = order >= 0 ? &after->p[j++] : NULL;

		if (length)
			strbuf_add_char(&comparison->path, '/');
		strbuf_add(&comparison->path, name);
		TRY(compare_node(comparison, a, b));
		strbuf_truncate(&comparison->path, length);
	}
	return NULL;
}

/* Directory after, which was directory before (NULL: nothing, or no directory). */
static FALLIBLE enter(struct comparison *comparison, const struct snap_node *before,
		const struct snap_node *after)
{
	bool is_replaced = before && !is_same_inode(before, after);
	bool is_changed = !before || is_replaced || !is_same_dir(before, after);

	TRY(cancel_check(comparison->options->cancel));
	if (comparison->levels.n > LIMIT_PATH_DEPTH)
		return error_new(ERR_LIMIT, "'%s' is nested too deep",
				strbuf_text(&comparison->path));
	/* The root is there anyway: it counts only when it changed itself. */
	vec_push(&comparison->levels, ((struct level){ .path_n = comparison->path.n,
						      .is_sent = !comparison->path.n && !is_changed,
						      .is_replaced = is_replaced }));
	if (is_changed)
		TRY(send_parents(comparison));
	TRY(compare_names(comparison, before && !is_replaced ? before->dir : NULL, after->dir));
	comparison->levels.n--;
	return NULL;
}

FALLIBLE snapshot_changes(const struct snapshot *before, const struct snapshot *after, int root_fd,
		const struct diff_options *options, struct entry_sink *sink,
		struct diff_counts *ret)
{
	AUTO(map) struct map *inodes = map_new(free);
	struct comparison comparison = { .options = options,
		.sink = sink,
		.root_fd = root_fd,
		.settled_ns = before->settled_ns,
		.inodes = inodes };
	struct error *error = enter(&comparison, &before->root, &after->root);

	*ret = comparison.counts;
	vec_done(&comparison.levels);
	strbuf_done(&comparison.path);
	entry_disk_done(&comparison.disk);
	return error;
}
