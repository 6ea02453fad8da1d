/*
 * build, bud: Buildah's flags become struct build_options. What differs from kiln's own: names
 * without a registry are localhost's, Containerfile comes before Dockerfile, .containerignore
 * before .dockerignore, tags may be transports.
 */
#include "buildah/build_show.h"
#include "buildah/build_steps.h"
#include "buildah/build_tags.h"
#include "buildah/buildah.h"
#include "buildah/dockerfiles.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "build/build.h"
#include "oci/reference.h"
#include "stream/codec.h"
#include "sys/fd.h"
#include "ui/annotation_flag.h"
#include "ui/build_after.h"
#include "ui/build_result_files.h"
#include "ui/cache_flag.h"
#include "ui/lower_stores.h"
#include "ui/output_flag.h"
#include "ui/platform_flag.h"
#include "ui/registry_flags.h"
#include "ui/session.h"
#include "verbs/manifest_list.h"
#include "verbs/names.h"
#include "verbs/run_flags.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct build_opts {
	struct run_flags run;
	struct list files, tags, build_args, arg_files, contexts, labels, annotations, outputs,
			platforms, env, cpp_flags, cache_from, cache_to, secrets, agents;
	char *ignore_file, *target, *from, *pull, *os, *arch, *variant, *iid_file, *raw_iid_file,
			*metadata_file, *compression, *log_file, *cache_ttl, *retry, *retry_delay,
			*log_level, *manifest;
	int64_t timestamp, source_date_epoch, level;
	bool pull_always, pull_never, no_cache, layers, squash, quiet, rm, force_rm, compress,
			disable_compression, skip_unused, inherit_labels, inherit_annotations,
			identity_label, content_trust, rewrite_timestamp, no_pivot, compat_volumes,
			all_platforms;
};

static const struct build_opts defaults = {
	.run = { .http_proxy = true },
	.timestamp = -1,
	.source_date_epoch = -1,
	.level = CODEC_LEVEL_DEFAULT,
	.rm = true,
	.skip_unused = true,
	.inherit_labels = true,
	.inherit_annotations = true,
	.identity_label = true,
};

#define LATER(name, why) OPT_LATER(0, name, why)
#define SBOM             "make an SBOM from the image with its own tool"

