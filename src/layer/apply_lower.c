/*
 * Layers that speak of what only the layers below have. Paths are walked component by component
 * through this layer and the lowers together; what overlayfs would copy up is copied here.
 */
#include "base/limits.h"
#include "base/xalloc.h"
#include "layer/apply_parts.h"
#include "layer/entry_disk.h"
#include "layer/whiteout.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum { LINKS_MAX = 40 };

/* One merged directory on the way: in this layer (fd, or -1) and below. */
struct place {
	int fd;
	struct lower_dir lower;
};

static void place_done(struct place *place)
{
	if (place->fd >= 0)
		(void)close(place->fd);
	lower_dir_done(&place->lower);
}

DEFINE_AUTO_VALUE(place)

static void place_move(struct place *to, struct place *from)
{
	place_done(to);
	*to = *from;
	*from = (struct place){ .fd = -1 };
}

/* A walk: done is resolved text without links, here is its place. */
struct merged_walk {
	struct apply *apply;
	bool make;
	struct strbuf done;
	struct place here;
	bool is_lost; /* nobody has it, and make is false */
};

static FALLIBLE start(struct merged_walk *walk)
{
	strbuf_clear(&walk->done);
	place_done(&walk->here);
	walk->here = (struct place){ .fd = fcntl(walk->apply->root_fd, F_DUPFD_CLOEXEC, 3) };
	if (walk->here.fd < 0)
		return error_sys("open the layer");
	return lower_root(walk->apply->options.lowers, &walk->here.lower);
}

/* Put what the lowers have into this layer. */
static FALLIBLE copy(struct apply *apply, int dir_fd, const char *name, const char *path,
		const struct lower_file *file)
{
	AUTO(entry_disk) struct entry_disk disk = { 0 };
	AUTO(reader) struct reader *content = NULL;

	TRY(entry_disk_read(&disk, &apply->options.policy, file->dir_fd, name, &file->st, path));
	TRY(entry_disk_content(&disk, file->dir_fd, name, &content));
	TRY_WRAP(apply_put(apply, dir_fd, name, &disk.entry, content),
			"copy '%s' from a layer below", path);
	/* No entry speaks of it: a whiteout that follows means this one as well. */
	apply_imply(apply, dir_fd, name);
	return NULL;
}

/* A directory that no layer has an entry for. */
static FALLIBLE make_plain(struct apply *apply, int dir_fd, const char *name, const char *path)
{
	const struct entry entry = { .path = path, .owner = { .mode = S_IFDIR | 0755 } };

	TRY(apply_put(apply, dir_fd, name, &entry, NULL));
	apply_imply(apply, dir_fd, name);
	return NULL;
}

static FALLIBLE step_into(struct merged_walk *walk, const char *name)
{
	AUTO(place) struct place next = { .fd = -1 };
	bool is_opaque = false;

	if (walk->here.fd >= 0) {
		next.fd = openat(walk->here.fd, name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next.fd < 0 && errno != ENOENT)
			return error_sys("open directory '%s'", name);
	}
	if (next.fd >= 0)
		TRY(whiteout_is_opaque(next.fd, &is_opaque));
	if (!is_opaque)
		TRY(lower_enter(&walk->here.lower, name, &next.lower));
	place_move(&walk->here, &next);
	return NULL;
}

/* What this layer has of the name, else what the lowers have. */
struct found {
	bool is_here;
	struct lower_file file; /* is_there false: nobody has it, or it is whited out */
};

static FALLIBLE find(struct merged_walk *walk, const char *name, struct found *ret)
{
	struct stat st;
	bool is_whiteout = false;

	*ret = (struct found){ 0 };
	if (walk->here.fd >= 0 && fstatat(walk->here.fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		TRY(whiteout_is(walk->here.fd, name, &st, &is_whiteout));
		ret->is_here = !is_whiteout;
		ret->file = (struct lower_file){ !is_whiteout, walk->here.fd, st };
		return NULL;
	}
	return lower_find(&walk->here.lower, name, &ret->file);
}

/* Put a link's target before what is still to do, and go back to where it counts from. */
static FALLIBLE follow(struct merged_walk *walk, const struct lower_file *file, const char *name,
		char **rest)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(file->dir_fd, name, target, sizeof(target));

	if (n < 0)
		return error_sys("read link '%s'", name);
	if ((size_t)n + strlen(*rest) > (size_t)LIMIT_PATH_BYTES * 2)
		return error_errno(ENAMETOOLONG, "follow '%s'", name);
	bool is_absolute = n > 0 && target[0] == '/';
	char *longer = xasprintf("%s/%.*s/%s", is_absolute ? "" : strbuf_text(&walk->done), (int)n,
			target, *rest);
	free(*rest);
	*rest = longer;
	return start(walk);
}

