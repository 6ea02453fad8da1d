/* copy and add: one thing but for archives and git repositories. */
#include "verbs/names.h"
#include "verbs/verbs.h"
#include "verbs/work.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "dockerfile/glob.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "ui/registry_flags.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct copy_opts {
	struct list excludes, includes, required;
	char *chown, *chmod, *from, *ignore_file, *context_dir, *checksum, *blob_cache;
	int64_t timestamp;
	bool add_history, quiet, link, parents, no_follow, remove_signatures, wildcard,
			empty_wildcard, no_cache;
};

static const struct copy_opts defaults = { .timestamp = -1, .wildcard = true };

#define OPTS copy_opts
#define COMMON_ROWS                                                                                \
	OPT_TEXT(0, "chown", chown, "USER[:GROUP]", "owner of what is copied; else 0:0"),          \
			OPT_TEXT(0, "chmod", chmod, "MODE", "mode of what is copied"),             \
			OPT_TEXT(0, "contextdir", context_dir, "DIR",                              \
					"sources are below it, less what its ignore file says",    \
					.is_path = true),                                          \
			OPT_LIST(0, "exclude", excludes, "PATTERN", "leave out"),                  \
			OPT_LIST(0, "include", includes, "PATTERN", "leave every other file out"), \
			OPT_LIST(0, "required-path", required, "PATH",                             \
					"fail unless --include brings it"),                        \
			OPT_TEXT(0, "from", from, "CONTAINER|IMAGE", "sources are in it"),         \
			OPT_TEXT(0, "ignorefile", ignore_file, "PATH",                             \
					"instead of --contextdir's own .dockerignore",             \
					.is_path = true),                                          \
			OPT_FLAG(0, "link", link, "a layer of its own, as with --layers"),         \
			OPT_INT(0, "timestamp", timestamp, 0, 253402300799, "SECONDS",             \
					"time of what is copied"),                                 \
			OPT_FLAG(0, "add-history", add_history,                                    \
					"tell of it in the image's history"),                      \
			LAYER_ROWS, OPT_FLAG('q', "quiet", quiet, "do not print a digest"),        \
			OPT_FLAG(0, "allow-wildcard", wildcard, "sources may be patterns",         \
					.is_hidden = true),                                        \
			OPT_FLAG(0, "allow-empty-wildcard", empty_wildcard,                        \
					"a pattern may match nothing", .is_hidden = true),         \
			OPT_TEXT(0, "checksum", checksum, "DIGEST|COMMIT", "what an address has"), \
			REGISTRY_REACH_ROWS, RETRY_ROWS, SIGNATURE_POLICY_ROW,                     \
			OPT_FLAG(0, "no-follow-symlinks", no_follow,                               \
					"a source that is a link is copied as one"),               \
			OPT_FLAG(0, "remove-signatures", remove_signatures,                        \
					"taken: none are copied", .is_hidden = true),              \
			DECRYPTION_ROW, BLOB_CACHE_ROW

static const struct option copy_options[] = {
	COMMON_ROWS,
	OPT_FLAG(0, "parents", parents, "keep the folders that sources are named with"),
	OPT_END,
};
static const struct option add_options[] = {
	COMMON_ROWS,
	OPT_END,
};
#undef OPTS

/* A path of the host from "/", as it is typed here. */
static FALLIBLE from_here(const char *text, struct list *out)
{
	AUTO_FREE char *here = text[0] == '/' ? NULL : realpath(".", NULL);

	if (text[0] != '/' && !here)
		return error_sys("find the current folder");
	list_addf(out, "%s/%s", here ? here : "", text);
	return NULL;
}

/* A path of the host that is in the context may be typed whole. */
static FALLIBLE from_context(const char *dir, const char *text, struct list *out)
{
	AUTO_FREE char *whole = realpath(dir, NULL);
	size_t n = whole ? strlen(whole) : 0;

	if (!whole)
		return error_sys("open '%s'", dir);
	bool is_inside = text[0] == '/' && n > 1 && strncmp(text, whole, n) == 0 &&
			 (text[n] == '/' || text[n] == '\0');
	list_add(out, is_inside && text[n] ? text + n : is_inside ? "/" : text);
	return NULL;
}

static FALLIBLE check_sources(const struct copy_opts *opts, const struct list *typed, bool is_add)
{
	size_t n_remote = 0;

	for (size_t i = 0; i < typed->n && !opts->from; i++) {
		bool is_remote = working_copy_is_remote(typed->p[i]);

		n_remote += is_remote;
		if (is_remote && !is_add && !text_starts(typed->p[i], "http"))
			return error_hint(error_usage("'copy' takes no git repository"),
					"'add' does");
	}
	if (opts->checksum && !n_remote)
		return error_usage("checksum flag is not supported for local sources");
	if (opts->checksum && (n_remote != 1 || typed->n != 1))
		return error_usage("option '--checksum' goes with one source, an address");
	return NULL;
}