#define OPTS build_opts
static const struct option options[] = {
	OPT_HEADING("What to build"),
	OPT_LIST('f', "file", files, "PATH",
			"a Dockerfile; several are one; *.in goes through cpp first; - is stdin",
			.is_path = true),
	OPT_LIST(0, "build-arg", build_args, "NAME[=VALUE]", "set an ARG"),
	OPT_LIST(0, "build-arg-file", arg_files, "PATH", "lines NAME=VALUE", .is_path = true),
	OPT_LIST(0, "build-context", contexts, "NAME=SOURCE", "a named context"),
	OPT_LIST(0, "cpp-flag", cpp_flags, "FLAG", "for cpp"),
	OPT_LIST(0, "env", env, "NAME[=VALUE]", "an ENV of every stage"),
	OPT_TEXT(0, "from", from, "IMAGE", "instead of what the first FROM says"),
	OPT_TEXT(0, "ignorefile", ignore_file, "PATH", "instead of the context's", .is_path = true),
	OPT_TEXT(0, "target", target, "STAGE", "build this stage and stop"),
	OPT_LIST(0, "platform", platforms, "OS/ARCH,...", "what to build for; several make a list"),
	OPT_FLAG(0, "all-platforms", all_platforms, "all that the base images have in common"),
	OPT_TEXT(0, "os", os, "OS", "the same, in parts"),
	OPT_TEXT(0, "arch", arch, "ARCH", "the same, in parts"),
	OPT_TEXT(0, "variant", variant, "VARIANT", "the same, in parts"),
	OPT_TEXT(0, "pull", pull, "always|missing|never|newer", "when to ask a registry",
			.implied = "always"),
	OPT_FLAG(0, "pull-always", pull_always, "--pull=always", .is_hidden = true),
	OPT_FLAG(0, "pull-never", pull_never, "--pull=never", .is_hidden = true),
	OPT_HEADING("Cache"),
	OPT_FLAG(0, "layers", layers, "taken: every step is cached"),
	OPT_FLAG(0, "no-cache", no_cache, "run every step again"),
	OPT_LIST(0, "cache-from", cache_from, "REPOSITORY", "look steps up there"),
	OPT_LIST(0, "cache-to", cache_to, "REPOSITORY", "bring steps there"),
	OPT_TEXT(0, "cache-ttl", cache_ttl, "TIME", "older steps run again: 24h; 0: all of them"),
	OPT_SETTING(0, "jobs", "N", "stages and steps at the same time; 0: one for each CPU"),
	OPT_HEADING("The image"),
	OPT_LIST('t', "tag", tags, "NAME", "name it, or send it: docker://, oci:, oci-archive: …"),
	OPT_TEXT(0, "manifest", manifest, "LIST", "add it to a list of images, made if missing"),
	OPT_LIST(0, "annotation", annotations, "NAME=VALUE", "add an annotation"),
	OPT_LIST(0, "label", labels, "NAME=VALUE", "add a label"),
	OPT_SETTING(0, "format", "oci|docker", "of manifest and config"),
	OPT_TEXT(0, "compression-format", compression, "gzip|zstd", "how layers are compressed"),
	OPT_INT(0, "compression-level", level, 0, 22, "LEVEL", "gzip 0 to 9, zstd 1 to 22"),
	OPT_FLAG('D', "disable-compression", disable_compression, "leave layers uncompressed"),
	OPT_FLAG(0, "squash", squash, "one layer for all steps of the last stage"),
	OPT_INT(0, "timestamp", timestamp, 0, 253402300799, "SECONDS", "every time in the image"),
	OPT_INT(0, "source-date-epoch", source_date_epoch, 0, 253402300799, "SECONDS",
			"the same, as a variable of steps has it", .is_hidden = true),
	OPT_LIST('o', "output", outputs, "type=TYPE,dest=PATH", "local or tar: the files"),
	OPT_TEXT(0, "iidfile", iid_file, "PATH", "write the image ID to a file", .is_path = true),
	OPT_TEXT(0, "iidfile-raw", raw_iid_file, "PATH",
			"the same without sha256:", .is_path = true),
	OPT_TEXT(0, "raw-iidfile", raw_iid_file, "PATH", "the same", .is_hidden = true),
	OPT_TEXT(0, "metadata-file", metadata_file, "PATH", "write digests and names as JSON",
			.is_path = true),
	OPT_FLAG('q', "quiet", quiet, "show no progress"),
	OPT_TEXT(0, "logfile", log_file, "PATH", "progress and warnings go there", .is_path = true),
	OPT_SETTING(0, "progress", "auto|tty|plain|rawjson|quiet|none", "how to show progress"),
	RUN_FLAG_ROWS,
	OPT_LIST(0, "secret", secrets, "id=ID[,src=PATH|,env=NAME]",
			"for RUN --mount=type=secret; never in the image"),
	OPT_LIST(0, "ssh", agents, "default|ID[=SOCKET]", "for RUN --mount=type=ssh"),
	OPT_HEADING("Registry"),
	OPT_SETTING(0, "authfile", "PATH", "read credentials from this file alone",
			.is_path = true),
	OPT_SETTING(0, "tls-verify", NULL, "check certificates of registries (the default)"),
	REGISTRY_REACH_ROWS,
	SIGNATURE_POLICY_ROW,
	SIGN_ROWS,
	OPT_TEXT(0, "retry", retry, "N", "kiln tries again by itself", .is_hidden = true),
	OPT_TEXT(0, "retry-delay", retry_delay, "TIME", "kiln waits as the registry says",
			.is_hidden = true),
	/* What changes nothing here: intermediate containers, one build at a time. */
	OPT_FLAG(0, "rm", rm, "taken", .is_hidden = true),
	OPT_FLAG(0, "force-rm", force_rm, "taken", .is_hidden = true),
	OPT_FLAG(0, "compress", compress, "taken", .is_hidden = true),
	OPT_FLAG(0, "disable-content-trust", content_trust, "taken", .is_hidden = true),
	OPT_FLAG(0, "no-pivot", no_pivot, "taken", .is_hidden = true),
	OPT_FLAG(0, "identity-label", identity_label, "kiln adds none", .is_hidden = true),
	OPT_FLAG(0, "rewrite-timestamp", rewrite_timestamp, "--timestamp does that",
			.is_hidden = true),
	OPT_TEXT(0, "loglevel", log_level, "N", "taken", .is_hidden = true),
	OPT_FLAG(0, "skip-unused-stages", skip_unused, "refused when false", .is_hidden = true),
	OPT_FLAG(0, "inherit-labels", inherit_labels, "refused when false", .is_hidden = true),
	OPT_FLAG(0, "inherit-annotations", inherit_annotations, "refused when false",
			.is_hidden = true),
	OPT_FLAG(0, "compat-volumes", compat_volumes, "refused", .is_hidden = true),
	LATER("cw", "confidential workloads are not there"),
	LATER("decryption-key", "encryption is not there"),
	LATER("force-compression", "push it with --force-compression"),
	LATER("hooks-dir", "there is no OCI runtime to hook into"),
	LATER("layer-label", "layers have no labels"),
	LATER("logsplit", "there is one log"),
	LATER("mount", "write it at the RUN"),
	LATER("no-hostname", "/etc/hostname of a step never reaches the image"),
	LATER("no-hosts", "/etc/hosts of a step never reaches the image"),
	LATER("omit-history", "'commit --omit-history' does that"),
	LATER("os-feature", "'config --os-feature' sets it"),
	LATER("os-version", "'config --os-version' sets it"),
	LATER("sbom", SBOM),
	LATER("sbom-image-output", SBOM),
	LATER("sbom-image-purl-output", SBOM),
	LATER("sbom-merge-strategy", SBOM),
	LATER("sbom-output", SBOM),
	LATER("sbom-purl-output", SBOM),
	LATER("sbom-scanner-command", SBOM),
	LATER("sbom-scanner-image", SBOM),
	LATER("save-stages", "stages are in the cache"),
	LATER("source-policy-file", "policies come with a later release"),
	LATER("stage-labels", "stages have no labels"),
	LATER("stdin", "a step's standard input is empty"),
	LATER("unsetannotation", "'config --annotation NAME-' removes one"),
	LATER("unsetenv", "'config --env NAME-' removes one"),
	LATER("unsetlabel", "'config --label NAME-' removes one"),
	OPT_END,
};
#undef OPTS