/* One component; *ret_link when it was a link that has to be followed. */
static FALLIBLE step(struct merged_walk *walk, const char *name, bool *ret_link,
		struct lower_file *ret_file)
{
	struct found found;
	size_t before = walk->done.n;

	*ret_link = false;
	TRY(find(walk, name, &found));
	if (found.file.is_there && S_ISLNK(found.file.st.st_mode)) {
		*ret_link = true;
		*ret_file = found.file;
		return NULL;
	}
	if (found.file.is_there && !S_ISDIR(found.file.st.st_mode))
		return error_errno(ENOTDIR, "enter '%s%s%s'", strbuf_text(&walk->done),
				before ? "/" : "", name);
	if (!found.file.is_there && !walk->make) {
		walk->is_lost = true;
		return NULL;
	}
	if (before)
		strbuf_add_char(&walk->done, '/');
	strbuf_add(&walk->done, name);
	if (walk->make && !found.is_here) {
		const char *path = strbuf_text(&walk->done);

		TRY(found.file.is_there ? copy(walk->apply, walk->here.fd, name, path, &found.file)
					: make_plain(walk->apply, walk->here.fd, name, path));
	}
	return step_into(walk, name);
}

static FALLIBLE go_up(struct merged_walk *walk, char **rest)
{
	struct str parent = path_parent(strbuf_text(&walk->done));
	char *longer = xasprintf("%.*s/%s", STR_ARG(parent), *rest);

	free(*rest);
	*rest = longer;
	return start(walk);
}

static FALLIBLE walk_path(struct merged_walk *walk, const char *path)
{
	AUTO_FREE char *rest = xstrdup(path);
	unsigned links = 0;

	TRY(start(walk));
	while (*rest && !walk->is_lost) {
		size_t n = strcspn(rest, "/");
		AUTO_FREE char *name = xstrndup(rest, n);
		struct lower_file file;
		bool is_link = false;

		memmove(rest, rest + n + (rest[n] == '/'), strlen(rest + n + (rest[n] == '/')) + 1);
		if (!*name || strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			if (++links > LIMIT_PATH_DEPTH)
				return error_errno(ELOOP, "follow '%s'", path);
			TRY(go_up(walk, &rest));
			continue;
		}
		TRY(step(walk, name, &is_link, &file));
		if (!is_link)
			continue;
		if (++links > LINKS_MAX)
			return error_errno(ELOOP, "follow '%s'", path);
		TRY(follow(walk, &file, name, &rest));
	}
	return NULL;
}

FALLIBLE apply_merged_dir(struct apply *apply, const char *path, bool make, int *ret_fd,
		struct lower_dir *ret_lower)
{
	struct merged_walk walk = { .apply = apply, .make = make, .here = { .fd = -1 } };
	struct error *error = walk_path(&walk, path);

	if (!error && !walk.is_lost) {
		*ret_fd = walk.here.fd;
		*ret_lower = walk.here.lower;
		walk.here = (struct place){ .fd = -1 };
	} else if (!error) {
		*ret_fd = -1;
		*ret_lower = (struct lower_dir){ 0 };
	}
	place_done(&walk.here);
	strbuf_done(&walk.done);
	return error;
}

FALLIBLE apply_copy_up(struct apply *apply, const char *path, int *ret_fd)
{
	AUTO_FREE char *parent = str_dup(path_parent(path));
	AUTO(lower_dir) struct lower_dir probe = { 0 };
	AUTO(lower_dir) struct lower_dir lower = { 0 };
	AUTO_FD int probe_fd = -1;
	const char *name = path_name(path);
	struct lower_file file;
	struct stat st;

	/* First without making anything: the target may not exist at all. */
	*ret_fd = -1;
	TRY(apply_merged_dir(apply, parent, false, &probe_fd, &probe));
	if (probe_fd >= 0 && fstatat(probe_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		bool is_whiteout = false;

		TRY(whiteout_is(probe_fd, name, &st, &is_whiteout));
		if (!is_whiteout)
			*ret_fd = TAKE_FD(probe_fd);
		return NULL;
	}
	TRY(lower_find(&probe, name, &file));
	if (!file.is_there || S_ISDIR(file.st.st_mode))
		return NULL;
	AUTO_FD int fd = -1;
	TRY(apply_merged_dir(apply, parent, true, &fd, &lower));
	TRY(copy(apply, fd, name, path, &file));
	*ret_fd = TAKE_FD(fd);
	return NULL;
}
