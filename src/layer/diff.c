/*
 * One walk over the upper, with the merged lower directory of each level beside it. A directory is
 * sent when it changed itself, or just before the first change inside it.
 */
#include "layer/diff.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "layer/entry_disk.h"
#include "layer/lower.h"
#include "layer/tree.h"
#include "layer/whiteout.h"

#include <stdio.h>
#include <string.h>

enum { COMPARE_BYTES = 64 * 1024 };

/* A directory of the upper that the walk is in. */
struct level {
	char *path;
	struct entry_disk disk;
	struct lower_dir lower; /* empty: all in it is new */
	bool is_sent;
	bool hides; /* opaque over a directory below: said once it is sent */
};

struct diff {
	const struct diff_options *options;
	struct entry_sink *sink; /* NULL: only whether there is anything */
	struct diff_counts counts;
	VEC(struct level) levels;
	struct map *inodes;            /* "dev:ino" of files with several names -> first path */
	struct entry_disk disk, below; /* scratch */
	char *buf;
};

static void level_done(struct level *level)
{
	free(level->path);
	entry_disk_done(&level->disk);
	lower_dir_done(&level->lower);
}

static struct level *top(struct diff *diff)
{
	return &diff->levels.p[diff->levels.n - 1];
}

static FALLIBLE send_dir(struct diff *diff, struct level *level)
{
	diff->counts.entries++;
	diff->counts.whiteouts += level->hides;
	level->is_sent = true;
	if (!diff->sink)
		return NULL;
	TRY(entry_sink_add(diff->sink, &level->disk.entry, NULL));
	return level->hides ? entry_sink_opaque(diff->sink, level->path) : NULL;
}

/* The directories that we are in and that were not sent yet. */
static FALLIBLE send_parents(struct diff *diff)
{
	for (size_t i = 0; i < diff->levels.n; i++)
		if (!diff->levels.p[i].is_sent)
			TRY(send_dir(diff, &diff->levels.p[i]));
	return NULL;
}

static FALLIBLE send_whiteout(struct diff *diff, const char *path)
{
	TRY(send_parents(diff));
	diff->counts.whiteouts++;
	return diff->sink ? entry_sink_whiteout(diff->sink, path) : NULL;
}

/* A name of the upper that is no content: removed, or a socket over a file. */
static FALLIBLE send_gone(struct diff *diff, const struct tree_item *item)
{
	struct lower_file file = { .is_there = diff->options->is_exact };

	if (!file.is_there)
		TRY(lower_find(&top(diff)->lower, item->name, &file));
	return file.is_there ? send_whiteout(diff, item->path) : NULL;
}

static FALLIBLE same_content(
		struct diff *diff, struct reader *a, struct reader *b, uint64_t size, bool *ret)
{
	if (!diff->buf)
		diff->buf = xmalloc(2 * COMPARE_BYTES);
	for (uint64_t left = size; left;) {
		size_t n = left < COMPARE_BYTES ? (size_t)left : COMPARE_BYTES;

		TRY(reader_read_full(a, diff->buf, n));
		TRY(reader_read_full(b, diff->buf + COMPARE_BYTES, n));
		if (memcmp(diff->buf, diff->buf + COMPARE_BYTES, n) != 0) {
			*ret = false;
			return NULL;
		}
		left -= n;
	}
	*ret = true;
	return NULL;
}

