/*
 * Where the files of a build come from. Kaniko's schemes are translated into what build_run()
 * takes: a folder, a tar on a descriptor, or an address.
 */
#include "kaniko/executor.h"

#include "base/limits.h"
#include "dockerfile/git_url.h"
#include "registry/download.h"
#include "registry/object.h"
#include "registry/object_address.h"
#include "registry/url.h"
#include "store/scratch.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/rootfs.h"
#include "ui/config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_CONTEXT    "/workspace/"
#define DEFAULT_DOCKERFILE "Dockerfile"
#define OBJECT_FILE        "context.tar" /* where an object is kept, compressed or not */

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

/* A folder in the context: its links lead nowhere else. */
static FALLIBLE find_folder(const char *path, const char *sub_path, char **ret)
{
	AUTO_FREE char *inside = NULL;
	AUTO_FD int fd = -1;

	TRY_WRAP(file_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, &fd), "the build context");
	TRY_WRAP(rootfs_resolve(fd, sub_path, &inside), "'%s' in the build context", sub_path);
	*ret = xasprintf("%s%s", path, inside);
	return NULL;
}

static FALLIBLE use_directory(const char *path, const char *sub_path, struct request *request)
{
	struct stat st;

	if (sub_path && *sub_path)
		TRY(find_folder(path, sub_path, &request->context));
	else
		request->context = xstrdup(path);
	if (stat(request->context, &st) != 0)
		return error_hint(error_sys("open the build context '%s'", request->context),
				"'--context' names the folder that COPY reads");
	if (!S_ISDIR(st.st_mode))
		return error_hint(error_new(ERR_INVALID, "the build context '%s' is not a folder",
						  request->context),
				"tar://FILE reads an archive");
	return NULL;
}

/* --- git --- */

/* Name and password of an address, from the variables that Kaniko's users set. */
static void add_user(struct strbuf *out)
{
	const char *token = config_getenv("GIT_TOKEN");
	const char *name = token ? token : config_getenv("GIT_USERNAME");
	const char *password = token ? NULL : config_getenv("GIT_PASSWORD");

	if (!name && !password)
		return;
	if (name)
		url_escape(out, name);
	if (password) {
		strbuf_add_char(out, ':');
		url_escape(out, password);
	}
	strbuf_add_char(out, '@');
}

/*
 * git://host/repository[#ref[#commit]] is cloned over https, as BuildKit writes it:
 * https://host/repository.git#ref:dir
 */
static FALLIBLE use_git(const char *address, const struct executor_opts *opts,
		const struct git_options *git, struct request *request)
{
	const char *method = config_getenv("GIT_PULL_METHOD");
	AUTO(strbuf) struct strbuf out = { 0 };
	AUTO(git_url) struct git_url parsed = { 0 };
	struct str where, rest, ref, commit;

	if (method && !text_equal(method, "https") && !text_equal(method, "http"))
		return error_usage(
				"environment variable 'GIT_PULL_METHOD' cannot be '%s'; it is one "
				"of https|http",
				method);
	str_cut(str_of(address), '#', &where, &rest);
	str_cut(rest, '#', &ref, &commit);
	while (str_ends(where, "/"))
		where.n--;
	strbuf_addf(&out, "%s://", method ? method : "https");
	add_user(&out);
	strbuf_addf(&out, "%.*s%s?submodules=%s", STR_ARG(where),
			str_ends(where, ".git") ? "" : ".git", git->recurse ? "true" : "false");
	if (git->branch)
		ref = str_of(git->branch);
	if (commit.n)
		ref = commit;
	if (ref.n || (opts->sub_path && *opts->sub_path))
		strbuf_addf(&out, "#%.*s", STR_ARG(ref));
	if (opts->sub_path && *opts->sub_path)
		strbuf_addf(&out, ":%s", opts->sub_path);
	TRY(usage_of_option(git_url_parse(strbuf_text(&out), &parsed), "--context"));
	if (git->insecure)
		list_add(&request->source_environment, "GIT_SSL_NO_VERIFY=true");
	request->context = strbuf_take(&out);
	return NULL;
}

