/*
 * Options become a build. The order is that of the flags' families; what excludes what is said
 * here, since Kaniko's users meet these errors at the start of a pipeline.
 */
#include "kaniko/executor.h"

#include "base/clock.h"
#include "base/limits.h"
#include "stream/codec.h"
#include "sys/path.h"
#include "sys/private.h"
#include "ui/config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_TTL   "336h"
#define DEFAULT_CACHE "/cache"

void request_done(struct request *request)
{
	list_done(&request->build_args);
	list_done(&request->names);
	list_done(&request->ignore);
	list_done(&request->targets);
	list_done(&request->kept);
	annotation_flags_done(&request->annotations);
	cache_flags_done(&request->caches);
	secret_flags_done(&request->secrets);
	list_done(&request->source_environment);
	free(request->cache_repo);
	trace_free(request->trace);
	free(request->context);
	free(request->dockerfile);
	free(request->object);
	if (request->stdin_fd > STDIN_FILENO)
		(void)close(request->stdin_fd);
}

FALLIBLE kaniko_build_args(const struct list *given, struct list *ret)
{
	for (size_t i = 0; i < given->n; i++) {
		const char *arg = given->p[i];

		if (!*arg)
			continue;
		if (*arg == '=')
			return error_usage("option '--build-arg': '%s' has no name", arg);
		if (strchr(arg, '=')) {
			list_add(ret, arg);
		} else {
			const char *value = config_getenv(arg);

			list_addf(ret, "%s=%s", arg, value ? value : "");
		}
	}
	return NULL;
}

static FALLIBLE check_pairs(const struct list *pairs, const char *option)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (!strchr(pairs->p[i], '=') || pairs->p[i][0] == '=')
			return error_usage(
					"option '%s': '%s' is not NAME=VALUE", option, pairs->p[i]);
	return NULL;
}

static FALLIBLE add_destinations(const struct executor_opts *opts, struct request *request)
{
	for (size_t i = 0; i < opts->destinations.n; i++) {
		const char *text = opts->destinations.p[i];
		AUTO(reference) struct reference reference = { 0 };

		TRY(usage_of_option(reference_parse(str_of(text), &reference), "--destination"));
		if (digest_known(&reference.digest))
			return error_hint(error_usage("option '--destination': '%s' has a digest",
							  text),
					"a digest is what comes out; give a tag");

		AUTO_FREE char *full = reference_text(&reference);

		list_add(&request->names, full);
	}
	return NULL;
}

static FALLIBLE set_outputs(const struct executor_opts *opts, struct request *request)
{
	struct build_options *build = &request->build;
	struct build_output *out = request->outputs;
	bool no_push = false;

	TRY(kaniko_env_bool("KANIKO_NO_PUSH", opts->no_push, &no_push));
	TRY(add_destinations(opts, request));
	request->pushes = !no_push && !opts->dry_run;
	if (request->pushes && !request->names.n)
		return error_hint(error_usage("nothing says where to push"),
				"'--destination REGISTRY/NAME:TAG', or '--no-push'");
	if (request->pushes)
		*out++ = (struct build_output){ .kind = OUTPUT_REGISTRY };
	if (opts->tar_path)
		*out++ = (struct build_output){ .kind = OUTPUT_DOCKER, .dest = opts->tar_path };
	if (opts->layout_path)
		*out++ = (struct build_output){ .kind = OUTPUT_OCI,
			.dest = opts->layout_path,
			.is_directory = true,
			.is_alone = true };
	build->outputs = request->outputs;
	build->output_count = (size_t)(out - request->outputs);
	build->tags = &request->names;
	/* docker load wants a name; this is Kaniko's for images without one. */
	if (opts->tar_path && !request->names.n)
		list_add(&request->names, "docker.io/unset-repo/unset-image-name:latest");
	return NULL;
}