/* Whether diff->disk, read from item, is what the lowers have: copied up, not changed. */
static FALLIBLE is_unchanged(struct diff *diff, const struct tree_item *item, bool *ret)
{
	AUTO(reader) struct reader *ours = NULL;
	AUTO(reader) struct reader *theirs = NULL;
	struct lower_file file;

	*ret = false;
	/* A file with several names got one here, and each layer stands alone. */
	if (item->st->st_nlink > 1 || diff->options->is_exact)
		return NULL;
	TRY(lower_find(&top(diff)->lower, item->name, &file));
	if (!file.is_there || (file.st.st_mode & S_IFMT) != (item->st->st_mode & S_IFMT))
		return NULL;
	TRY(entry_disk_read(&diff->below, &diff->options->policy, file.dir_fd, item->name, &file.st,
			item->path));
	if (!entry_disk_equal(&diff->disk, &diff->below, true))
		return NULL;
	TRY(entry_disk_content(&diff->disk, item->dir_fd, item->name, &ours));
	TRY(entry_disk_content(&diff->below, file.dir_fd, item->name, &theirs));
	if (!ours || !theirs) {
		*ret = true;
		return NULL;
	}
	return same_content(diff, ours, theirs, diff->disk.entry.size, ret);
}

/* Make a later name of one inode a hard link to the first. */
static void find_link(struct diff *diff, const struct tree_item *item, struct entry *entry)
{
	char key[48];

	if (item->st->st_nlink < 2)
		return;
	(void)snprintf(key, sizeof(key), "%llx:%llx", (unsigned long long)item->st->st_dev,
			(unsigned long long)item->st->st_ino);
	const char *first = map_get(diff->inodes, key);
	if (!first) {
		map_set(diff->inodes, key, xstrdup(item->path));
		return;
	}
	entry->link = first;
	entry->is_hardlink = true;
	entry->size = 0;
}

static FALLIBLE send_file(struct diff *diff, const struct tree_item *item)
{
	AUTO(reader) struct reader *content = NULL;
	struct entry entry = diff->disk.entry;

	TRY(send_parents(diff));
	diff->counts.entries++;
	if (!diff->sink)
		return NULL;
	find_link(diff, item, &entry);
	if (!entry.is_hardlink)
		TRY(entry_disk_content(&diff->disk, item->dir_fd, item->name, &content));
	return entry_sink_add(diff->sink, &entry, content);
}

static FALLIBLE visit_file(struct diff *diff, const struct tree_item *item)
{
	bool unchanged = false;

	TRY(entry_disk_read(&diff->disk, &diff->options->policy, item->dir_fd, item->name, item->st,
			item->path));
	TRY(is_unchanged(diff, item, &unchanged));
	return unchanged ? NULL : send_file(diff, item);
}

/* Whether a directory of that name below has another owner, mode or xattrs, or is not there. */
static FALLIBLE dir_changed(struct diff *diff, const struct tree_item *item,
		const struct entry_disk *ours, bool *ret_is_below, bool *ret)
{
	struct lower_file file;

	TRY(lower_find(&top(diff)->lower, item->name, &file));
	*ret_is_below = file.is_there && S_ISDIR(file.st.st_mode);
	*ret = true;
	if (!*ret_is_below)
		return NULL;
	TRY(entry_disk_read(&diff->below, &diff->options->policy, file.dir_fd, item->name, &file.st,
			item->path));
	*ret = !entry_disk_equal(ours, &diff->below, false);
	return NULL;
}

static FALLIBLE is_opaque(const struct tree_item *item, bool *ret)
{
	char value[8];
	ssize_t n = -1;

	TRY(xattr_get(item->dir_fd, item->name, "user.overlay.opaque", value, sizeof(value), &n));
	if (n < 0)
		TRY(xattr_get(item->dir_fd, item->name, "trusted.overlay.opaque", value,
				sizeof(value), &n));
	*ret = n == 1 && value[0] == 'y';
	return NULL;
}

static FALLIBLE visit_dir(struct diff *diff, const struct tree_item *item)
{
	struct level level = { .path = xstrdup(item->path) };
	bool opaque = false;
	bool is_below = false;
	bool changed = false;
	struct error *error = entry_disk_read(&level.disk, &diff->options->policy, item->dir_fd,
			item->name, item->st, level.path);

	if (!error)
		error = is_opaque(item, &opaque);
	if (!error)
		error = dir_changed(diff, item, &level.disk, &is_below, &changed);
	is_below = is_below || diff->options->is_exact;
	if (!error && is_below && !opaque && !diff->options->is_exact)
		error = lower_enter(&top(diff)->lower, item->name, &level.lower);
	level.hides = opaque && is_below;
	vec_push(&diff->levels, level);
	TRY(error);
	return changed || level.hides ? send_parents(diff) : NULL;
}

