#include "build/host_copy.h"

#include "base/limits.h"
#include "base/str.h"
#include "sys/copy_tree.h"
#include "sys/dir.h"
#include "sys/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

struct copying {
	const struct owner_policy *policy;
	uint64_t bytes, files;
};

static FALLIBLE count(struct copying *copying, const struct stat *st)
{
	copying->files++;
	copying->bytes += S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
	if (copying->files > LIMIT_HOST_COPY_FILES)
		return error_new(ERR_LIMIT, "more than %d files", LIMIT_HOST_COPY_FILES);
	if (copying->bytes > LIMIT_HOST_COPY_BYTES)
		return error_new(ERR_LIMIT, "more than %d bytes", LIMIT_HOST_COPY_BYTES);
	return NULL;
}

static FALLIBLE copy_level(struct copying *copying, int from_fd, const char *from_name, int to_fd,
		const char *name, unsigned depth);

static FALLIBLE copy_entries(struct copying *copying, int fd, int to_fd, unsigned depth)
{
	AUTO(dir) struct dir dir = { 0 };
	const struct dirent *entry = NULL;

	TRY(dir_open(fd, ".", 0, &dir));
	for (;;) {
		TRY(dir_next(&dir, &entry));
		if (!entry)
			return NULL;
		TRY(copy_level(copying, fd, entry->d_name, to_fd, entry->d_name, depth + 1));
	}
}

static FALLIBLE copy_file(int fd, int to_fd, const char *name, const struct stat *st)
{
	AUTO_FD int copy_fd = -1;

	TRY(file_open(to_fd, name, O_RDWR | O_CREAT | O_EXCL, 0600, &copy_fd));
	return copy_content(fd, copy_fd, (uint64_t)st->st_size);
}

static FALLIBLE copy_directory(
		struct copying *copying, int fd, int to_fd, const char *name, unsigned depth)
{
	AUTO_FD int copy_fd = -1;

	if (mkdirat(to_fd, name, 0700) < 0)
		return error_sys("make the directory '%s'", name);
	TRY(file_open(to_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &copy_fd));
	return copy_entries(copying, fd, copy_fd, depth);
}

static FALLIBLE copy_level(struct copying *copying, int from_fd, const char *from_name, int to_fd,
		const char *name, unsigned depth)
{
	AUTO_FD int fd = -1;
	struct stat st;

	if (depth > LIMIT_HOST_COPY_DEPTH)
		return error_new(ERR_LIMIT, "'%s' is nested too deep", from_name);
	/* A pipe must not keep us waiting. */
	struct error *error = file_open(from_fd, from_name, O_RDONLY | O_NONBLOCK, 0, &fd);
	if (depth && (error_is_errno(error, ENOENT) || error_is_errno(error, ELOOP) ||
				     error_is_errno(error, ENXIO))) {
		error_ignore(error, "a link to nothing, a socket");
		return NULL;
	}
	TRY(error);
	if (fstat(fd, &st) < 0)
		return error_sys("look at '%s'", from_name);
	TRY(count(copying, &st));
	if (S_ISREG(st.st_mode))
		TRY_WRAP(copy_file(fd, to_fd, name, &st), "copy '%s'", from_name);
	else if (S_ISDIR(st.st_mode))
		TRY(copy_directory(copying, fd, to_fd, name, depth));
	else
		return NULL;
	const struct owner owner = { .mode = st.st_mode };
	return owner_set(copying->policy, to_fd, name, &owner);
}

FALLIBLE host_copy(
		const char *source, int to_fd, const char *name, const struct owner_policy *policy)
{
	struct copying copying = { .policy = policy };

	return copy_level(&copying, AT_FDCWD, source, to_fd, name, 0);
}
