#include "build/context.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "build/archive.h"
#include "build/context_fetch.h"
#include "dockerfile/git_url.h"
#include "registry/url.h"
#include "stream/reader.h"
#include "sys/fd.h"
#include "sys/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* --- where the files are --- */

/* Looking at a Dockerfile needs no store, and then there is nowhere to unpack to. */
static FALLIBLE need_store(const struct sources *sources)
{
	if (sources->store)
		return NULL;
	return error_hint(error_new(ERR_UNSUPPORTED,
					  "only a directory or a Dockerfile can be looked at"),
			"'kiln build --check' takes every kind of context");
}

FALLIBLE context_unpack(
		struct context *context, const struct sources *sources, struct reader *bytes)
{
	AUTO(reader) struct reader *plain = NULL;
	bool is_archive = false;

	context->is_inside = true;
	TRY(archive_open(bytes, &plain, &is_archive));
	if (is_archive || sources->store) {
		TRY(need_store(sources));
		TRY(scratch_make(sources->store, &context->scratch));
		context->fd = context->scratch.fd;
	}
	if (is_archive)
		return archive_unpack(TAKE(plain), context->fd, "the context", sources->cancel,
				&context->time);
	TRY(reader_read_all(plain, LIMIT_DOCKERFILE_BYTES, &context->dockerfile,
			&context->dockerfile_bytes));
	if (!context->dockerfile_bytes)
		return error_hint(error_new(ERR_INVALID, "it is empty"),
				"a Dockerfile, or a tar archive that holds one");
	return NULL;
}

static FALLIBLE open_stdin(const struct context_input *input, struct context *context)
{
	TRY_WRAP(context_unpack(context, input->sources, reader_from_fd(dup(input->stdin_fd))),
			"read the build context from standard input");
	if (context->dockerfile)
		context->dockerfile_name = xstrdup("Dockerfile (standard input)");
	return NULL;
}

static FALLIBLE open_directory(
		const char *path, const struct sources *sources, struct context *context)
{
	AUTO_FREE char *scope = realpath(path, NULL);

	context->fd = context->dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (context->fd < 0)
		return error_sys("open %s '%s'", context->name, path);
	if (sources->store)
		context->digests = file_digests_open(sources->store, scope ? scope : path);
	return NULL;
}

static FALLIBLE open_local(const struct context_input *input, struct context *context)
{
	const char *path = input->path;
	AUTO_FD int fd = -1;
	struct stat st;

	if (stat(path, &st) != 0)
		return error_hint(error_sys("open %s '%s'", context->name, path),
				input->name ? "a directory, a tar, or an address"
					    : "the last argument is the directory that COPY "
					      "reads, often '.'");
	if (S_ISDIR(st.st_mode))
		return open_directory(path, input->sources, context);
	TRY(file_open(AT_FDCWD, path, O_RDONLY, 0, &fd));
	struct error *error = context_unpack(context, input->sources, reader_from_fd(TAKE_FD(fd)));
	/* A Dockerfile where the context should be: a wrong order of arguments, not a context. */
	if (!error && context->dockerfile)
		error = error_hint(error_new(ERR_INVALID, "it is no directory and no tar archive"),
				"the context is a directory; name the Dockerfile with -f");
	return error ? error_wrap(error, "open %s '%s'", context->name, path) : NULL;
}

static bool is_git(const char *path)
{
	return git_url_matches(path, true) && access(path, F_OK) != 0;
}

bool context_is_remote(const char *path)
{
	return is_git(path) || url_is_http(path);
}