/* Everything owned, with options pointing into it. */
struct request {
	struct list build_args, labels, tags, texts, files;
	struct run_parts parts;
	struct build_steps steps;
	struct output_flags out;
	struct annotation_flags annotations;
	struct cache_flags cache;
	struct platform_flags platforms;
	struct {
		struct build_host *p;
		size_t n, capacity;
	} hosts;
	struct {
		struct build_context *p;
		size_t n, capacity;
	} contexts;
	int text_fd; /* the Dockerfile's text, or -1 */
	struct build_options options;
};

static void request_done(struct request *request)
{
	list_done(&request->build_args);
	list_done(&request->labels);
	list_done(&request->tags);
	list_done(&request->texts);
	list_done(&request->files);
	run_parts_done(&request->parts);
	build_steps_done(&request->steps);
	output_flags_done(&request->out);
	annotation_flags_done(&request->annotations);
	cache_flags_done(&request->cache);
	platform_flags_done(&request->platforms);
	vec_done(&request->hosts);
	vec_done(&request->contexts);
	if (request->text_fd >= 0)
		(void)close(request->text_fd);
}

DEFINE_AUTO_VALUE(request)

/* list moves its texts when it grows, so what points to one is made of a copy of its own. */
static const char *keep(struct request *request, const char *text)
{
	list_add(&request->texts, text);
	return request->texts.p[request->texts.n - 1];
}

