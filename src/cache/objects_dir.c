/*
 * Objects as files of a directory, which several builders may share over any file system: a file is
 * written beside its place and renamed.
 */
#include "cache/objects.h"
#include "stream/writer.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct objects_dir {
	struct objects objects;
	char *path;
};

static char *path_of(const struct objects *objects, const char *name)
{
	return xasprintf("%s/%s", ((const struct objects_dir *)objects)->path, name);
}

static FALLIBLE get(struct objects *objects, const char *name, struct reader **ret)
{
	AUTO_FREE char *path = path_of(objects, name);
	AUTO_FD int fd = -1;
	struct stat st;
	/* Nobody may ever write into what is a pipe. */
	struct error *error = file_open(
			AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, &fd);

	if (error_is_errno(error, ENOENT)) {
		error_free(error);
		return error_new(ERR_NOT_FOUND, "there is no '%s'", path);
	}
	TRY(error);
	if (fstat(fd, &st) != 0)
		return error_sys("open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return error_new(ERR_INVALID, "'%s' is no file", path);
	*ret = reader_from_fd(TAKE_FD(fd));
	return NULL;
}

static FALLIBLE has(struct objects *objects, const char *name, bool *ret)
{
	AUTO_FREE char *path = path_of(objects, name);
	struct stat st;

	*ret = lstat(path, &st) == 0 && S_ISREG(st.st_mode);
	return NULL;
}

static FALLIBLE make_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *parent = xstrndup(path, (size_t)(slash - path));

	return file_make_dirs(parent, 0755);
}

static FALLIBLE write_draft(const char *draft, const struct registry_blob *blob)
{
	AUTO(reader) struct reader *reader = NULL;
	AUTO(writer) struct writer *writer = NULL;
	int fd = -1;

	TRY(blob->open(blob->user, 0, &reader));
	TRY(file_open(AT_FDCWD, draft, O_WRONLY | O_CREAT | O_EXCL, 0644, &fd));
	writer = writer_to_fd(fd);
	TRY(stream_copy(reader, writer, NULL));
	return writer_close(TAKE(writer));
}

static FALLIBLE put(struct objects *objects, const char *name, const struct registry_blob *blob)
{
	AUTO_FREE char *path = path_of(objects, name);
	/* On a shared volume every pod's builder may have the same number. */
	AUTO_FREE char *draft = file_name_beside(path);

	TRY(make_parent(path));
	struct error *error = write_draft(draft, blob);
	if (!error && rename(draft, path) != 0)
		error = error_sys("name '%s'", path);
	if (error)
		(void)unlink(draft);
	return error;
}

static void dir_free(struct objects *objects)
{
	free(((struct objects_dir *)objects)->path);
	free(objects);
}

static const struct objects_ops ops = { get, has, put, dir_free };

struct objects *objects_dir(const char *path)
{
	struct objects_dir *self = xcalloc(1, sizeof(*self));

	self->objects.ops = &ops;
	self->path = xstrdup(path);
	return &self->objects;
}
