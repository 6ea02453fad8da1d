#include "buildah/build_logs.h"

#include "base/str.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <unistd.h>

enum { LOG_FLAGS = O_WRONLY | O_CREAT | O_TRUNC, LOG_MODE = 0600 };

/* All that is told goes to standard error, so that is what the log gets. */
static FALLIBLE become_stderr(const char *path)
{
	AUTO_FD int fd = -1;

	TRY(file_open(AT_FDCWD, path, LOG_FLAGS, LOG_MODE, &fd));
	if (dup2(fd, STDERR_FILENO) < 0)
		return error_sys("log to '%s'", path);
	return NULL;
}

static FALLIBLE open_file(const char *path, mode_t mode, FILE **ret)
{
	AUTO_FD int fd = -1;

	TRY(file_open(AT_FDCWD, path, LOG_FLAGS, mode, &fd));
	*ret = fdopen(fd, "w");
	if (!*ret)
		return error_sys("log to '%s'", path);
	(void)TAKE_FD(fd);
	return NULL;
}

FALLIBLE build_logs_open(const struct bud_opts *opts, const struct build_options *options,
		struct build_logs *ret)
{
	if (opts->log_split && !opts->log_file)
		return error_usage("cannot use --logsplit without --logfile");
	ret->path = opts->log_file;
	ret->is_split = opts->log_split;
	ret->only = opts->platforms.n ? options->platform : NULL;
	if (opts->log_file)
		TRY(become_stderr(opts->log_file));
	if (opts->log_usage && opts->usage_file && !opts->quiet)
		TRY(open_file(opts->usage_file, 0644, &ret->usage));
	return NULL;
}

/* LOGFILE_OS_ARCH: variants of one architecture share it. */
static char *name_of(const struct build_logs *logs, const char *platform)
{
	struct str os, arch, rest;

	(void)str_cut(str_of(platform), '/', &os, &rest);
	(void)str_cut(rest, '/', &arch, &rest);
	return xasprintf("%s_%.*s_%.*s", logs->path, STR_ARG(os), STR_ARG(arch));
}

/* NULL: it cannot be had. */
static FILE *log_of(struct build_logs *logs, const char *platform)
{
	AUTO_FREE char *path = name_of(logs, platform);

	for (size_t i = 0; i < logs->split.n; i++)
		if (text_equal(logs->split.p[i].path, path))
			return logs->split.p[i].file;

	struct build_log log = { .path = TAKE(path) };
	struct error *error = open_file(log.path, LOG_MODE, &log.file);

	if (error && !logs->error)
		logs->error = TAKE(error);
	error_free(error);
	vec_push(&logs->split, log);
	return log.file;
}

static bool write_text(struct build_logs *logs, FILE *file, struct str text)
{
	if (!file)
		return false;
	if ((fwrite(text.p, 1, text.n, file) != text.n || fflush(file) != 0) && !logs->error)
		logs->error = error_sys("write a log");
	return true;
}

bool build_logs_take(void *user, const char *platform, bool is_usage, struct str text)
{
	struct build_logs *logs = user;
	char only[PLATFORM_TEXT];

	if (is_usage && logs->usage)
		return write_text(logs, logs->usage, text);
	if (!*platform && logs->only)
		platform = platform_text(logs->only, only);
	if (!logs->is_split || !*platform)
		return false;
	return write_text(logs, log_of(logs, platform), text);
}

FALLIBLE build_logs_check(struct build_logs *logs)
{
	return TAKE(logs->error);
}

void build_logs_done(struct build_logs *logs)
{
	for (size_t i = 0; i < logs->split.n; i++) {
		free(logs->split.p[i].path);
		if (logs->split.p[i].file)
			(void)fclose(logs->split.p[i].file);
	}
	vec_done(&logs->split);
	if (logs->usage)
		(void)fclose(logs->usage);
	error_free(logs->error);
}