static bool is_ignored(const struct diff *diff, const char *path)
{
	return diff->options->ignore && list_has(diff->options->ignore, path);
}

static struct error *visit(void *state, const struct tree_item *item, enum tree_step *step)
{
	struct diff *diff = state;
	bool is_whiteout = false;

	TRY(cancel_check(diff->options->cancel));
	if (is_ignored(diff, item->path)) {
		*step = TREE_SKIP;
		return NULL;
	}
	if (S_ISDIR(item->st->st_mode)) {
		TRY(visit_dir(diff, item));
	} else {
		TRY(whiteout_is(item->dir_fd, item->name, item->st, &is_whiteout));
		TRY(is_whiteout || S_ISSOCK(item->st->st_mode) ? send_gone(diff, item)
							       : visit_file(diff, item));
	}
	if (!diff->sink && diff->counts.entries + diff->counts.whiteouts)
		*step = TREE_STOP;
	return NULL;
}

static struct error *leave(void *state, const struct tree_item *item)
{
	struct diff *diff = state;

	(void)item;
	level_done(top(diff));
	diff->levels.n--;
	return NULL;
}

/* The root is there anyway: it counts only when it differs from the one below (or the default). */
static FALLIBLE start(struct diff *diff, int upper_fd)
{
	struct level *root = vec_add(&diff->levels);
	const struct lowers *lowers = &diff->options->lowers;
	struct stat st;

	root->path = xstrdup("");
	root->is_sent = true;
	TRY(lower_root(lowers, &root->lower));
	if (diff->options->is_exact && !diff->options->has_root)
		return NULL;
	if (fstat(upper_fd, &st) < 0)
		return error_sys("look at the upper directory");
	TRY(entry_disk_read(&root->disk, &diff->options->policy, upper_fd, "", &st, root->path));
	diff->below.entry.owner = (struct owner){ .mode = S_IFDIR | 0755 };
	if (!diff->options->is_exact && lowers->n && !lowers->has_plain_root) {
		if (fstat(lowers->fds[0], &st) < 0)
			return error_sys("look at the directory below");
		TRY(entry_disk_read(
				&diff->below, &diff->options->policy, lowers->fds[0], "", &st, ""));
	}
	return entry_disk_equal(&root->disk, &diff->below, false) ? NULL : send_dir(diff, root);
}

static FALLIBLE run(struct diff *diff, int upper_fd)
{
	const struct tree_visitor visitor = { visit, leave, diff };
	struct error *error = start(diff, upper_fd);

	diff->inodes = map_new(free);
	if (!error)
		error = tree_walk(upper_fd, &visitor);
	for (size_t i = 0; i < diff->levels.n; i++)
		level_done(&diff->levels.p[i]);
	vec_done(&diff->levels);
	map_free(diff->inodes);
	entry_disk_done(&diff->disk);
	entry_disk_done(&diff->below);
	free(diff->buf);
	return error;
}

FALLIBLE diff_upper(int upper_fd, const struct diff_options *options, struct entry_sink *sink,
		struct diff_counts *ret)
{
	struct diff diff = { .options = options, .sink = sink };

	TRY(run(&diff, upper_fd));
	*ret = diff.counts;
	return NULL;
}

FALLIBLE diff_is_empty(int upper_fd, const struct diff_options *options, bool *ret)
{
	struct diff diff = { .options = options };

	TRY(run(&diff, upper_fd));
	*ret = diff.counts.entries + diff.counts.whiteouts == 0;
	return NULL;
}
