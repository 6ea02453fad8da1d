/*
 * Removing trees. One fd per level, so a tree deeper than DEPTH_MAX is taken apart: a directory
 * found at that depth is renamed up into the top directory and removed in a later round. Names are
 * never followed: every step is unlinkat() or an O_NOFOLLOW open relative to an fd.
 */
#include "base/xalloc.h"
#include "sys/cancel.h"
#include "sys/dir.h"
#include "sys/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 64 };

struct removal {
	int top_fd;
	unsigned moved; /* directories that were renamed up */
	const struct cancel *cancel;
};

static FALLIBLE remove_contents(struct removal *removal, int dir_fd, unsigned depth);

/* chmod a directory that denies us access, through an O_PATH fd: a link put there is not followed.
 */
static bool open_up(int dir_fd, const char *name)
{
	char path[32];
	AUTO_FD int fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, 0700) == 0;
}

static FALLIBLE open_dir(int dir_fd, const char *name, int *ret_fd)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir_fd, name, flags);

	if (fd < 0 && errno == EACCES && open_up(dir_fd, name))
		fd = openat(dir_fd, name, flags);
	if (fd < 0)
		return error_sys("open directory '%s'", name);
	*ret_fd = fd;
	return NULL;
}

/* EACCES from unlinkat is about the directory that holds the name: we own it, so open it up. */
static int unlink_here(int dir_fd, const char *name, int flags)
{
	int failed = unlinkat(dir_fd, name, flags);

	if (failed && errno == EACCES && fchmod(dir_fd, 0700) == 0)
		failed = unlinkat(dir_fd, name, flags);
	return failed;
}

static FALLIBLE move_up(struct removal *removal, int dir_fd, const char *name)
{
	for (;;) {
		char moved[32];

		(void)snprintf(moved, sizeof(moved), ".kiln-deep-%u", removal->moved++);
		if (renameat2(dir_fd, name, removal->top_fd, moved, RENAME_NOREPLACE) == 0)
			return NULL;
		if (errno == EACCES && open_up(dir_fd, name) &&
				renameat2(dir_fd, name, removal->top_fd, moved, RENAME_NOREPLACE) ==
						0)
			return NULL;
		if (errno != EEXIST)
			return error_sys("remove directory '%s'", name);
	}
}

static FALLIBLE remove_name(struct removal *removal, int dir_fd, const char *name, bool maybe_dir,
		unsigned depth)
{
	if (!maybe_dir && unlink_here(dir_fd, name, 0) == 0)
		return NULL;
	if (!maybe_dir && errno != EISDIR && errno != EPERM)
		return errno == ENOENT ? NULL : error_sys("remove '%s'", name);
	if (unlink_here(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return NULL;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return error_sys("remove '%s'", name);
	if (depth >= DEPTH_MAX)
		return move_up(removal, dir_fd, name);

	AUTO_FD int fd = -1;
	TRY(open_dir(dir_fd, name, &fd));
	TRY_WRAP(remove_contents(removal, fd, depth + 1), "in '%s'", name);
	if (unlink_here(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys("remove directory '%s'", name);
	return NULL;
}

/* Not by ".", which a directory without the right to search it has not. */
static FALLIBLE remove_contents(struct removal *removal, int at_fd, unsigned depth)
{
	AUTO(dir) struct dir dir = { 0 };
	const struct dirent *entry = NULL;
	int copy = fcntl(at_fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return error_sys("list a directory");
	TRY(dir_take(copy, ".", &dir));
	for (;;) {
		TRY(cancel_check(removal->cancel));
		TRY(dir_next(&dir, &entry));
		if (!entry)
			return NULL;
		TRY(remove_name(removal, at_fd, entry->d_name, entry->d_type == DT_DIR, depth));
	}
}

FALLIBLE file_remove_tree(int dir_fd, const char *name)
{
	return file_remove_tree_until(dir_fd, name, NULL);
}

FALLIBLE file_remove_tree_until(int dir_fd, const char *name, const struct cancel *cancel)
{
	struct removal removal = { .top_fd = -1, .cancel = cancel };
	AUTO_FD int top_fd = -1;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return NULL;
	if (errno != EISDIR && errno != EPERM)
		return error_sys("remove '%s'", name);
	TRY(open_dir(dir_fd, name, &top_fd));
	removal.top_fd = top_fd;
	for (unsigned before = UINT32_MAX; before != removal.moved;) {
		before = removal.moved;
		TRY_WRAP(remove_contents(&removal, top_fd, 1), "remove '%s'", name);
	}
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys("remove '%s'", name);
	return NULL;
}