static FALLIBLE refuse(bool is_given, const char *name, const char *why)
{
	return is_given ? error_hint(error_usage("option '--%s' is not supported by build", name),
					  "%s", why)
			: NULL;
}

static FALLIBLE check(const struct build_opts *opts)
{
	TRY(build_steps_check(&opts->run));
	TRY(refuse(!opts->skip_unused, "skip-unused-stages=false", "name them with --target"));
	TRY(refuse(!opts->inherit_labels, "inherit-labels=false",
			"'config --label -' removes labels"));
	TRY(refuse(!opts->inherit_annotations, "inherit-annotations=false",
			"'config --annotation -' removes annotations"));
	return refuse(opts->compat_volumes, "compat-volumes", "what a step writes there stays");
}

static FALLIBLE add_args(
		const struct build_opts *opts, const struct config *config, struct list *out)
{
	for (size_t i = 0; i < opts->arg_files.n; i++) {
		AUTO_FREE char *text = NULL;
		size_t n = 0;

		TRY_WRAP(file_read(AT_FDCWD, opts->arg_files.p[i], 1024 * 1024, &text, &n),
				"read '%s'", opts->arg_files.p[i]);
		for (struct str rest = { text, n }, line; rest.n;) {
			(void)str_cut(rest, '\n', &line, &rest);
			line = str_trim(line);
			if (line.n && line.p[0] != '#')
				list_addf(out, "%.*s", STR_ARG(line));
		}
	}
	for (size_t i = 0; i < opts->build_args.n; i++) {
		const char *arg = opts->build_args.p[i];
		const char *value = strchr(arg, '=') ? NULL : config_getenv(arg);

		if (strchr(arg, '='))
			list_add(out, arg);
		else if (value)
			list_addf(out, "%s=%s", arg, value);
	}
	for (size_t i = 0; opts->run.http_proxy && i < config->environment.proxies.n; i++) {
		const char *proxy = config->environment.proxies.p[i];
		AUTO_FREE char *name = xstrndup(proxy, strcspn(proxy, "="));

		if (!list_env_get(out, name))
			list_add(out, proxy);
	}
	return NULL;
}

/* --- the Dockerfile --- */

static bool is_there(const char *dir, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	return access(path, F_OK) == 0;
}

static FALLIBLE keep_text(const struct dockerfiles *files, struct request *request)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	TRY(dockerfiles_read(files, &text));
	request->text_fd = memfd_create("Dockerfile", MFD_CLOEXEC);
	if (request->text_fd < 0)
		return error_sys("keep the Dockerfile");
	TRY(fd_write_all(request->text_fd, strbuf_text(&text), text.n));
	if (lseek(request->text_fd, 0, SEEK_SET) != 0)
		return error_sys("keep the Dockerfile");
	request->options.stdin_fd = request->text_fd;
	request->options.dockerfile = "-";
	return NULL;
}

static FALLIBLE set_dockerfile(const struct build_opts *opts, struct request *request)
{
	struct build_options *options_ret = &request->options;
	const char *context = options_ret->context;
	struct dockerfiles files = { .files = &request->files,
		.context = context,
		.cpp_flags = &opts->cpp_flags,
		.from = opts->from,
		.env = &opts->env };

	options_ret->ignore_file = opts->ignore_file;
	if (!opts->ignore_file && is_there(context, ".containerignore")) {
		AUTO_FREE char *path = xasprintf("%s/.containerignore", context);
		options_ret->ignore_file = keep(request, path);
	}
	list_add_all(&request->files, &opts->files);
	if (!opts->files.n && is_there(context, "Containerfile"))
		list_addf(&request->files, "%s/Containerfile", context);
	else if (!opts->files.n && (opts->from || opts->env.n))
		list_addf(&request->files, "%s/Dockerfile", context);
	if (!dockerfiles_are_plain(&files))
		return keep_text(&files, request);
	if (request->files.n) {
		AUTO_FREE char *path = dockerfiles_find(&files, request->files.p[0]);
		options_ret->dockerfile = keep(request, path);
	}
	return NULL;
}

