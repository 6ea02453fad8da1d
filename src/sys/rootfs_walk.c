#include "sys/rootfs_walk.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/vec.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

enum { LINKS_MAX = 40 };

struct walk {
	int root_fd;   /* borrowed */
	VEC(int) dirs; /* below the root, to where we are; owned */
	char *rest;    /* still to do */
	unsigned links;
	int flags;
	mode_t mode;
};

static int here(const struct walk *walk)
{
	return walk->dirs.n ? walk->dirs.p[walk->dirs.n - 1] : walk->root_fd;
}

static void go_up(struct walk *walk)
{
	if (walk->dirs.n)
		(void)close(walk->dirs.p[--walk->dirs.n]);
}

static void walk_done(struct walk *walk)
{
	while (walk->dirs.n)
		go_up(walk);
	vec_done(&walk->dirs);
	free(walk->rest);
}

DEFINE_AUTO_VALUE(walk)

static int fail(int number)
{
	errno = number;
	return -1;
}

/* Cut the next component off; false when nothing is left. "a//b/" has "a", "b" and a last "". */
static bool next_part(struct walk *walk, char part[static NAME_MAX + 1], bool *ret_is_last)
{
	char *at = walk->rest + strspn(walk->rest, "/");
	size_t n = strcspn(at, "/");

	*ret_is_last = at[n] == '\0';
	if (n > NAME_MAX)
		return false;
	memcpy(part, at, n);
	part[n] = '\0';
	memmove(walk->rest, at + n, strlen(at + n) + 1);
	return true;
}

/* Put a link's target before the rest. */
static int follow(struct walk *walk, int link_fd)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(link_fd, "", target, sizeof(target));

	if (n < 0)
		return -1;
	if (++walk->links > LINKS_MAX)
		return fail(ELOOP);
	if ((size_t)n + strlen(walk->rest) >= (size_t)LIMIT_PATH_BYTES * 2)
		return fail(ENAMETOOLONG);
	while (n && target[0] == '/' && walk->dirs.n)
		go_up(walk);
	char *longer = xasprintf("%.*s%s", (int)n, target, walk->rest);
	free(walk->rest);
	walk->rest = longer;
	return 0;
}

/* One component that is not the last: a directory to enter, or a link to follow. */
static int enter(struct walk *walk, const char *part)
{
	AUTO_FD int fd = openat(here(walk), part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (S_ISLNK(st.st_mode))
		return follow(walk, fd);
	if (!S_ISDIR(st.st_mode))
		return fail(ENOTDIR);
	vec_push(&walk->dirs, TAKE_FD(fd));
	return 0;
}

/* The last component: opened, or -1 with *ret_again when it was a link that is followed now. */
static int open_last(struct walk *walk, const char *part, bool *ret_again)
{
	bool follows = !(walk->flags & O_NOFOLLOW) &&
		       !((walk->flags & O_CREAT) && (walk->flags & O_EXCL));
	AUTO_FD int fd = follows ? openat(here(walk), part, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) {
		*ret_again = follow(walk, fd) == 0;
		return -1;
	}
	return openat(here(walk), part, walk->flags | O_NOFOLLOW | O_CLOEXEC, walk->mode);
}

int rootfs_walk(int root_fd, const char *path, int flags, mode_t mode)
{
	AUTO(walk)
	struct walk walk = {
		.root_fd = root_fd, .rest = xstrdup(path), .flags = flags, .mode = mode
	};
	char part[NAME_MAX + 1];
	bool is_last = false;

	while (next_part(&walk, part, &is_last)) {
		bool again = false;

		if (strcmp(part, "..") == 0)
			go_up(&walk);
		if (!*part || strcmp(part, ".") == 0 || strcmp(part, "..") == 0) {
			if (is_last)
				return openat(here(&walk), ".", flags | O_CLOEXEC, mode);
			continue;
		}
		if (!is_last) {
			if (enter(&walk, part) < 0)
				return -1;
			continue;
		}
		int fd = open_last(&walk, part, &again);
		if (!again)
			return fd;
	}
	return fail(ENAMETOOLONG);
}
