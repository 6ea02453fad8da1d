/*
 * scratch: an empty directory for one test, removed with everything in it. For folders from sys/
 * up.
 *
 *	AUTO(scratch) struct scratch scratch = scratch_new();
 *	openat(scratch.fd, ...)
 */
#pragma once
#include "unit.h"

#include "base/auto.h"
#include "sys/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

struct scratch {
	char *path;
	int fd;
};

static inline struct scratch scratch_in(const char *where)
{
	struct scratch scratch = { .path = xasprintf("%s/kiln-unit-XXXXXX", where) };

	assert_non_null(mkdtemp(scratch.path));
	scratch.fd = open(scratch.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(scratch.fd >= 0);
	return scratch;
}

static inline struct scratch scratch_new(void)
{
	const char *where = getenv("TMPDIR");

	return scratch_in(where ? where : "/tmp");
}

/* For many files: disks differ too much in that. */
static inline struct scratch scratch_on_memory(void)
{
	return access("/dev/shm", W_OK) == 0 ? scratch_in("/dev/shm") : scratch_new();
}

static inline void scratch_done(struct scratch *scratch)
{
	error_free(file_remove_tree(AT_FDCWD, scratch->path));
	(void)close(scratch->fd);
	free(scratch->path);
}

DEFINE_AUTO_VALUE(scratch)

/* A file with that text; its directory is there. */
static inline void scratch_put(int dir_fd, const char *path, const char *text)
{
	AUTO_FD int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_ok(fd_write_all(fd, text, strlen(text)));
}

static inline void assert_holds(int dir_fd, const char *path, const char *text)
{
	AUTO_FREE char *bytes = NULL;

	assert_ok(file_read(dir_fd, path, 1 << 24, &bytes, NULL));
	assert_string_equal(bytes, text);
}

static inline bool is_there(int dir_fd, const char *path)
{
	struct stat st;

	return fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What is in a directory. */
static inline unsigned count_names(int dir_fd)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(copy);
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 2;
}