static FALLIBLE set_image(const struct executor_opts *opts, struct build_options *build)
{
	bool is_zstd = text_equal(opts->compression, "zstd");

	build->compression = is_zstd ? COMPRESSION_ZSTD : COMPRESSION_GZIP;
	build->compression_level = opts->compression_level >= (is_zstd ? 1 : 0)
						   ? (int)opts->compression_level
						   : CODEC_LEVEL_DEFAULT;
	if (!is_zstd && opts->compression_level > 9)
		return error_usage("option '--compression-level': gzip has no level %lld",
				(long long)opts->compression_level);
	if (text_equal(opts->format, "docker"))
		build->format = FORMAT_DOCKER;
	else if (text_equal(opts->format, "oci"))
		build->format = FORMAT_OCI;
	else
		build->inherits_format = true;
	if (is_zstd && build->format == FORMAT_DOCKER)
		return error_usage(
				"options '--compression zstd' and '--image-format docker' exclude "
				"each other: Docker's format has no zstd layers");
	if (is_zstd && opts->tar_path)
		return error_usage(
				"options '--compression zstd' and '--tar-path' exclude each other: "
				"docker load reads no zstd");
	if (build->format == FORMAT_OCI && opts->tar_path)
		return error_usage(
				"options '--image-format oci' and '--tar-path' exclude each other");
	build->squash = opts->single_snapshot;
	build->has_epoch = opts->reproducible;
	TRY(check_pairs(&opts->labels, "--label"));
	build->labels = &opts->labels;
	return NULL;
}

static FALLIBLE set_annotations(const struct executor_opts *opts, struct request *request)
{
	TRY(check_pairs(&opts->annotations, "--annotation"));
	for (size_t i = 0; i < opts->annotations.n; i++)
		TRY(annotation_flags_add(&request->annotations, opts->annotations.p[i]));
	request->build.annotations = request->annotations.annotations.p;
	request->build.annotation_count = request->annotations.annotations.n;
	return NULL;
}

/* SOURCE_DATE_EPOCH: what --reproducible means for everybody else. */
static FALLIBLE set_time(const struct request *request, struct build_options *build)
{
	const char *given = list_env_get(&request->build_args, "SOURCE_DATE_EPOCH");
	const char *text = given && *given ? given : config_getenv("SOURCE_DATE_EPOCH");

	if (!text || build->has_epoch)
		return NULL;
	build->has_epoch = true;
	return usage_of_option(parse_i64(str_of(text), 0, 253402300799, &build->epoch),
			text == given ? "--build-arg SOURCE_DATE_EPOCH" : "SOURCE_DATE_EPOCH");
}

/* A slice: commas separate, as repeating does. The first one is the image. */
static FALLIBLE set_targets(const struct executor_opts *opts, struct request *request)
{
	for (size_t i = 0; i < opts->targets.n; i++) {
		struct str rest = str_of(opts->targets.p[i]), name;

		if (!rest.n && opts->targets.n == 1)
			return NULL;
		do {
			bool more = str_cut(rest, ',', &name, &rest);
			AUTO_FREE char *text = str_dup(name);

			if (!*text)
				return error_usage("option '--target': '%s' has an empty name",
						opts->targets.p[i]);
			list_add(&request->targets, text);
			if (!more)
				break;
		} while (true);
	}
	if (!request->targets.n)
		return NULL;
	request->build.target = request->targets.p[0];
	request->also = (struct list){ request->targets.p + 1, request->targets.n - 1, 0 };
	request->build.also_targets = &request->also;
	return NULL;
}