bool context_is_directory(const char *path)
{
	struct stat st;

	return !text_equal(path, "-") && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static FALLIBLE open_files(const struct context_input *input, struct context *context)
{
	if (strcmp(input->path, "-") == 0 && !input->name)
		return open_stdin(input, context);
	if (is_git(input->path))
		return context_fetch_git(input, context);
	if (url_is_http(input->path))
		return context_fetch_http(input, context);
	return open_local(input, context);
}

/* A folder of what was unpacked is the context; nothing above it is. */
static FALLIBLE enter_dir(const struct context_input *input, struct context *context)
{
	int fd = -1;

	if (!input->dir || !*input->dir || !context->is_inside || context->fd < 0)
		return NULL;
	TRY_WRAP(rootfs_open(context->fd, input->dir, O_PATH | O_DIRECTORY, 0, &fd),
			"open '%s' of the context '%s'", input->dir, context->path);
	context->fd = context->dir_fd = fd;
	return NULL;
}

/* --- the Dockerfile --- */

/* In BuildKit's words; NULL stays NULL. */
static FALLIBLE unreadable(struct error *error)
{
	if (!error)
		return NULL;
	return error_wrap(error, "%s",
			error_is(error, ERR_LIMIT) ? "Dockerfile exceeds maximum allowed size"
						   : "failed to read dockerfile");
}

static FALLIBLE read_stdin(int fd, struct context *context)
{
	AUTO(reader) struct reader *in = reader_from_fd(dup(fd));

	context->dockerfile_name = xstrdup("Dockerfile (standard input)");
	return unreadable(reader_read_all(in, LIMIT_DOCKERFILE_BYTES, &context->dockerfile,
			&context->dockerfile_bytes));
}

/* A file of the context, as a message names it. */
static char *name_inside(const struct context *context, const char *name)
{
	return strcmp(context->path, ".") == 0
			       ? xstrdup(name)
			       : xasprintf("%s%s%s", context->path,
						 text_ends(context->path, "/") ? "" : "/", name);
}

static FALLIBLE read_inside(struct context *context, const char *name)
{
	TRY(rootfs_read_file(context->fd, name, LIMIT_DOCKERFILE_BYTES, &context->dockerfile,
			&context->dockerfile_bytes));
	context->dockerfile_name = name_inside(context, name);
	return NULL;
}

/* A link that leads out of the context is not followed: what it names is not there. */
static FALLIBLE read_default(const struct context_input *input, struct context *context)
{
	static const char *const names[] = { "Containerfile", "Dockerfile", "Containerfile",
		"dockerfile" };
	bool other = !input->as_buildah;

	for (size_t i = other; i < (other ? COUNT(names) : 2); i++) {
		struct error *error = read_inside(context, names[i]);

		if (!error)
			return NULL;
		bool is_none = error_is_errno(error, ENOENT) ||
			       (!other && error_is(error, ERR_INVALID));
		if (!is_none)
			return unreadable(error_wrap(error, "context '%s'", context->path));
		error_free(error);
	}
	struct error *none = other ? error_new(ERR_NOT_FOUND,
						     "failed to read dockerfile: there is no "
						     "Dockerfile in '%s'",
						     context->path)
				   : error_new(ERR_NOT_FOUND,
						     "cannot find Containerfile or Dockerfile in "
						     "context directory '%s': no such file or "
						     "directory",
						     context->path);
	return error_hint(none, "name it with -f, or give the directory that holds it");
}

char *context_shown(const char *path)
{
	char *text = git_url_shown(path);

	if (strstr(text, "://") && !git_url_matches(path, true))
		text[strcspn(text, "?#")] = '\0';
	return text;
}

/* BuildKit: where the address is the Dockerfile, a name for it says nothing. */
static bool is_bare_name(const struct context *context, const char *path)
{
	return url_is_http(context->path) && !url_is_http(path) && strcmp(path, "-") != 0;
}

static FALLIBLE read_dockerfile(const struct context_input *input, struct context *context)
{
	const char *path = input->dockerfile;

	if (context->dockerfile && (!path || is_bare_name(context, path)))
		return NULL;
	if (context->dockerfile)
		return error_hint(
				error_new(ERR_INVALID, "'%s' is a Dockerfile, and -f names another",
						context->path),
				"a context with files is a tar, a directory or a git repository");
	if (!path)
		return read_default(input, context);
	if (strcmp(path, "-") == 0)
		return read_stdin(input->stdin_fd, context);
	if (url_is_http(path)) {
		context->dockerfile_name = context_shown(path);
		return context_fetch_dockerfile(input, context);
	}
	if (context->is_inside) {
		struct error *error = read_inside(context, path);

		return error ? unreadable(error_wrap(error, "context '%s'", context->path)) : NULL;
	}
	context->dockerfile_name = xstrdup(path);
	return unreadable(file_read(AT_FDCWD, path, LIMIT_DOCKERFILE_BYTES, &context->dockerfile,
			&context->dockerfile_bytes));
}

/* --- the ignore list --- */

/* From the root of the host on; where the context is no directory of it, of the context. New. */
static char *whole_path(const struct context *context, int dir_fd, const char *name)
{
	AUTO_FREE char *top = dir_fd == AT_FDCWD ? NULL : realpath(context->path, NULL);
	char *own = dir_fd == AT_FDCWD ? realpath(name, NULL) : NULL;

	return own ? own : xasprintf("%s/%s", top ? top : "", name);
}

/*
 * *ret_found tells whether the file is there; an unreadable one is an error. dir_fd is the
 * context's, which no link leads out of, or AT_FDCWD.
 */
static FALLIBLE read_ignore(int dir_fd, const char *name, struct context *context, bool *ret_found)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct error *error =
			dir_fd != AT_FDCWD ? rootfs_read_file(dir_fd, name, LIMIT_IGNORE_BYTES,
							     &text, &n)
					   : file_read(dir_fd, name, LIMIT_IGNORE_BYTES, &text, &n);

	*ret_found = false;
	if (error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR)) {
		error_free(error);
		return NULL;
	}
	if (error)
		return error_wrap(error, "read '%s'", name);
	*ret_found = true;
	context->ignore_name = xstrdup(name);
	context->ignore_path = whole_path(context, dir_fd, name);
	return ignore_parse((struct str){ text, n }, name, &context->ignore);
}

