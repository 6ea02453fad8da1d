#include "layer/tree.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "base/xalloc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Above this depth a directory's fd is closed while we are below it, and found again as "..". */
enum { OPEN_DEPTH = 64, BUF_BYTES = 64 * 1024 };

struct walk {
	const struct tree_visitor *visitor;
	struct strbuf path;
	char *buf;
	bool stopped;
};

/* The names of one directory. */
struct listing {
	struct strbuf text; /* one after the other, each with its NUL */
	VEC(size_t) at;     /* into text, until sorted */
	const char **names;
};

static void listing_done(struct listing *listing)
{
	strbuf_done(&listing->text);
	vec_done(&listing->at);
	free((void *)listing->names);
}

DEFINE_AUTO_VALUE(listing)

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static FALLIBLE list_names(struct walk *walk, int dir_fd, struct listing *listing)
{
	for (;;) {
		ssize_t n = getdents64(dir_fd, walk->buf, BUF_BYTES);

		if (n < 0)
			return error_sys("list '%s'", strbuf_text(&walk->path));
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n;) {
			const struct dirent64 *item = (const void *)(walk->buf + i);

			i += item->d_reclen;
			if (is_dots(item->d_name))
				continue;
			vec_push(&listing->at, listing->text.n);
			strbuf_add_bytes(&listing->text, item->d_name, strlen(item->d_name) + 1);
		}
	}
	listing->names = xcalloc(listing->at.n, sizeof(*listing->names));
	for (size_t i = 0; i < listing->at.n; i++)
		listing->names[i] = listing->text.p + listing->at.p[i];
	qsort((void *)listing->names, listing->at.n, sizeof(*listing->names), by_bytes);
	return NULL;
}

static FALLIBLE walk_dir(struct walk *walk, int *dir_fd, unsigned depth);

/* Open "..", which must be the directory that we came from. */
static FALLIBLE open_again(const struct walk *walk, int child_fd, const struct stat *was, int *ret)
{
	AUTO_FD int fd = openat(child_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys("go back above '%s'", strbuf_text(&walk->path));
	if (st.st_dev != was->st_dev || st.st_ino != was->st_ino)
		return error_new(ERR_INVALID, "'%s' was moved while it was read",
				strbuf_text(&walk->path));
	*ret = TAKE_FD(fd);
	return NULL;
}

static FALLIBLE enter(struct walk *walk, const char *name, int *dir_fd, unsigned depth)
{
	AUTO_FD int child_fd =
			openat(*dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat here;

	if (child_fd < 0 && errno == ENOENT)
		return NULL;
	if (child_fd < 0)
		return error_sys("open directory '%s'", strbuf_text(&walk->path));
	if (depth < OPEN_DEPTH)
		return walk_dir(walk, &child_fd, depth + 1);

	if (fstat(*dir_fd, &here) < 0)
		return error_sys("look at '%s'", strbuf_text(&walk->path));
	(void)close(*dir_fd);
	*dir_fd = -1;
	TRY(walk_dir(walk, &child_fd, depth + 1));
	return open_again(walk, child_fd, &here, dir_fd);
}

static FALLIBLE walk_name(struct walk *walk, const char *name, int *dir_fd, unsigned depth)
{
	const struct tree_visitor *visitor = walk->visitor;
	enum tree_step step = TREE_GO_ON;
	struct stat st;

	if (fstatat(*dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return NULL;
		return error_sys("look at '%s'", strbuf_text(&walk->path));
	}
	if (walk->path.n >= LIMIT_PATH_BYTES)
		return error_new(ERR_LIMIT, "path '%.60s...' is longer than %d bytes",
				strbuf_text(&walk->path), LIMIT_PATH_BYTES);
	struct tree_item item = { strbuf_text(&walk->path), name, *dir_fd, &st };
	TRY(visitor->visit(visitor->state, &item, &step));
	walk->stopped = step == TREE_STOP;
	if (!S_ISDIR(st.st_mode) || step != TREE_GO_ON)
		return NULL;
	TRY(enter(walk, name, dir_fd, depth));
	item.path = strbuf_text(&walk->path);
	item.dir_fd = *dir_fd;
	if (visitor->leave && !walk->stopped)
		TRY(visitor->leave(visitor->state, &item));
	return NULL;
}

static FALLIBLE walk_dir(struct walk *walk, int *dir_fd, unsigned depth)
{
	AUTO(listing) struct listing listing = { 0 };
	size_t above = walk->path.n;

	TRY(list_names(walk, *dir_fd, &listing));
	for (size_t i = 0; i < listing.at.n && !walk->stopped; i++) {
		if (above)
			strbuf_add_char(&walk->path, '/');
		strbuf_add(&walk->path, listing.names[i]);
		TRY(walk_name(walk, listing.names[i], dir_fd, depth));
		strbuf_truncate(&walk->path, above);
	}
	return NULL;
}

FALLIBLE tree_walk(int dir_fd, const struct tree_visitor *visitor)
{
	AUTO_FD int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct walk walk = { .visitor = visitor };

	if (fd < 0)
		return error_sys("open the top directory");
	walk.buf = xmalloc(BUF_BYTES);
	struct error *error = walk_dir(&walk, &fd, 0);
	strbuf_done(&walk.path);
	free(walk.buf);
	return error;
}