/* --- what for, and where to --- */

static FALLIBLE set_platform(const struct build_opts *opts, struct request *request)
{
	struct platform host = platform_host();

	AUTO_FREE char *parts = xasprintf("%s/%s%s%s", opts->os ? opts->os : host.os,
			opts->arch ? opts->arch : host.architecture, opts->variant ? "/" : "",
			opts->variant ? opts->variant : "");
	for (size_t i = 0; i < opts->platforms.n; i++)
		TRY(platform_flags_add(&request->platforms, opts->platforms.p[i]));
	if (!opts->platforms.n && (opts->os || opts->arch || opts->variant))
		TRY(platform_flags_add(&request->platforms, parts));
	if (opts->all_platforms && request->platforms.n)
		return error_usage("options '--all-platforms' and '--platform' exclude each other");
	platform_flags_give(&request->platforms, &request->options);
	request->options.all_platforms = opts->all_platforms;
	return NULL;
}

static FALLIBLE set_outputs(const char *program, const struct config *config,
		const struct build_opts *opts, struct request *request)
{
	for (size_t i = 0; i < opts->tags.n; i++)
		TRY(build_tags_add(program, opts->tags.p[i], &request->texts, &request->tags,
				&request->out));
	for (size_t i = 0; i < opts->outputs.n; i++) {
		bool is_plain = !strchr(opts->outputs.p[i], '=');
		AUTO_FREE char *local = xasprintf("type=local,dest=%s", opts->outputs.p[i]);

		TRY(output_flags_add(&request->out, is_plain ? local : opts->outputs.p[i]));
	}
	/* Without files as its only aim, it is in the store too. */
	if (request->tags.n || opts->manifest || (request->out.outputs.n && !opts->outputs.n))
		output_flags_add_kind(&request->out, OUTPUT_STORE);
	build_tags_share(config, &request->tags, &request->out);
	request->options.tags = &request->tags;
	request->options.outputs = request->out.outputs.p;
	request->options.output_count = request->out.outputs.n;
	return NULL;
}

static FALLIBLE set_compression(const struct build_opts *opts, const struct config *config,
		struct build_options *ret)
{
	ret->format = text_equal(config->format, "docker") ? FORMAT_DOCKER : FORMAT_OCI;
	ret->compression_level = (int)opts->level;
	ret->compression = opts->disable_compression ? COMPRESSION_NONE : COMPRESSION_GZIP;
	if (text_equal(opts->compression, "zstd"))
		ret->compression = COMPRESSION_ZSTD;
	else if (opts->compression && !text_equal(opts->compression, "gzip"))
		return error_usage("unknown compression \"%s\"", opts->compression);
	if (ret->format == FORMAT_DOCKER && ret->compression == COMPRESSION_ZSTD)
		return error_usage("the docker format has no zstd layers");
	return NULL;
}

static void set_time(const struct build_opts *opts, const struct config *config,
		struct build_options *ret)
{
	ret->has_epoch = true;
	if (opts->timestamp >= 0)
		ret->epoch = opts->timestamp;
	else if (opts->source_date_epoch >= 0)
		ret->epoch = opts->source_date_epoch;
	else if (config->environment.has_source_date_epoch)
		ret->epoch = config->environment.source_date_epoch;
	else
		ret->has_epoch = false;
}