/* "oci:DIR" is a folder; all else a repository, by default beside the first destination's. */
static FALLIBLE add_cache_home(const struct executor_opts *opts, struct request *request)
{
	AUTO_FREE char *repository = NULL, *from = NULL, *to = NULL;
	AUTO(reference) struct reference reference = { 0 };

	if (opts->cache_repo && text_starts(opts->cache_repo, "oci:")) {
		const char *dir = opts->cache_repo + strlen("oci:");

		if (!*dir || strchr(dir, ','))
			return error_usage("option '--cache-repo': '%s' is no folder", dir);
		from = xasprintf("type=local,src=%s", dir);
		to = xasprintf("type=local,dest=%s,mode=max", dir);
		TRY(cache_flags_add_from(&request->caches, from));
		return opts->no_push_cache ? NULL : cache_flags_add_to(&request->caches, to);
	}
	if (opts->cache_repo) {
		repository = xstrdup(opts->cache_repo);
	} else {
		TRY(reference_parse(str_of(request->names.p[0]), &reference));
		AUTO_FREE char *name = reference_name(&reference);
		repository = xasprintf("%s/cache", name);
	}
	if (opts->no_push_cache)
		return cache_flags_add_from(&request->caches, repository);
	TRY(cache_flags_add_repo(&request->caches, repository));
	request->cache_repo = TAKE(repository);
	return NULL;
}

static FALLIBLE set_ttl(const struct executor_opts *opts, struct build_options *build)
{
	const char *ttl = opts->cache_ttl ? opts->cache_ttl : DEFAULT_TTL;
	int64_t ns = 0;

	TRY(usage_of_option(clock_parse_duration(str_of(ttl), &ns), "--cache-ttl"));
	if (ns < 0)
		return error_usage("option '--cache-ttl': '%s' is negative", ttl);
	build->cache_ttl_seconds = ns / 1000000000;
	/* Nothing is young enough. */
	build->no_cache = build->no_cache || build->cache_ttl_seconds == 0;
	return NULL;
}

/* The usual folder may be missing; one that somebody names is missed. */
static FALLIBLE set_base_cache(const struct executor_opts *opts, const struct kaniko_log *log,
		struct build_options *build)
{
	bool is_named = opts->cache_dir && *opts->cache_dir;
	const char *dir = is_named ? opts->cache_dir : DEFAULT_CACHE;
	struct stat st;

	if (is_named && stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
		return error_usage("option '--cache-dir': '%s' is not a folder", dir);
	if (access(dir, R_OK | X_OK) == 0)
		build->base_cache = dir;
	else if (is_named)
		kaniko_log_say(log, SEVERITY_WARN, "--cache-dir: '%s' cannot be read: %s", dir,
				strerrordesc_np(errno));
	return NULL;
}

/* Without a cache a step runs once all the same for the targets of one bakefile. */
static FALLIBLE share_steps(struct build_options *build)
{
	const char *since = config_getenv(EXECUTOR_BAKE_SINCE);

	if (!since)
		return NULL;
	build->no_cache = false;
	return usage_of_option(parse_i64(str_of(since), 1, LIMIT_TIME_SECONDS, &build->cache_since),
			EXECUTOR_BAKE_SINCE);
}

static FALLIBLE set_cache(const struct executor_opts *opts, const struct kaniko_log *log,
		struct request *request)
{
	bool has_home = opts->cache_repo || request->names.n;