static FALLIBLE make_sources(
		const struct copy_opts *opts, const struct list *typed, struct list *out)
{
	for (size_t i = 0; i < typed->n; i++) {
		bool is_remote = working_copy_is_remote(typed->p[i]);
		const char *text = typed->p[i];

		if (!opts->wildcard && !is_remote && glob_is_pattern(text))
			return error_usage("'%s': wildcards are not allowed", text);
		if (opts->from || is_remote)
			list_add(out, text);
		else if (opts->context_dir)
			TRY(from_context(opts->context_dir, text, out));
		else
			TRY(from_here(text, out));
	}
	return NULL;
}

static FALLIBLE copy_in(struct work *work, const struct copy_opts *opts, struct working_copy *copy)
{
	AUTO(container) struct container *from = NULL;
	AUTO_FREE char *from_image = NULL;
	AUTO_FD int origin_fd = -1;
	struct digest content;
	char hex[DIGEST_HEX];

	if (opts->from) {
		TRY(work_find_from(work, opts->from, opts->quiet, &from, &from_image));
		copy->from = from;
		copy->from_image = from_image;
	} else {
		const char *dir = opts->context_dir ? opts->context_dir : "/";

		TRY_WRAP(file_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0, &origin_fd), "open '%s'",
				dir);
		copy->origin_fd = origin_fd;
	}
	TRY(working_copy(work->working, copy, &content));
	TRY(work_release(work));
	if (!copy->is_link)
		layers_note(work->call, copy->layers);
	if (!opts->quiet)
		(void)printf("%s\n", digest_hex(&content, hex));
	return NULL;
}

static FALLIBLE copy(const struct invocation *call, bool is_add)
{
	const struct copy_opts *opts = call->opts;
	const struct list *args = call->args;
	AUTO(work) struct work work = WORK_INIT;
	AUTO(list) struct list sources = { 0 };

	if (args->n < 1)
		return error_usage("container ID must be specified");
	if (args->n < 2)
		return error_usage("src must be specified");
	if (opts->ignore_file && !opts->context_dir)
		return error_usage("--ignorefile option requires that you specify a context dir "
				   "using --contextdir");
	if (opts->required.n && !opts->includes.n)
		return error_usage("--required-path must be used with --include");
	bool has_dest = args->n > 2;
	const struct list typed = { args->p + 1, args->n - 1 - has_dest, 0 };
	struct working_layers layers = { .no_cache = opts->no_cache };
	TRY(check_sources(opts, &typed, is_add));
	TRY(make_sources(opts, &typed, &sources));
	struct working_copy copy = {
		.is_add = is_add,
		.origin_fd = -1,
		.sources = &sources,
		.checksum = opts->checksum,
		.dest = has_dest ? args->p[args->n - 1] : "",
		.chown = opts->chown,
		.chmod = opts->chmod,
		.ignore_file = opts->ignore_file,
		.has_context = opts->context_dir != NULL,
		.excludes = &opts->excludes,
		.includes = &opts->includes,
		.required = &opts->required,
		.parents = opts->parents,
		.keeps_links = opts->no_follow,
		.allows_none = opts->empty_wildcard,
		.ignores_by_prefix = text_equal(call->program, "buildah"),
		.globs_deep = text_equal(call->program, "buildah"),
		.replaces = text_equal(call->program, "buildah"),
		.has_epoch = opts->timestamp >= 0,
		.epoch = opts->timestamp,
		.typed = &typed,
		.adds_history = opts->add_history,
		.layers = call->config->layers || opts->link ? &layers : NULL,
		.is_link = opts->link,
	};
	TRY(work_open(call, WORK_FILES, &work));
	TRY(work_take(&work, args->p[0], true));
	TRY_WRAP(copy_in(&work, opts, &copy), "adding content to container \"%s\"", args->p[0]);
	return NULL;
}

static struct error *run_copy(const struct invocation *call)
{
	return copy(call, false);
}

static struct error *run_add(const struct invocation *call)
{
	return copy(call, true);
}

const struct command cmd_copy = {
	.name = "copy",
	.args = "CONTAINER SOURCE... [DESTINATION]",
	.summary = "Copy files into a working container",
	.description = "As a Dockerfile's COPY: of a folder, what is in it. Without a destination, "
		       "into the working directory. Prints a digest of what was copied.",
	.options = copy_options,
	.defaults = &defaults,
	.opts_size = sizeof(struct copy_opts),
	.max_args = ARGS_ANY,
	.run = run_copy,
};

const struct command cmd_add = {
	.name = "add",
	.args = "CONTAINER SOURCE... [DESTINATION]",
	.summary = "Copy files and unpack archives into a working container",
	.description = "As a Dockerfile's ADD: like 'copy', and a tar, compressed or not, is "
		       "unpacked.",
	.options = add_options,
	.defaults = &defaults,
	.opts_size = sizeof(struct copy_opts),
	.max_args = ARGS_ANY,
	.run = run_add,
};