static FALLIBLE set_lists(const struct build_opts *opts, struct request *request)
{
	for (size_t i = 0; i < opts->labels.n; i++)
		list_addf(&request->labels, "%s%s", opts->labels.p[i],
				strchr(opts->labels.p[i], '=') ? "" : "=");
	for (size_t i = 0; i < opts->annotations.n; i++)
		TRY(annotation_flags_add(&request->annotations, opts->annotations.p[i]));
	for (size_t i = 0; i < request->out.annotations.n; i++)
		TRY(annotation_flags_add_output(
				&request->annotations, request->out.annotations.p[i]));
	for (size_t i = 0; i < opts->cache_from.n; i++)
		TRY(cache_flags_add_from(&request->cache, opts->cache_from.p[i]));
	for (size_t i = 0; i < opts->cache_to.n; i++) {
		AUTO_FREE char *text = strchr(opts->cache_to.p[i], '=')
						       ? xstrdup(opts->cache_to.p[i])
						       : xasprintf("type=registry,ref=%s",
									 opts->cache_to.p[i]);

		TRY(cache_flags_add_to(&request->cache, text));
	}
	for (size_t i = 0; i < request->parts.hosts.n; i++) {
		struct build_host host = { request->parts.hosts.p[i].name,
			request->parts.hosts.p[i].address };

		vec_push(&request->hosts, host);
	}
	for (size_t i = 0; i < opts->contexts.n; i++) {
		const char *equals = strchr(opts->contexts.p[i], '=');

		if (!equals || equals == opts->contexts.p[i] || !equals[1])
			return error_usage("option '--build-context': '%s' is not NAME=SOURCE",
					opts->contexts.p[i]);
		AUTO_FREE char *name = xstrndup(
				opts->contexts.p[i], (size_t)(equals - opts->contexts.p[i]));
		/* Buildah's word for docker-image:// */
		AUTO_FREE char *value =
				text_starts(equals + 1, "container-image://")
						? xasprintf("docker-image://%s", equals + 19)
						: xstrdup(equals + 1);
		struct build_context context = { keep(request, name), keep(request, value) };
		vec_push(&request->contexts, context);
	}
	return NULL;
}

static FALLIBLE make_request(const struct invocation *call, struct request *ret)
{
	const struct build_opts *opts = call->opts;
	struct build_options *made = &ret->options;

	TRY(check(opts));
	TRY(run_parts_make(&opts->run, call->config, &ret->parts));
	TRY(add_args(opts, call->config, &ret->build_args));
	*made = (struct build_options){
		.context = call->args->n ? call->args->p[0] : ".",
		.stdin_fd = STDIN_FILENO,
		.target = opts->target,
		.build_args = &ret->build_args,
		.labels = &ret->labels,
		.no_cache = opts->no_cache,
		.ulimits = &opts->run.ulimits,
		.squash = opts->squash,
		.jobs = (unsigned)call->config->jobs,
	};
	if (opts->pull)
		TRY(names_pull_policy(opts->pull, &made->pull));
	if (opts->pull_always)
		made->pull = PULL_ALWAYS;
	if (opts->pull_never)
		made->pull = PULL_NEVER;
	TRY(build_steps_make(&opts->secrets, &opts->agents, call->config, &ret->parts, &ret->steps,
			made));
	TRY(cache_ttl_set(opts->cache_ttl, made));
	TRY(set_platform(opts, ret));
	TRY(set_outputs(call->program, call->config, opts, ret));
	TRY(set_compression(opts, call->config, made));
	set_time(opts, call->config, made);
	TRY(set_lists(opts, ret));
	TRY(set_dockerfile(opts, ret));
	made->hosts = ret->hosts.p;
	made->host_count = ret->hosts.n;
	made->contexts = ret->contexts.p;
	made->context_count = ret->contexts.n;
	made->annotations = ret->annotations.annotations.p;
	made->annotation_count = ret->annotations.annotations.n;
	if (ret->cache.from.n)
		made->cache_from = &ret->cache.from;
	if (ret->cache.to.n)
		made->cache_to = &ret->cache.to;
	return NULL;
}

