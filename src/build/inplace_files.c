#include "build/inplace_files.h"
#include "base/xalloc.h"
#include "sys/copy_tree.h"
#include "sys/dir.h"
#include "sys/fd.h"
#include "sys/path.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum inplace_place inplace_place(const struct list *kept, const char *path)
{
	size_t n = strlen(path);
	enum inplace_place place = INPLACE_FREE;

	for (size_t i = 0; i < kept->n; i++) {
		const char *keep = kept->p[i];
		size_t length = strlen(keep);

		if (strncmp(path, keep, length) == 0 &&
				(path[length] == '\0' || path[length] == '/'))
			return INPLACE_KEPT;
		if (n < length && strncmp(path, keep, n) == 0 && (n == 0 || keep[n] == '/'))
			place = INPLACE_ABOVE;
	}
	return place;
}

static FALLIBLE list_names(int dir_fd, const char *path, struct list *ret)
{
	TRY_WRAP(dir_names(dir_fd, ".", ret), "read '/%s'", path);
	return NULL;
}

/* --- clearing --- */

static FALLIBLE clear_dir(const struct list *kept, int dir_fd, const char *path);

static FALLIBLE clear_name(const struct list *kept, int dir_fd, const char *path, const char *name)
{
	AUTO_FREE char *full = path_join(path, name);
	AUTO_FD int fd = -1;

	switch (inplace_place(kept, full)) {
	case INPLACE_KEPT:
		return NULL;
	case INPLACE_FREE:
		return file_remove_tree(dir_fd, name);
	case INPLACE_ABOVE:
		break;
	}
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? file_remove_tree(dir_fd, name) : clear_dir(kept, fd, full);
}

/* All that is in a directory but what is kept. */
static FALLIBLE clear_dir(const struct list *kept, int dir_fd, const char *path)
{
	AUTO(list) struct list names = { 0 };

	TRY(list_names(dir_fd, path, &names));
	for (size_t i = 0; i < names.n; i++)
		TRY_WRAP(clear_name(kept, dir_fd, path, names.p[i]), "remove '/%s'", names.p[i]);
	return NULL;
}

static FALLIBLE open_dir(const char *path, int *ret_fd)
{
	AUTO_FREE char *full = xasprintf("/%s", path);

	return file_open(AT_FDCWD, full, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, ret_fd);
}

FALLIBLE inplace_clear(const struct list *kept, const char *path)
{
	AUTO_FD int fd = -1;

	TRY(open_dir(path, &fd));
	return clear_dir(kept, fd, path);
}

/* --- moving --- */

static FALLIBLE move_dir(
		const struct list *kept, int dir_fd, const char *path, int to_fd, bool *ret_moved);

/*
 * A directory that something is kept in stays, and is made again over there: unless it is only
 * there for what is kept, and the image knows nothing of it.
 */
static FALLIBLE move_around(const struct list *kept, int fd, const char *path, int to_fd,
		const char *name, bool *ret_moved)
{
	AUTO_FD int inner_fd = -1;
	bool is_new = mkdirat(to_fd, name, 0700) == 0;

	if (!is_new && errno != EEXIST)
		return error_sys("make the directory '%s'", name);
	TRY(file_open(to_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &inner_fd));
	TRY(move_dir(kept, fd, path, inner_fd, ret_moved));
	if (is_new && unlinkat(to_fd, name, AT_REMOVEDIR) == 0)
		return NULL;
	return copy_attributes(fd, inner_fd);
}

static FALLIBLE move_name(const struct list *kept, int dir_fd, const char *path, const char *name,
		int to_fd, bool *ret_moved)
{
	AUTO_FREE char *full = path_join(path, name);
	AUTO_FD int fd = -1;
	enum inplace_place place = inplace_place(kept, full);

	if (place == INPLACE_KEPT)
		return NULL;
	if (place == INPLACE_ABOVE)
		fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		return move_around(kept, fd, full, to_fd, name, ret_moved);
	*ret_moved = renameat(dir_fd, name, to_fd, name) == 0;
	/* EXDEV: another file system, or a directory of an overlay's lower layer. */
	return *ret_moved || errno == EXDEV ? NULL : error_sys("move '/%s'", full);
}

