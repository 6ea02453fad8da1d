#include "sys/copy_tree.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "sys/dir.h"
#include "sys/fd.h"
#include "sys/xattrs.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

enum { BUF_BYTES = 128 * 1024 };

/* Where the kernel copies between no such two files. */
static FALLIBLE copy_by_hand(int from_fd, int to_fd)
{
	AUTO_FREE char *buf = xmalloc(BUF_BYTES);

	for (;;) {
		size_t n = 0;

		TRY(fd_read_full(from_fd, buf, BUF_BYTES, &n));
		if (n == 0)
			return NULL;
		TRY(fd_write_all(to_fd, buf, n));
	}
}

FALLIBLE copy_content(int from_fd, int to_fd, uint64_t size)
{
	if (size == 0 || ioctl(to_fd, FICLONE, from_fd) == 0)
		return NULL;
	for (uint64_t left = size; left;) {
		ssize_t n = copy_file_range(from_fd, NULL, to_fd, NULL, left, 0);

		if (n < 0 && left == size)
			return copy_by_hand(from_fd, to_fd);
		if (n < 0)
			return error_sys("copy");
		if (n == 0)
			return NULL;
		left -= (uint64_t)n;
	}
	return NULL;
}

static FALLIBLE copy_xattrs(int from_fd, int to_fd)
{
	AUTO(xattrs) struct xattrs xattrs = { 0 };
	struct error *error = xattr_list_fd(from_fd, &xattrs);

	for (size_t i = 0; !error && i < xattrs.n; i++)
		if (strncmp(xattrs.p[i].name, "user.", 5) == 0)
			error = xattr_set_fd(
					to_fd, xattrs.p[i].name, xattrs.p[i].value, xattrs.p[i].n);
	if (error_is_errno(error, ENOTSUP)) {
		error_free(error);
		return NULL;
	}
	return error;
}

/* Owner (where we may), mode and times. */
static FALLIBLE copy_metadata(int dir_fd, const char *name, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchownat(dir_fd, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 &&
			errno != EPERM)
		return error_sys("set the owner of '%s'", name);
	if (!S_ISLNK(st->st_mode) && fchmodat(dir_fd, name, st->st_mode & 07777, 0) < 0)
		return error_sys("set the mode of '%s'", name);
	if (utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys("set the times of '%s'", name);
	return NULL;
}

static FALLIBLE copy_regular(int fd, int to_fd, const char *to_name, const struct stat *st)
{
	AUTO_FD int copy_fd = -1;

	TRY(file_open(to_fd, to_name, O_RDWR | O_CREAT | O_EXCL, 0600, &copy_fd));
	TRY_WRAP(copy_content(fd, copy_fd, (uint64_t)st->st_size), "copy to '%s'", to_name);
	return copy_xattrs(fd, copy_fd);
}

static FALLIBLE copy_link(int from_fd, const char *from_name, int to_fd, const char *to_name)
{
	char target[LIMIT_PATH_BYTES + 1];
	ssize_t n = readlinkat(from_fd, from_name, target, sizeof(target) - 1);

	if (n < 0)
		return error_sys("read the link '%s'", from_name);
	target[n] = '\0';
	if (symlinkat(target, to_fd, to_name) < 0)
		return error_sys("make the link '%s'", to_name);
	return NULL;
}

static FALLIBLE copy_level(
		int from_fd, const char *from_name, int to_fd, const char *to_name, unsigned depth);

static FALLIBLE copy_entries(int fd, int to_fd, unsigned depth)
{
	AUTO(dir) struct dir dir = { 0 };
	const struct dirent *entry = NULL;

	TRY(dir_open(fd, ".", 0, &dir));
	for (;;) {
		TRY(dir_next(&dir, &entry));
		if (!entry)
			return NULL;
		TRY(copy_level(fd, entry->d_name, to_fd, entry->d_name, depth + 1));
	}
}

static FALLIBLE copy_directory(int fd, int to_fd, const char *to_name, unsigned depth)
{
	AUTO_FD int copy_fd = -1;

	if (mkdirat(to_fd, to_name, 0700) < 0)
		return error_sys("make the directory '%s'", to_name);
	TRY(file_open(to_fd, to_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &copy_fd));
	TRY(copy_xattrs(fd, copy_fd));
	return copy_entries(fd, copy_fd, depth);
}

static FALLIBLE copy_level(
		int from_fd, const char *from_name, int to_fd, const char *to_name, unsigned depth)
{
	AUTO_FD int fd = -1;
	struct stat st;

	if (depth > LIMIT_PATH_DEPTH)
		return error_new(ERR_LIMIT, "'%s' is nested too deep", from_name);
	if (fstatat(from_fd, from_name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return error_sys("look at '%s'", from_name);
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
		/* from_fd may be an O_PATH one. */
		AUTO_FREE char *self = xasprintf("/proc/self/fd/%d", from_fd);

		TRY(*from_name ? file_open(from_fd, from_name, O_RDONLY | O_NOFOLLOW, 0, &fd)
			       : file_open(AT_FDCWD, self, O_RDONLY, 0, &fd));
	}
	if (S_ISREG(st.st_mode))
		TRY(copy_regular(fd, to_fd, to_name, &st));
	else if (S_ISDIR(st.st_mode))
		TRY(copy_directory(fd, to_fd, to_name, depth));
	else if (S_ISLNK(st.st_mode))
		TRY(copy_link(from_fd, from_name, to_fd, to_name));
	else if (mknodat(to_fd, to_name, st.st_mode, st.st_rdev) < 0)
		return error_sys("make '%s'", to_name);
	return copy_metadata(to_fd, to_name, &st);
}

FALLIBLE copy_tree(int from_fd, const char *from_name, int to_fd, const char *to_name)
{
	return copy_level(from_fd, from_name, to_fd, to_name, 0);
}

FALLIBLE copy_attributes(int from_fd, int to_fd)
{
	struct stat st;

	if (fstat(from_fd, &st) < 0)
		return error_sys("look at a directory");
	TRY(copy_xattrs(from_fd, to_fd));
	return copy_metadata(to_fd, ".", &st);
}
