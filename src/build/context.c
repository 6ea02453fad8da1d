#include "build/context.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "stream/reader.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static FALLIBLE open_directory(const char *path, struct context *context)
{
	context->path = xstrdup(path);
	context->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (context->fd >= 0)
		return NULL;
	struct error *error = error_sys("open the build context '%s'", path);
	if (errno == ENOTDIR)
		return error_hint(error, "the context is a directory; name the Dockerfile with -f");
	return error_hint(error, "the last argument is the directory that COPY reads, often '.'");
}

static FALLIBLE read_stdin(int fd, struct context *context)
{
	AUTO(reader) struct reader *in = reader_from_fd(dup(fd));

	context->dockerfile_name = xstrdup("Dockerfile (standard input)");
	TRY_WRAP(reader_read_all(in, LIMIT_DOCKERFILE_BYTES, &context->dockerfile,
				 &context->dockerfile_bytes),
			"read the Dockerfile from standard input");
	return NULL;
}

static FALLIBLE read_default(struct context *context)
{
	static const char *const names[] = { "Dockerfile", "Containerfile" };

	for (size_t i = 0; i < COUNT(names); i++) {
		struct error *error = file_read(context->fd, names[i], LIMIT_DOCKERFILE_BYTES,
				&context->dockerfile, &context->dockerfile_bytes);

		if (!error) {
			context->dockerfile_name =
					strcmp(context->path, ".") == 0
							? xstrdup(names[i])
							: xasprintf("%s%s%s", context->path,
									  text_ends(context->path,
											  "/")
											  ? ""
											  : "/",
									  names[i]);
			return NULL;
		}
		if (!error_is_errno(error, ENOENT))
			return error_wrap(error, "read the Dockerfile of the context '%s'",
					context->path);
		error_free(error);
	}
	return error_hint(error_new(ERR_NOT_FOUND, "there is no Dockerfile in '%s'", context->path),
			"name it with -f, or give the directory that holds it");
}

static FALLIBLE read_dockerfile(const char *path, int stdin_fd, struct context *context)
{
	if (!path)
		return read_default(context);
	if (strcmp(path, "-") == 0)
		return read_stdin(stdin_fd, context);
	context->dockerfile_name = xstrdup(path);
	TRY_WRAP(file_read(AT_FDCWD, path, LIMIT_DOCKERFILE_BYTES, &context->dockerfile,
				 &context->dockerfile_bytes),
			"read the Dockerfile '%s'", path);
	return NULL;
}

/* *ret_found tells whether the file is there; an unreadable one is an error. */
static FALLIBLE read_ignore(int dir_fd, const char *name, struct context *context, bool *ret_found)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct error *error = file_read(dir_fd, name, LIMIT_IGNORE_BYTES, &text, &n);

	*ret_found = false;
	if (error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR)) {
		error_free(error);
		return NULL;
	}
	if (error)
		return error_wrap(error, "read '%s'", name);
	*ret_found = true;
	context->ignore_name = xstrdup(name);
	return ignore_parse((struct str){ text, n }, name, &context->ignore);
}

static FALLIBLE find_ignore(const char *dockerfile, struct context *context)
{
	bool found = false;

	if (dockerfile && strcmp(dockerfile, "-") != 0) {
		AUTO_FREE char *beside = xasprintf("%s.dockerignore", dockerfile);

		TRY(read_ignore(AT_FDCWD, beside, context, &found));
	} else if (!dockerfile) {
		TRY(read_ignore(context->fd, "Dockerfile.dockerignore", context, &found));
	}
	if (!found)
		TRY(read_ignore(context->fd, ".dockerignore", context, &found));
	return NULL;
}

FALLIBLE context_open(const char *path, const char *dockerfile, int stdin_fd, struct context **ret)
{
	AUTO(context) struct context *context = xcalloc(1, sizeof(*context));

	context->fd = -1;
	TRY(open_directory(path, context));
	TRY(read_dockerfile(dockerfile, stdin_fd, context));
	TRY(find_ignore(dockerfile, context));
	*ret = TAKE(context);
	return NULL;
}

void context_free(struct context *context)
{
	if (!context)
		return;
	if (context->fd >= 0)
		(void)close(context->fd);
	ignore_free(context->ignore);
	free(context->path);
	free(context->ignore_name);
	free(context->dockerfile);
	free(context->dockerfile_name);
	free(context);
}
