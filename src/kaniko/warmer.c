/*
 * warmer: base images into a folder that many builds share, each an OCI layout named by its
 * manifest's digest: <cache-dir>/sha256:<hex>/. It appears whole, by a rename.
 */
#include "kaniko/executor.h"

#include "base/clock.h"
#include "base/limits.h"
#include "dockerfile/parser.h"
#include "graph/plan.h"
#include "image/image.h"
#include "registry/registry.h"
#include "sys/fd.h"
#include "ui/renderer.h"
#include "ui/session.h"
#include "ui/show.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct warmer_opts {
	struct list images, build_args;
	char *dockerfile, *cache_dir, *cache_ttl, *platform;
	bool force;
};

#define OPTS warmer_opts
static const struct option rows[] = {
	OPT_LIST('i', "image", images, "NAME", "fetch this image; may be repeated"),
	OPT_TEXT('d', "dockerfile", dockerfile, "PATH", "fetch the base images of this Dockerfile",
			.is_path = true),
	OPT_LIST(0, "build-arg", build_args, "NAME[=VALUE]", "set an ARG of the Dockerfile"),
	OPT_TEXT('c', "cache-dir", cache_dir, "DIR", "where they are kept (/cache)",
			.is_path = true),
	OPT_FLAG('f', "force", force, "fetch what is there already, too"),
	OPT_TEXT(0, "cache-ttl", cache_ttl, "DURATION", "fetch what is older anew (336h)"),
	OPT_TEXT(0, "customPlatform", platform, "OS/ARCH[/VARIANT]", "of images for several"),
	OPT_TEXT(0, "custom-platform", platform, "OS/ARCH[/VARIANT]", "customPlatform",
			.is_hidden = true),
	OPT_END,
};
#undef OPTS

struct warming {
	const struct warmer_opts *opts;
	const char *dir;
	bool has_dockerfile;
	struct kaniko_log log;
	struct platform platform;
	int64_t ttl_ns;
	struct session *session;
	struct show *show;
	size_t warmed, failed;
};

/* There already, and young enough. */
static bool is_warm(const struct warming *warming, const char *path)
{
	struct stat st;
	AUTO_FREE char *index = xasprintf("%s/index.json", path);

	if (warming->opts->force || stat(index, &st) != 0)
		return false;
	return (int64_t)(clock_now_seconds() - st.st_mtime) < warming->ttl_ns / 1000000000;
}

static FALLIBLE keep(struct warming *warming, const struct image *image, const char *name)
{
	char text[DIGEST_TEXT];
	AUTO_FREE char *path = xasprintf("%s/%s", warming->dir, digest_text(&image->digest, text));
	AUTO_FREE char *draft = file_name_beside(path);
	struct cancel *cancel = warming->session->cancel;

	if (is_warm(warming, path)) {
		kaniko_log_say(&warming->log, SEVERITY_INFO, "Image already in cache: %s", name);
		return NULL;
	}

	struct error *error = image_save_layout(
			image, draft, NULL, LAYOUT_ADD, cancel, &warming->show->copies);

	/* Another warmer's is as good as ours; an old one makes room. */
	if (!error)
		error = file_remove_tree(AT_FDCWD, path);
	if (!error && rename(draft, path) != 0)
		error = error_sys("name '%s'", path);
	if (error)
		error_ignore(file_remove_tree(AT_FDCWD, draft), "a draft that nobody will miss");
	return error;
}

static FALLIBLE warm_one(struct warming *warming, const char *name)
{
	const struct image_homes homes = { .store = warming->session->store,
		.registry = warming->session->registry,
		.trust = warming->session->trust,
		.platform = &warming->platform,
		.cancel = warming->session->cancel };
	AUTO(image) struct image *image = NULL;

	kaniko_log_say(&warming->log, SEVERITY_INFO, "Retrieving image manifest %s", name);
	TRY(image_open(&homes, name, PULL_ALWAYS, &image));
	return keep(warming, image, name);
}

/* One that fails does not keep the others cold. */
static FALLIBLE warm_each(struct warming *warming, const struct list *names)
{
	for (size_t i = 0; i < names->n; i++) {
		struct error *error = warm_one(warming, names->p[i]);
		AUTO(strbuf) struct strbuf why = { 0 };

		if (error_is(error, ERR_CANCELED))
			return error;
		if (!error) {
			warming->warmed++;
			continue;
		}
		warming->failed++;
		error_text(error, &why);
		kaniko_log_say(&warming->log, SEVERITY_WARN,
				"Failed to warm cache for image %s: %s", names->p[i],
				strbuf_text(&why));
		error_free(error);
	}
	return NULL;
}

/* --- the images that a Dockerfile stands on --- */

struct finding {
	struct list *names;
	const struct image_homes homes;
};

static struct error *find_images(void *user, struct plan_image *const *images, size_t n)
{
	struct finding *finding = user;

	for (size_t i = 0; i < n; i++) {
		if (images[i]->late_of)
			continue;
		if (!list_has(finding->names, images[i]->name))
			list_add(finding->names, images[i]->name);
		TRY_WRAP(image_open(&finding->homes, images[i]->name, PULL_ALWAYS,
					 &images[i]->image),
				"image '%s'", images[i]->name);
	}
	return NULL;
}