/* What git and ssh may see of the environment. */
static void add_source_environment(struct list *out)
{
	static const char *const names[] = { "HOME", "SSH_AUTH_SOCK", "GIT_ASKPASS",
		"GIT_SSL_CAINFO", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "http_proxy",
		"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (config_getenv(names[i]))
			list_addf(out, "%s=%s", names[i], config_getenv(names[i]));
}

/* --- archives --- */

static FALLIBLE use_tar(const char *path, const struct executor_opts *opts, struct request *request)
{
	request->build.context_dir = opts->sub_path;
	if (text_equal(path, "stdin")) {
		if (isatty(STDIN_FILENO))
			return error_usage(
					"option '--context': tar://stdin, and standard input is a "
					"terminal");
		request->context = xstrdup("-");
		return NULL;
	}
	request->context = xstrdup(path);
	if (access(path, R_OK) != 0)
		return error_sys("open the build context 'tar://%s'", path);
	return NULL;
}

/* A blob of Azure's without a key is a public one, or has its signature in the address. */
static bool is_object(const char *context)
{
	const char *key = config_getenv("AZURE_STORAGE_ACCESS_KEY");

	return object_address_is(context) &&
	       (!text_starts(context, "https://") || (key && *key && !strchr(context, '?')));
}

static FALLIBLE use_object(
		const char *context, const struct executor_opts *opts, struct request *request)
{
	AUTO(object_address) struct object_address address = { 0 };

	TRY(usage_of_option(object_address_parse(context, &address), "--context"));
	request->build.context_dir = opts->sub_path;
	request->object = xstrdup(context);
	request->context = xstrdup(context);
	return NULL;
}

static FALLIBLE use_address(const char *context, const struct executor_opts *opts,
		const struct git_options *git, struct request *request)
{
	if (is_object(context))
		return use_object(context, opts, request);
	if (text_starts(context, "tar://"))
		return use_tar(context + strlen("tar://"), opts, request);
	if (text_starts(context, "git://"))
		return use_git(context + strlen("git://"), opts, git, request);
	if (text_starts(context, "https://")) {
		request->build.context_dir = opts->sub_path;
		request->context = xstrdup(context);
		return NULL;
	}
	return error_hint(error_usage("option '--context': '%s' has an unknown scheme", context),
			"there are dir://, tar://, git://, https://, gs://, s3://");
}

/* --- the Dockerfile --- */

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Looked for where we stand, then in the context. */
static FALLIBLE find_dockerfile(
		const struct executor_opts *opts, bool is_fetched, struct request *request)
{
	const char *name = opts->dockerfile && *opts->dockerfile ? opts->dockerfile
								 : DEFAULT_DOCKERFILE;

	if (url_is_http(name)) {
		request->dockerfile = xstrdup(name);
		return NULL;
	}
	if (is_fetched && is_file(name) && !text_equal(request->context, "-")) {
		TRY(file_open(AT_FDCWD, name, O_RDONLY, 0, &request->stdin_fd));
		request->dockerfile = xstrdup("-");
		return NULL;
	}
	if (is_fetched || is_file(name)) {
		request->dockerfile = xstrdup(name);
		return NULL;
	}

	AUTO_FREE char *inside = xasprintf("%s/%s", request->context, name);

	if (is_file(inside)) {
		request->dockerfile = TAKE(inside);
		return NULL;
	}
	return error_hint(error_new(ERR_NOT_FOUND,
					  "there is no Dockerfile '%s', neither here nor in '%s'",
					  name, request->context),
			"'--dockerfile' names it");
}

FALLIBLE request_fetch_context(struct request *request, struct store *store,
		struct registry_client *registry, struct scratch *ret)
{
	AUTO(download) struct download download = { 0 };
	AUTO_FD int fd = -1;

	TRY(scratch_make(store, ret));
	TRY(file_open(ret->fd, OBJECT_FILE, O_RDWR | O_CREAT | O_EXCL, 0600, &fd));
	TRY_WRAP(object_download(registry, request->object, LIMIT_CONTEXT_BYTES, fd, &download),
			"fetch the build context");
	free(request->context);
	request->context = xasprintf("%s/%s/" OBJECT_FILE, store_root(store), ret->path);
	request->build.context = request->context;
	return NULL;
}

FALLIBLE request_set_context(const struct executor_opts *opts, const struct kaniko_log *log,
		struct request *request)
{
	const char *context = opts->context && *opts->context ? opts->context : NULL;
	AUTO_FREE char *bucket = NULL;
	struct git_options git = { 0 };

	request->stdin_fd = STDIN_FILENO;
	if (opts->sub_path && path_climbs(str_of(opts->sub_path)))
		return error_usage("option '--context-sub-path': '%s' leads out of the context",
				opts->sub_path);
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
		TRY(use_address(context, opts, &git, request));
	else
		TRY(use_directory(context, NULL, request));
	if (!strstr(context, "://") && opts->sub_path && *opts->sub_path)
		kaniko_log_say(log, SEVERITY_WARN,
				"--context-sub-path is for contexts with a scheme: write dir://%s",
				context);
	add_source_environment(&request->source_environment);
	request->build.source_environment = &request->source_environment;
	request->build.context = request->context;
	TRY(find_dockerfile(
			opts, strstr(context, "://") && !text_starts(context, "dir://"), request));
	request->build.dockerfile = request->dockerfile;
	request->build.stdin_fd = request->stdin_fd;
	return NULL;
}