	if (opts->cache && !request->pushes && !opts->no_push_cache && !opts->cache_repo &&
			!opts->dry_run)
		return error_hint(error_usage("nothing says where the cache is kept"),
				"with '--no-push', give '--cache-repo' or '--no-push-cache'");
	TRY(set_base_cache(opts, log, &request->build));
	/* What was never cached runs again. */
	request->build.no_cache = !opts->cache || !opts->cache_run_layers;
	TRY(set_ttl(opts, &request->build));
	/* A wrong name is told even when it would not be used. */
	if (has_home && (opts->cache || opts->cache_repo))
		TRY(add_cache_home(opts, request));
	if (request->build.no_cache)
		return share_steps(&request->build);
	request->build.cache_from = &request->caches.from;
	if (!opts->dry_run)
		request->build.cache_to = &request->caches.to;
	return NULL;
}

static FALLIBLE set_ignored(const struct executor_opts *opts, struct request *request)
{
	for (size_t i = 0; i < opts->ignore_paths.n; i++) {
		AUTO_FREE char *clean = path_clean(str_of(opts->ignore_paths.p[i]));

		if (opts->ignore_paths.p[i][0] != '/' || !*clean)
			return error_usage("option '--ignore-path': '%s' is not an absolute path",
					opts->ignore_paths.p[i]);
		list_add(&request->ignore, clean);
	}
	request->build.ignore = &request->ignore;
	return NULL;
}

static FALLIBLE set_secrets(const struct executor_opts *opts, struct request *request)
{
	for (size_t i = 0; i < opts->secrets.n; i++)
		TRY(secret_flags_add(&request->secrets, opts->secrets.p[i], config_getenv));
	request->build.allows_secret_in_layer = opts->secret_in_layer;
	return NULL;
}

FALLIBLE request_load_secrets(struct request *request)
{
	if (!request->secrets.flags.n)
		return NULL;
	private_begin();
	TRY(secret_flags_load(&request->secrets, config_getenv));
	request->build.secrets = request->secrets.loaded.p;
	request->build.secret_count = request->secrets.loaded.n;
	return NULL;
}

static FALLIBLE set_platform(const struct executor_opts *opts, struct request *request)
{
	if (!opts->platform || !opts->platform[0])
		return NULL;
	TRY(usage_of_option(platform_parse(str_of(opts->platform), &request->platform),
			"--custom-platform"));
	request->build.platform = &request->platform;
	return NULL;
}

/* Variables of Kaniko's that change nothing here are wrong all the same when they are. */
static FALLIBLE check_unused(const struct executor_opts *opts)
{
	const char *timeout = config_getenv("SNAPSHOT_TIMEOUT_DURATION");
	bool preserves = false;
	int64_t ns = 0;

	TRY(kaniko_env_bool("KANIKO_PRESERVE_CONTEXT", opts->preserve_context, &preserves));
	return timeout && *timeout ? usage_of_option(clock_parse_duration(str_of(timeout), &ns),
						     "SNAPSHOT_TIMEOUT_DURATION")
				   : NULL;
}

FALLIBLE request_make(const struct kaniko_globals *globals, const struct executor_opts *opts,
		const struct kaniko_log *log, struct request *ret)
{
	const struct result_files files = { opts->digest_file, opts->name_digest_file,
		opts->name_tag_digest_file, config_getenv("BUILDER_OUTPUT"), &opts->destinations };

	if (opts->sets.n)
		return error_usage("option '--set' is for 'bake'");
	ret->build.tolerates_immutable = globals->ignore_immutable;
	ret->build.dry_run = opts->dry_run;
	ret->forced = opts->force;
	TRY(check_unused(opts));
	TRY(set_platform(opts, ret));
	TRY(kaniko_build_args(&opts->build_args, &ret->build_args));
	ret->build.build_args = &ret->build_args;
	ret->build.keeps_defaults = true;
	TRY(set_image(opts, &ret->build));
	TRY(set_annotations(opts, ret));
	TRY(set_time(ret, &ret->build));
	TRY(set_targets(opts, ret));
	TRY(set_outputs(opts, ret));
	TRY(set_cache(opts, log, ret));
	TRY(set_ignored(opts, ret));
	TRY(set_secrets(opts, ret));
	TRY(result_files_check(&files, &ret->names));
	TRY(kaniko_env_bool("KANIKO_CLEANUP", opts->cleanup, &ret->cleanup));
	TRY(kaniko_env_bool("KANIKO_PRE_CLEANUP", opts->pre_cleanup, &ret->pre_cleanup));
	TRY(kaniko_env_bool("KANIKO_PRINT_PLAN", false, &ret->prints_plan));
	TRY(trace_open(&ret->trace));
	ret->build.materializes = opts->materialize;
	return request_set_context(opts, log, ret);
}