static FALLIBLE find_ignore(const struct context_input *input, struct context *context)
{
	const char *dockerfile = input->dockerfile;
	bool found = false;

	if (input->ignore_file) {
		TRY(read_ignore(AT_FDCWD, input->ignore_file, context, &found));
		return found ? NULL
			     : error_new(ERR_NOT_FOUND, "the ignore file '%s' is not there",
					       input->ignore_file);
	}

	if (!input->name && dockerfile && strcmp(dockerfile, "-") != 0 &&
			!url_is_http(dockerfile)) {
		AUTO_FREE char *beside = xasprintf("%s.dockerignore", dockerfile);

		TRY(read_ignore(context->is_inside ? context->fd : AT_FDCWD, beside, context,
				&found));
	} else if (!input->name && !dockerfile) {
		TRY(read_ignore(context->fd, "Dockerfile.dockerignore", context, &found));
	}
	if (!found && input->as_buildah)
		TRY(read_ignore(context->fd, ".containerignore", context, &found));
	if (!found)
		TRY(read_ignore(context->fd, ".dockerignore", context, &found));
	return NULL;
}

FALLIBLE context_open(const struct context_input *input, struct context **ret)
{
	AUTO(context) struct context *context = xcalloc(1, sizeof(*context));

	context->fd = context->dir_fd = -1;
	context->path = context_shown(input->path);
	context->name = input->name ? xasprintf("the context '%s'", input->name)
				    : xstrdup("the build context");
	if (!input->name && text_equal(input->path, "-") && text_equal(input->dockerfile, "-"))
		return error_hint(error_new(ERR_INVALID,
						  "standard input cannot be the context and the "
						  "Dockerfile"),
				"put the Dockerfile into the tar, or name it with -f");
	TRY(open_files(input, context));
	TRY(enter_dir(input, context));
	if (!input->name)
		TRY(read_dockerfile(input, context));
	if (input->name && context->dockerfile)
		return error_hint(error_new(ERR_INVALID,
						  "%s: '%s' is no directory and no tar archive",
						  context->name, context->path),
				"a tar, compressed with gzip, bzip2, xz or zstd, or not");
	if (context->fd >= 0)
		TRY(find_ignore(input, context));
	if (context->ignore && input->as_buildah)
		ignore_by_prefix(context->ignore);
	*ret = TAKE(context);
	return NULL;
}

char *context_epoch(const struct context *context)
{
	return context->time > 0 ? xasprintf("%lld", (long long)context->time) : NULL;
}

void context_free(struct context *context)
{
	if (!context)
		return;
	if (context->dir_fd >= 0)
		(void)close(context->dir_fd);
	if (context->digests)
		error_ignore(file_digests_close(context->digests),
				"the memory of digests is an aid");
	scratch_done(&context->scratch);
	ignore_free(context->ignore);
	free(context->path);
	free(context->name);
	free(context->ignore_name);
	free(context->ignore_path);
	free(context->dockerfile);
	free(context->dockerfile_name);
	free(context->vcs_source);
	free(context->vcs_ref);
	free(context->vcs_revision);
	free(context);
}