static FALLIBLE move_dir(
		const struct list *kept, int dir_fd, const char *path, int to_fd, bool *ret_moved)
{
	AUTO(list) struct list names = { 0 };

	TRY(list_names(dir_fd, path, &names));
	for (size_t i = 0; i < names.n && *ret_moved; i++)
		TRY(move_name(kept, dir_fd, path, names.p[i], to_fd, ret_moved));
	return NULL;
}

FALLIBLE inplace_move(const struct list *kept, int to_fd, bool *ret_moved)
{
	AUTO_FD int fd = -1;

	*ret_moved = true;
	TRY(open_dir("", &fd));
	TRY_WRAP(move_dir(kept, fd, "", to_fd, ret_moved), "move what is in '/' to the store");
	return NULL;
}

/* --- the sink --- */

struct sparing {
	struct entry_sink sink;
	const struct list *kept;
	struct entry_sink *below;  /* into "/" */
	struct entry_sink *shadow; /* what the image has where something is kept */
};

static enum inplace_place place_of(const struct sparing *sparing, const char *path)
{
	return *path ? inplace_place(sparing->kept, path) : INPLACE_FREE;
}

static struct error *not_a_directory(const char *path)
{
	return error_hint(error_new(ERR_UNSUPPORTED,
					  "the image has no directory at '/%s', where something of "
					  "this container must stay",
					  path),
			"mount volumes, context and store elsewhere, or use '--isolation chroot'");
}

static struct error *sparing_add(
		struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct sparing *sparing = (struct sparing *)sink;
	enum inplace_place place = place_of(sparing, entry->path);
	bool is_dir = !entry->is_hardlink && S_ISDIR(entry->owner.mode);

	/* One file cannot have a name on either side. */
	if (entry->is_hardlink &&
			(place_of(sparing, entry->link) == INPLACE_KEPT) != (place == INPLACE_KEPT))
		return NULL;
	if (place == INPLACE_KEPT)
		return entry_sink_add(sparing->shadow, entry, content);
	if (place == INPLACE_ABOVE && !is_dir)
		return not_a_directory(entry->path);
	if (place == INPLACE_ABOVE)
		TRY(entry_sink_add(sparing->shadow, entry, NULL));
	return entry_sink_add(sparing->below, entry, content);
}

static struct error *sparing_whiteout(struct entry_sink *sink, const char *path)
{
	struct sparing *sparing = (struct sparing *)sink;
	enum inplace_place place = place_of(sparing, path);

	if (place != INPLACE_FREE)
		TRY(entry_sink_whiteout(sparing->shadow, path));
	if (place == INPLACE_ABOVE)
		return inplace_clear(sparing->kept, path);
	return place == INPLACE_FREE ? entry_sink_whiteout(sparing->below, path) : NULL;
}

static struct error *sparing_opaque(struct entry_sink *sink, const char *path)
{
	struct sparing *sparing = (struct sparing *)sink;
	enum inplace_place place = *path ? place_of(sparing, path) : INPLACE_ABOVE;

	if (place != INPLACE_FREE)
		TRY(entry_sink_opaque(sparing->shadow, path));
	if (place == INPLACE_ABOVE)
		return inplace_clear(sparing->kept, path);
	return place == INPLACE_FREE ? entry_sink_opaque(sparing->below, path) : NULL;
}

static struct error *sparing_close(struct entry_sink *sink)
{
	struct sparing *sparing = (struct sparing *)sink;

	TRY(entry_sink_close(TAKE(sparing->shadow)));
	return entry_sink_close(TAKE(sparing->below));
}

static void sparing_free(struct entry_sink *sink)
{
	struct sparing *sparing = (struct sparing *)sink;

	entry_sink_free(sparing->shadow);
	entry_sink_free(sparing->below);
	free(sink);
}

struct entry_sink *inplace_sink(
		const struct list *kept, struct entry_sink *below, struct entry_sink *shadow)
{
	static const struct entry_sink_ops ops = { sparing_add, sparing_whiteout, sparing_opaque,
		sparing_close, sparing_free };
	struct sparing *sparing = xcalloc(1, sizeof(*sparing));

	*sparing = (struct sparing){ { .ops = &ops }, kept, below, shadow };
	return &sparing->sink;
}
