/*
 * Where the files of a build come from. Kaniko's schemes are translated into what build_run()
 * takes: a folder, a tar on a descriptor, or an address.
 */
#include "kaniko/executor.h"

#include "sys/fd.h"
#include "ui/config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_CONTEXT    "/workspace/"
#define DEFAULT_DOCKERFILE "Dockerfile"

struct git_options {
	const char *branch;
	bool recurse, insecure;
};

/* One KEY=VALUE for each use of the flag; an unknown key is an error, not a hope. */
static FALLIBLE read_git(const struct list *options, struct git_options *ret)
{
	for (size_t i = 0; i < options->n; i++) {
		struct str key, value;
		uint64_t number = 0;
		bool truth = false, has_value = str_cut(str_of(options->p[i]), '=', &key, &value);
		struct error *error = NULL;

		if (!has_value || !value.n)
			error = error_new(ERR_INVALID, "'%s' is not KEY=VALUE", options->p[i]);
		else if (str_is(key, "branch"))
			ret->branch = value.p;
		else if (str_is(key, "single-branch"))
			error = parse_bool(value.p, &truth);
		else if (str_is(key, "depth"))
			error = parse_u64(value, INT32_MAX, &number);
		else if (str_is(key, "recurse-submodules"))
			error = parse_bool(value.p, &ret->recurse);
		else if (str_is(key, "insecure-skip-tls"))
			error = parse_bool(value.p, &ret->insecure);
		else
			error = error_new(ERR_INVALID,
					"unknown key '%.*s'; there are branch, single-branch, "
					"depth, "
					"recurse-submodules, insecure-skip-tls",
					STR_ARG(key));
		TRY(usage_of_option(error, "--git"));
	}
	return NULL;
}

static FALLIBLE use_directory(const char *path, const char *sub_path, struct request *request)
{
	struct stat st;

	request->context =
			sub_path && *sub_path ? xasprintf("%s/%s", path, sub_path) : xstrdup(path);
	if (stat(request->context, &st) != 0)
		return error_hint(error_sys("open the build context '%s'", request->context),
				"'--context' names the folder that COPY reads");
	if (!S_ISDIR(st.st_mode))
		return error_hint(error_new(ERR_INVALID, "the build context '%s' is not a folder",
						  request->context),
				"tar://FILE reads an archive");
	return NULL;
}

static struct error *not_yet(const char *context, const char *what)
{
	return error_hint(error_new(ERR_UNSUPPORTED, "the context '%s': %s", context, what),
			"a folder (dir://) works");
}

static FALLIBLE use_address(
		const char *context, const struct executor_opts *opts, struct request *request)
{
	(void)opts;
	(void)request;
	if (text_starts(context, "gs://") || text_starts(context, "s3://"))
		return not_yet(context, "object stores are not there yet");
	if (text_starts(context, "tar://") || text_starts(context, "git://") ||
			text_starts(context, "https://"))
		return not_yet(context, "archives and repositories are not there yet");
	return error_hint(error_usage("option '--context': '%s' has an unknown scheme", context),
			"there are dir://, tar://, git://, https://, gs://, s3://");
}

/* Looked for where we stand, then in the context. */
static FALLIBLE find_dockerfile(const struct executor_opts *opts, struct request *request)
{
	const char *name = opts->dockerfile && *opts->dockerfile ? opts->dockerfile
								 : DEFAULT_DOCKERFILE;
	struct stat st;

	if (text_starts(name, "http://") || text_starts(name, "https://"))
		return error_new(ERR_UNSUPPORTED,
				"option '--dockerfile': addresses are not there yet");
	if (stat(name, &st) == 0 && S_ISREG(st.st_mode)) {
		request->dockerfile = xstrdup(name);
		return NULL;
	}

	AUTO_FREE char *inside = xasprintf("%s/%s", request->context, name);

	if (stat(inside, &st) == 0 && S_ISREG(st.st_mode)) {
		request->dockerfile = TAKE(inside);
		return NULL;
	}
	return error_hint(error_new(ERR_NOT_FOUND,
					  "there is no Dockerfile '%s', neither here nor in '%s'",
					  name, request->context),
			"'--dockerfile' names it");
}

FALLIBLE request_set_context(const struct executor_opts *opts, const struct kaniko_log *log,
		struct request *request)
{
	const char *context = opts->context && *opts->context ? opts->context : NULL;
	AUTO_FREE char *bucket = NULL;
	struct git_options git = { 0 };

	request->stdin_fd = STDIN_FILENO;
	TRY(read_git(&opts->git, &git));
	if (opts->bucket && *opts->bucket) {
		bucket = strstr(opts->bucket, "://") ? xstrdup(opts->bucket)
						     : xasprintf("gs://%s", opts->bucket);
		context = bucket;
	} else if (opts->context && !*opts->context) {
		return error_usage("options '--context' and '--bucket' are both empty");
	}
	if (!context)
		context = DEFAULT_CONTEXT;
	if (text_starts(context, "dir://"))
		TRY(use_directory(context + strlen("dir://"), opts->sub_path, request));
	else if (strstr(context, "://"))
		TRY(use_address(context, opts, request));
	else
		TRY(use_directory(context, NULL, request));
	if (!strstr(context, "://") && opts->sub_path && *opts->sub_path)
		kaniko_log_say(log, SEVERITY_WARN,
				"--context-sub-path is for contexts with a scheme: write dir://%s",
				context);
	request->build.context = request->context;
	request->build.stdin_fd = request->stdin_fd;
	TRY(find_dockerfile(opts, request));
	request->build.dockerfile = request->dockerfile;
	return NULL;
}
