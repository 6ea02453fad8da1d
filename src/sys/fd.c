#include "sys/fd.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

FALLIBLE fd_write_all(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return error_sys("write");
		p += done;
		n -= (size_t)done;
	}
	return NULL;
}

FALLIBLE fd_read_full(int fd, void *buf, size_t n, size_t *ret_n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = read(fd, (char *)buf + done, n - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys("read");
		if (got == 0)
			break;
		done += (size_t)got;
	}
	*ret_n = done;
	return NULL;
}

FALLIBLE fd_read_all(int fd, size_t limit, char **ret, size_t *ret_n)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_sys("read");
	size_t step = S_ISREG(st.st_mode) && st.st_size > 0 && (uint64_t)st.st_size <= limit
				      ? (size_t)st.st_size + 1
				      : 16384;
	for (;;) {
		size_t got = 0;

		strbuf_reserve(&text, step);
		TRY(fd_read_full(fd, text.p + text.n, step, &got));
		text.n += got;
		if (text.n > limit)
			return error_new(ERR_LIMIT, "more than %zu bytes", limit);
		if (got < step)
			break;
		step = 65536;
	}
	if (ret_n)
		*ret_n = text.n;
	if (text.p)
		text.p[text.n] = '\0';
	*ret = strbuf_take(&text);
	return NULL;
}

void fd_read_unnoticed(int fd)
{
	(void)fcntl(fd, F_SETFL, O_NOATIME);
}

FALLIBLE file_open(int dir_fd, const char *path, int flags, mode_t mode, int *ret_fd)
{
	int fd = -1;

	do {
		fd = openat(dir_fd, path, flags | O_CLOEXEC, mode);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return error_sys("open '%s'", path);
	*ret_fd = fd;
	return NULL;
}

FALLIBLE file_read(int dir_fd, const char *path, size_t limit, char **ret, size_t *ret_n)
{
	AUTO_FD int fd = -1;

	TRY(file_open(dir_fd, path, O_RDONLY | O_NOCTTY, 0, &fd));
	TRY_WRAP(fd_read_all(fd, limit, ret, ret_n), "read '%s'", path);
	return NULL;
}

/* ".NAME.0123456789abcdef", cut to fit NAME_MAX. */
char *file_name_beside(const char *path)
{
	const char *base = strrchr(path, '/');
	uint64_t salt = 0;

	base = base ? base + 1 : path;
	if (getrandom(&salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
		salt = (uint64_t)getpid() << 32 ^ (uint64_t)(uintptr_t)&salt;
	return xasprintf("%.*s.%.200s.%016llx", (int)(base - path), path, base,
			(unsigned long long)salt);
}

static FALLIBLE sync_parent(int dir_fd, const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *dir = slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path))
				    : xstrdup(".");
	AUTO_FD int fd = -1;

	TRY(file_open(dir_fd, dir, O_RDONLY | O_DIRECTORY, 0, &fd));
	if (fsync(fd) < 0)
		return error_sys("sync directory '%s'", dir);
	return NULL;
}

static FALLIBLE write_and_rename(int dir_fd, const char *temporary, const char *path,
		const void *bytes, size_t n, mode_t mode, bool sync)
{
	AUTO_FD int fd = -1;

	TRY(file_open(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL, mode, &fd));
	TRY_WRAP(fd_write_all(fd, bytes, n), "write '%s'", path);
	if (fchmod(fd, mode) < 0)
		return error_sys("set the mode of '%s'", path);
	if (sync && fsync(fd) < 0)
		return error_sys("sync '%s'", path);
	if (renameat(dir_fd, temporary, dir_fd, path) < 0)
		return error_sys("rename '%s' to '%s'", temporary, path);
	if (sync)
		TRY(sync_parent(dir_fd, path));
	return NULL;
}

FALLIBLE file_write_atomic(
		int dir_fd, const char *path, const void *bytes, size_t n, mode_t mode, bool sync)
{
	AUTO_FREE char *temporary = file_name_beside(path);
	struct error *error = write_and_rename(dir_fd, temporary, path, bytes, n, mode, sync);

	if (error)
		(void)unlinkat(dir_fd, temporary, 0);
	return error;
}

static FALLIBLE write_in_place(const char *path, const void *bytes, size_t n, mode_t mode)
{
	AUTO_FD int fd = -1;

	TRY(file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode, &fd));
	TRY_WRAP(fd_write_all(fd, bytes, n), "write '%s'", path);
	return NULL;
}

/* Mounted over; or the file may be written and its directory not. */
bool file_is_held(const struct error *error, const char *path)
{
	bool is_refused = error_is_errno(error, EBUSY) || error_is_errno(error, EACCES) ||
			  error_is_errno(error, EPERM) || error_is_errno(error, EROFS);

	return is_refused && access(path, W_OK) == 0;
}

FALLIBLE file_write_named(const char *path, const void *bytes, size_t n, mode_t mode)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return write_in_place(path, bytes, n, mode);
	struct error *error = file_write_atomic(AT_FDCWD, path, bytes, n, mode, false);
	if (!file_is_held(error, path))
		return error;
	error_ignore(error, "the file itself can be written");
	return write_in_place(path, bytes, n, mode);
}

/* What a path is in; the path itself is cut. */
static const char *cut_to_parent(char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	while (n && path[n - 1] != '/')
		n--;
	if (!n)
		return ".";
	path[n > 1 ? n - 1 : n] = '\0';
	return path;
}

/* What is mounted on the path itself is not replaced by a rename. */
static bool is_mounted_on(const char *path)
{
	struct statx st;

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

FALLIBLE file_can_make(const char *path, bool is_dir, bool makes_parents)
{
	AUTO_FREE char *copy = xstrdup(path);
	const char *at = NULL;
	struct stat st;
	bool is_there = stat(path, &st) == 0;

	if (!is_there && errno != ENOENT)
		return error_sys("'%s'", path);
	if (is_there && !S_ISDIR(st.st_mode) == is_dir)
		return error_errno(is_dir ? ENOTDIR : EISDIR, "'%s'", path);
	if (is_there && (access(path, W_OK) == 0 || is_dir || is_mounted_on(path)))
		return access(path, W_OK) == 0 ? NULL : error_sys("'%s'", path);
	/* A file that cannot be written may be replaced. */
	do {
		at = cut_to_parent(copy);
		is_there = stat(at, &st) == 0;
	} while (!is_there && errno == ENOENT && makes_parents && at == copy &&
			strcmp(at, "/") != 0);
	if (!is_there)
		return error_sys("'%s'", at);
	if (!S_ISDIR(st.st_mode))
		return error_errno(ENOTDIR, "'%s'", at);
	return access(at, W_OK | X_OK) == 0 ? NULL : error_sys("'%s'", at);
}

FALLIBLE file_make_dirs(const char *path, mode_t mode)
{
	AUTO_FREE char *prefix = xstrdup(path);
	struct stat st;

	for (char *p = prefix + 1; *path; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char was = *p;
		*p = '\0';
		if (mkdir(prefix, mode) < 0 && errno != EEXIST) {
			int number = errno;

			/* Read-only or foreign parents say EROFS or EACCES of what is there. */
			if (stat(prefix, &st) < 0 || !S_ISDIR(st.st_mode))
				return error_errno(number, "make directory '%s'", prefix);
		}
		*p = was;
		if (!was)
			break;
	}
	if (stat(path, &st) < 0)
		return error_sys("make directory '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return error_errno(ENOTDIR, "make directory '%s'", path);
	return NULL;
}