static FALLIBLE add_bases(struct warming *warming, struct list *names)
{
	const struct warmer_opts *opts = warming->opts;
	AUTO_FREE char *text = NULL;
	AUTO(dockerfile) struct dockerfile *file = NULL;
	AUTO(plan) struct plan *plan = NULL;
	AUTO(list) struct list args = { 0 };
	size_t n = 0;
	struct finding finding = { names, { .store = warming->session->store,
							  .registry = warming->session->registry,
							  .trust = warming->session->trust,
							  .platform = &warming->platform,
							  .cancel = warming->session->cancel } };

	TRY(kaniko_build_args(&opts->build_args, &args));
	TRY_WRAP(file_read(AT_FDCWD, opts->dockerfile, LIMIT_DOCKERFILE_BYTES, &text, &n),
			"read the Dockerfile '%s'", opts->dockerfile);
	TRY(dockerfile_parse((struct str){ text, n }, opts->dockerfile, &file));

	const struct plan_input input = { .file = file,
		.build_args = &args,
		.keeps_defaults = true,
		.platform = warming->platform,
		.build_platform = platform_host(),
		.open_images = find_images,
		.user = &finding };

	return plan_new(&input, &plan);
}

/* Wrong from the start, and not only nowhere to be found. */
static FALLIBLE check_names(const struct warmer_opts *opts)
{
	AUTO(list) struct list args = { 0 };

	for (size_t i = 0; i < opts->images.n; i++) {
		AUTO(reference) struct reference reference = { 0 };

		if (!image_is_transport(opts->images.p[i]))
			TRY(usage_of_option(reference_parse(str_of(opts->images.p[i]), &reference),
					"--image"));
	}
	return kaniko_build_args(&opts->build_args, &args);
}

static FALLIBLE read_opts(const struct invocation *call, struct warming *ret)
{
	const struct warmer_opts *opts = call->opts;
	const char *ttl = opts->cache_ttl ? opts->cache_ttl : "336h";

	ret->opts = opts;
	ret->dir = opts->cache_dir && *opts->cache_dir ? opts->cache_dir : "/cache";
	ret->platform = platform_host();
	ret->has_dockerfile = opts->dockerfile && *opts->dockerfile;
	if (!opts->images.n && !ret->has_dockerfile)
		return error_hint(error_usage("nothing says what to fetch"),
				"'--image NAME', or '--dockerfile PATH'");
	TRY(check_names(opts));
	if (opts->platform && *opts->platform)
		TRY(usage_of_option(platform_parse(str_of(opts->platform), &ret->platform),
				"--customPlatform"));
	TRY(usage_of_option(clock_parse_duration(str_of(ttl), &ret->ttl_ns), "--cache-ttl"));
	if (ret->ttl_ns < 0)
		return error_usage("option '--cache-ttl': '%s' is negative", ttl);
	return usage_of_option(file_make_dirs(ret->dir, 0755), "--cache-dir");
}

static FALLIBLE warm(struct warming *warming)
{
	AUTO(list) struct list names = { 0 };

	list_add_all(&names, &warming->opts->images);
	if (warming->has_dockerfile)
		TRY(add_bases(warming, &names));
	TRY(warm_each(warming, &names));
	if (!warming->warmed)
		return error_new(ERR_NOT_FOUND, "failed to warm any of the given images");
	kaniko_log_say(&warming->log, SEVERITY_INFO, "Successfully warmed %zu of %zu images",
			warming->warmed, warming->warmed + warming->failed);
	return NULL;
}

static struct error *run(const struct invocation *call)
{
	static const struct list none = { 0 };
	AUTO(session) struct session session = { 0 };
	AUTO(show) struct show show = { 0 };
	struct warming warming = { .session = &session, .show = &show };

	kaniko_log_init(call->global_opts, &warming.log);
	TRY(read_opts(call, &warming));
	TRY(session_open(call->config, SESSION_STORE | SESSION_REGISTRY, &session));
	TRY(show_open_with(kaniko_renderer(&warming.log, &none, NULL), &show));
	return warm(&warming);
}

const struct command cmd_warmer = {
	.name = "warm",
	.summary = "Fetch base images into a folder for the executor's --cache-dir",
	.options = rows,
	.opts_size = sizeof(struct warmer_opts),
	.is_hidden = true,
	.examples = "warmer --cache-dir /cache --image debian:12\n",
	.run = run,
};

static const struct command *const commands[] = { &cmd_executor_version, &cmd_warmer, NULL };

const struct program warmer_program = {
	.name = "warmer",
	.summary = "Fetch base images into a folder that builds share, as Kaniko's warmer does.",
	.options = kaniko_global_options,
	.opts_size = sizeof(struct kaniko_globals),
	.commands = commands,
	.fallback = &cmd_warmer,
	.error_prefix = "Error",
	.exit_status = kaniko_exit_status,
	.settings = kaniko_settings,
};
