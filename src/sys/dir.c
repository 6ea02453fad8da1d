#include "sys/dir.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "sys/fd.h"

#include <fcntl.h>

void dir_done(struct dir *dir)
{
	if (dir->stream)
		(void)closedir(dir->stream);
	free(dir->path);
	*dir = (struct dir){ 0 };
}

FALLIBLE dir_take(int fd, const char *path, struct dir *ret)
{
	AUTO_FD int owned = fd;
	DIR *stream = fdopendir(fd);

	if (!stream)
		return error_sys("read the directory '%s'", path);
	(void)TAKE_FD(owned);
	rewinddir(stream);
	*ret = (struct dir){ stream, xstrdup(path) };
	return NULL;
}

FALLIBLE dir_open(int at_fd, const char *path, int flags, struct dir *ret)
{
	int fd = openat(at_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);

	if (fd < 0)
		return error_sys("open the directory '%s'", path);
	return dir_take(fd, path, ret);
}

FALLIBLE dir_next(struct dir *dir, const struct dirent **ret_entry)
{
	do {
		errno = 0;
		// NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is the caller's alone
		*ret_entry = readdir(dir->stream);
		if (!*ret_entry && errno)
			return error_sys("read the directory '%s'", dir->path);
	} while (*ret_entry && (text_equal((*ret_entry)->d_name, ".") ||
					       text_equal((*ret_entry)->d_name, "..")));
	return NULL;
}

int dir_fd(const struct dir *dir)
{
	return dirfd(dir->stream);
}

FALLIBLE dir_names(int at_fd, const char *path, struct list *ret)
{
	AUTO(dir) struct dir dir = { 0 };
	const struct dirent *entry = NULL;

	TRY(dir_open(at_fd, path, 0, &dir));
	for (;;) {
		TRY(dir_next(&dir, &entry));
		if (!entry)
			break;
		list_add(ret, entry->d_name);
	}
	list_sort(ret);
	return NULL;
}

FALLIBLE dir_files(const char *path, const char *suffix, struct list *ret)
{
	AUTO(list) struct list names = { 0 };
	struct error *error = dir_names(AT_FDCWD, path, &names);

	if (error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR)) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	for (size_t i = 0; i < names.n; i++)
		if (text_ends(names.p[i], suffix))
			list_addf(ret, "%s/%s", path, names.p[i]);
	return NULL;
}

FALLIBLE dir_is_empty(int fd, bool *ret)
{
	AUTO(dir) struct dir dir = { 0 };
	const struct dirent *entry = NULL;

	TRY(dir_open(fd, ".", 0, &dir));
	TRY(dir_next(&dir, &entry));
	*ret = !entry;
	return NULL;
}
