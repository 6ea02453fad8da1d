/*
 * One directory at a time: the names of all uppers that have it, sorted; for each name the uppers
 * are asked from the top until one settles it. A directory goes on to collect the directories below
 * it, until an opaque one, a whiteout or a file ends the view; what is further down is then hidden,
 * and the merged directory is opaque itself.
 */
#include "layer/squash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "layer/entry_disk.h"
#include "layer/whiteout.h"
#include "sys/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct squash {
	const struct squash_options *options;
	struct entry_sink *sink;
	struct map *inodes; /* "dev:ino" -> first path */
	uint64_t entries;
	unsigned depth;
};

/* Directories of one path, topmost first. */
struct dirs {
	int *p;
	size_t n, capacity;
	bool hides; /* nothing below the lowest of them shows through */
};

static void dirs_done(struct dirs *dirs)
{
	for (size_t i = 0; i < dirs->n; i++)
		(void)close(dirs->p[i]);
	vec_done(dirs);
}

DEFINE_AUTO_VALUE(dirs)

static FALLIBLE sorted_names(const struct dirs *dirs, struct list *ret)
{
	AUTO(map) struct map *names = map_new(NULL);
	const char *name = NULL;
	void *at = NULL;

	for (size_t i = 0; i < dirs->n; i++) {
		AUTO(list) struct list own = { 0 };

		TRY_WRAP(dir_names(dirs->p[i], ".", &own), "in a layer");
		for (size_t j = 0; j < own.n; j++)
			map_set(names, own.p[j], names);
	}
	while (map_next(names, &at, &name, NULL))
		list_add(ret, name);
	list_sort(ret);
	return NULL;
}

static FALLIBLE send_file(struct squash *squash, int dir_fd, const char *name,
		const struct stat *st, const char *path)
{
	AUTO(entry_disk) struct entry_disk disk = { 0 };
	AUTO(reader) struct reader *content = NULL;
	char key[48];

	if (S_ISSOCK(st->st_mode))
		return NULL;
	TRY(entry_disk_read(&disk, &squash->options->policy, dir_fd, name, st, path));
	struct entry entry = disk.entry;
	(void)snprintf(key, sizeof(key), "%llx:%llx", (unsigned long long)st->st_dev,
			(unsigned long long)st->st_ino);
	const char *first = st->st_nlink > 1 ? map_get(squash->inodes, key) : NULL;
	if (first) {
		entry.link = first;
		entry.is_hardlink = true;
		entry.size = 0;
	} else {
		if (st->st_nlink > 1)
			map_set(squash->inodes, key, xstrdup(path));
		TRY(entry_disk_content(&disk, dir_fd, name, &content));
	}
	squash->entries++;
	return entry_sink_add(squash->sink, &entry, content);
}

/* Add the directory of that name; *ret_ends tells that nothing further down counts. */
static FALLIBLE enter(int dir_fd, const char *name, struct dirs *inner, bool *ret_ends)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_sys("open the directory '%s' of a layer", name);
	vec_push(inner, fd);
	TRY(whiteout_is_opaque(fd, ret_ends));
	inner->hides = inner->hides || *ret_ends;
	return NULL;
}

/* The directories that merge under a name whose topmost is one. */
static FALLIBLE collect(const struct dirs *dirs, size_t first, const char *name, struct dirs *inner)
{
	bool ends = false;

	for (size_t i = first; i < dirs->n && !ends; i++) {
		struct stat st;

		if (fstatat(dirs->p[i], name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISDIR(st.st_mode)) {
			TRY(enter(dirs->p[i], name, inner, &ends));
		} else {
			/* A whiteout or a file further down: it hides what is below it. */
			inner->hides = true;
			ends = true;
		}
	}
	return NULL;
}

static FALLIBLE walk(struct squash *squash, const struct dirs *dirs, const char *path);

static FALLIBLE send_dir(struct squash *squash, const struct dirs *dirs, size_t first,
		const char *name, const struct stat *st, const char *path)
{
	AUTO(entry_disk) struct entry_disk disk = { 0 };
	AUTO(dirs) struct dirs inner = { 0 };

	TRY(collect(dirs, first, name, &inner));
	TRY(entry_disk_read(&disk, &squash->options->policy, dirs->p[first], name, st, path));
	squash->entries++;
	TRY(entry_sink_add(squash->sink, &disk.entry, NULL));
	if (inner.hides && !squash->options->is_lowest)
		TRY(entry_sink_opaque(squash->sink, path));
	return walk(squash, &inner, path);
}

static FALLIBLE settle(
		struct squash *squash, const struct dirs *dirs, const char *name, const char *path)
{
	for (size_t i = 0; i < dirs->n; i++) {
		bool is_whiteout = false;
		struct stat st;

		if (fstatat(dirs->p[i], name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
			if (errno == ENOENT)
				continue;
			return error_sys("look at '%s' of a layer", path);
		}
		if (S_ISDIR(st.st_mode))
			return send_dir(squash, dirs, i, name, &st, path);
		TRY(whiteout_is(dirs->p[i], name, &st, &is_whiteout));
		if (!is_whiteout)
			return send_file(squash, dirs->p[i], name, &st, path);
		if (dirs->hides || squash->options->is_lowest)
			return NULL;
		squash->entries++;
		return entry_sink_whiteout(squash->sink, path);
	}
	return NULL;
}

static FALLIBLE walk(struct squash *squash, const struct dirs *dirs, const char *path)
{
	AUTO(list) struct list names = { 0 };

	TRY(cancel_check(squash->options->cancel));
	if (++squash->depth > LIMIT_PATH_DEPTH)
		return error_new(ERR_LIMIT, "'%s' is nested too deep", path);
	TRY(sorted_names(dirs, &names));
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *inner = path[0] ? xasprintf("%s/%s", path, names.p[i])
						: xstrdup(names.p[i]);

		if (squash->options->ignore && list_has(squash->options->ignore, inner))
			continue;

		TRY(settle(squash, dirs, names.p[i], inner));
	}
	squash->depth--;
	return NULL;
}

static FALLIBLE send_root(struct squash *squash, int upper_fd)
{
	AUTO(entry_disk) struct entry_disk disk = { 0 };
	const struct owner *below = &squash->options->below_root;
	struct stat st;

	if (fstat(upper_fd, &st) != 0)
		return error_sys("look at the root of a layer");
	TRY(entry_disk_read(&disk, &squash->options->policy, upper_fd, "", &st, ""));
	const struct owner *ours = &disk.entry.owner;
	if (ours->mode == below->mode && ours->uid == below->uid && ours->gid == below->gid)
		return NULL;
	squash->entries++;
	return entry_sink_add(squash->sink, &disk.entry, NULL);
}

FALLIBLE squash_uppers(const struct squash_options *options, struct entry_sink *sink,
		uint64_t *ret_entries)
{
	AUTO(map) struct map *inodes = map_new(free);
	struct squash squash = { .options = options, .sink = sink, .inodes = inodes };
	AUTO(dirs) struct dirs top = { 0 };

	for (size_t i = 0; i < options->uppers.n; i++) {
		int fd = openat(options->uppers.fds[i], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return error_sys("open a layer");
		vec_push(&top, fd);
	}
	if (top.n)
		TRY(send_root(&squash, top.p[0]));
	TRY(walk(&squash, &top, ""));
	*ret_entries = squash.entries;
	return NULL;
}