/* --- the build --- */

static FALLIBLE build_shown(const struct invocation *call, const struct session *session,
		const struct build_view *view, struct build_options *made, struct build_result *ret)
{
	AUTO(lower_stores) struct lower_stores lowers = { 0 };
	AUTO(show) struct show show = { 0 };

	TRY(session_check_build_signing(session, made));
	lower_stores_open(session, &lowers, made);
	TRY(build_show_open(call->config, view, &show));
	made->store = session->store;
	made->podman = &session->podman;
	made->registry = session->registry;
	made->trust = session->trust;
	made->short_names = true;
	made->says_step = true;
	made->signer = session->signer;
	made->sandbox = session->sandbox;
	made->userns = &session->userns;
	made->cancel = session->cancel;
	made->progress = show.progress;
	return build_run(made, ret);
}

/* All that is told goes to standard error, so that is what the log gets. */
static FALLIBLE open_log(const char *path)
{
	AUTO_FD int fd = -1;

	if (!path)
		return NULL;
	TRY(file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &fd));
	if (dup2(fd, STDERR_FILENO) < 0)
		return error_sys("log to '%s'", path);
	return NULL;
}

static FALLIBLE write_files(const struct build_opts *opts, const struct build_result *result)
{
	char hex[DIGEST_HEX];

	if (opts->iid_file)
		TRY(build_result_write_id(result, opts->iid_file));
	if (opts->raw_iid_file)
		TRY(file_write_atomic(AT_FDCWD, opts->raw_iid_file,
				digest_hex(&result->image_id, hex), DIGEST_HEX - 1, 0644, false));
	return opts->metadata_file ? build_result_write_metadata(result, opts->metadata_file)
				   : NULL;
}

/* A name that cannot become a list is told before the build, not after it. */
static FALLIBLE check_list(const struct invocation *call, struct session *session)
{
	const struct build_opts *opts = call->opts;
	AUTO(manifest_list) struct manifest_list list = { 0 };

	return opts->manifest ? manifest_list_begin(session, call->program, opts->manifest, &list)
			      : NULL;
}

static struct error *run(const struct invocation *call)
{
	const struct build_opts *opts = call->opts;
	AUTO(request) struct request request = { .out = OUTPUT_FLAGS_INIT, .text_fd = -1 };
	AUTO(session) struct session session = { 0 };
	AUTO(build_result) struct build_result result = { 0 };
	char hex[DIGEST_HEX];

	TRY(make_request(call, &request));
	TRY(open_log(opts->log_file));
	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY | SESSION_TREES | SESSION_SANDBOX,
			&session));
	TRY(check_list(call, &session));
	TRY(build_steps_load(&request.steps, &request.options));
	struct build_view view = { opts->tags.n ? opts->tags.p[0] : NULL, opts->quiet,
		opts->log_file || request.out.uses_stdout };
	struct error *error = build_shown(call, &session, &view, &request.options, &result);
	struct build_after after = { 0 };
	build_after(&session, &result, &after);
	TRY(error);
	if (opts->manifest)
		TRY(manifest_list_take_in(&session, call->program, opts->manifest, &result.manifest,
				opts->quiet));
	TRY(write_files(opts, &result));
	build_show_made(&view, &result);
	if (!opts->iid_file && !request.out.uses_stdout && digest_known(&result.image_id))
		(void)fprintf(opts->log_file ? stderr : stdout, "%s\n",
				digest_hex(&result.image_id, hex));
	return NULL;
}

const struct command buildah_build = {
	.name = "build",
	.alias = "bud",
	.args = "[CONTEXT]",
	.summary = "Build an image from a Dockerfile",
	.description = "Containerfile or Dockerfile in the context, unless -f names another. "
		       "Prints "
		       "the image ID.",
	.options = options,
	.defaults = &defaults,
	.opts_size = sizeof(struct build_opts),
	.max_args = 1,
	.run = run,
};
