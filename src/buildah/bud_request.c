#include "buildah/bud_request.h"
#include "buildah/build_tags.h"
#include "buildah/dockerfiles.h"
#include "buildah/hooks.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "stream/codec.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/userns.h"
#include "ui/build_result_files.h"
#include "ui/report.h"
#include "ui/source_policy_flag.h"
#include "verbs/compression_conf.h"
#include "verbs/identity_label.h"
#include "verbs/mounts_conf.h"
#include "verbs/names.h"
#include "verbs/run_conf.h"
#include "verbs/userns_flag.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void bud_request_done(struct bud_request *request)
{
	list_done(&request->build_args);
	list_done(&request->labels);
	list_done(&request->tags);
	list_done(&request->sent_after);
	list_done(&request->texts);
	list_done(&request->files);
	run_flags_done(&request->run);
	run_parts_done(&request->parts);
	build_steps_done(&request->steps);
	output_flags_done(&request->out);
	annotation_flags_done(&request->annotations);
	cache_flags_done(&request->cache);
	source_policy_free(request->policy);
	platform_flags_done(&request->platforms);
	vec_done(&request->hosts);
	vec_done(&request->contexts);
	if (request->text_fd >= 0)
		(void)close(request->text_fd);
}

/* list moves its texts when it grows, so what points to one is made of a copy of its own. */
static const char *keep(struct bud_request *request, const char *text)
{
	list_add(&request->texts, text);
	return request->texts.p[request->texts.n - 1];
}

static FALLIBLE check(const struct bud_opts *opts)
{
	const char *isolation = opts->run.isolation;

	TRY(run_flags_check(&opts->run));
	TRY(run_flags_check_dns(&opts->run, true));
	TRY(hooks_check(&opts->hooks_dirs,
			isolation ? isolation : config_getenv("BUILDAH_ISOLATION")));
	if (opts->os_version &&
			strlen(opts->os_version) >= sizeof((struct platform){ 0 }.os_version))
		return error_usage("option '--os-version': '%s' is too long", opts->os_version);
	if (opts->no_hosts && opts->run.hosts.n)
		return error_usage("--no-hosts and --add-host conflict, can not be used together");
	if (opts->stage_labels && !opts->save_stages)
		return error_usage("\"--stage-labels\" requires \"--save-stages\"");
	return NULL;
}

static FALLIBLE add_args(const struct bud_opts *opts, const struct config *config, struct list *out)
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
	for (size_t i = 0; i < opts->build_args.n; i++)
		config_add_variable(opts->build_args.p[i], out);
	if (opts->run.http_proxy)
		config_add_proxies(config, out);
	return NULL;
}

/* --- the Dockerfile --- */

/* Also where no progress is shown. */
static void warn(const struct invocation *call, const struct list *warnings)
{
	const struct report_style style = { .program = call->program };
	AUTO(strbuf) struct strbuf out = { 0 };

	for (size_t i = 0; i < warnings->n; i++)
		report_warning(warnings->p[i], &(struct source_range){ 0 }, &style, &out);
	(void)fputs(strbuf_text(&out), stderr);
}

FALLIBLE bud_request_read(const struct invocation *call, const struct session *session,
		struct bud_request *request)
{
	const struct sources sources = { .store = session->store,
		.registry = session->registry,
		.cancel = session->cancel,
		.policy = request->policy };
	AUTO(strbuf) struct strbuf text = { 0 };
	AUTO(list) struct list warnings = { 0 };

	if (dockerfiles_are_plain(&request->dockerfiles))
		return NULL;
	TRY(dockerfiles_read(&request->dockerfiles, &sources, &text, &warnings));
	warn(call, &warnings);
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

static void set_dockerfile(const struct bud_opts *opts, struct bud_request *request)
{
	struct build_options *options_ret = &request->options;
	const char *context = options_ret->context;
	struct dockerfiles *files = &request->dockerfiles;

	*files = (struct dockerfiles){ .files = &request->files,
		.context = context,
		.cpp_flags = &opts->cpp_flags,
		.from = opts->from,
		.env = &opts->env };
	options_ret->ignore_file = opts->ignore_file;
	options_ret->as_buildah = true;
	options_ret->from_variables = true;
	options_ret->makes_volumes = true;
	options_ret->keeps_volumes = opts->compat_volumes;
	options_ret->sources_need_dir = true;
	options_ret->files_are_late = true;
	for (size_t i = 0; i < opts->files.n; i++)
		if (*opts->files.p[i])
			list_add(&request->files, opts->files.p[i]);
	if (!request->files.n && dockerfiles_is_one(context)) {
		list_add(&request->files, context);
		struct str parent = path_parent(context);
		AUTO_FREE char *folder = parent.n ? str_dup(parent) : xstrdup(".");
		files->context = options_ret->context = keep(request, folder);
	}
	if (dockerfiles_are_plain(files) && request->files.n) {
		AUTO_FREE char *path = dockerfiles_find(files, request->files.p[0]);
		options_ret->dockerfile = keep(request, path);
	}
}

/* --- what for, and where to --- */

/* "windows/", "/arm" and "/": what is left out is the host's; a variant may be. New; free(). */
static char *whole_platform(const char *text)
{
	struct platform host = platform_host();
	const char *slash = strchr(text, '/');

	if (!slash || strchr(text, ',') || (slash > text && slash[1]))
		return xstrndup(text, strlen(text) - (slash && text_ends(slash + 1, "/")));
	return xasprintf("%.*s/%s", (int)(slash > text ? slash - text : (ptrdiff_t)strlen(host.os)),
			slash > text ? text : host.os, slash[1] ? slash + 1 : host.architecture);
}

static FALLIBLE set_platform(const struct bud_opts *opts, struct bud_request *request)
{
	struct platform host = platform_host();
	bool in_parts = opts->os || opts->arch || opts->variant;
	if (opts->all_platforms && opts->platforms.n)
		return error_usage("options '--all-platforms' and '--platform' exclude each other");
	AUTO_FREE char *parts = xasprintf("%s/%s%s%s", opts->os ? opts->os : host.os,
			opts->arch ? opts->arch : host.architecture, opts->variant ? "/" : "",
			opts->variant ? opts->variant : "");
	if (opts->platforms.n && in_parts)
		return error_usage("invalid --platform may not be used with --os, --arch, or "
				   "--variant");
	for (size_t i = 0; i < opts->platforms.n; i++) {
		AUTO_FREE char *whole = whole_platform(opts->platforms.p[i]);

		TRY(platform_flags_add(&request->platforms, whole));
	}
	if (in_parts)
		TRY(platform_flags_add(&request->platforms, parts));
	request->options.all_platforms = opts->all_platforms;
	platform_flags_give(&request->platforms, &request->options);
	return NULL;
}

/* Standard output is '-', and nothing that is merely not said. */
static FALLIBLE check_dest(const char *output)
{
	bool needs_one = strstr(output, "type=tar") || strstr(output, "type=local");

	if (!needs_one || strstr(output, "dest="))
		return NULL;
	return error_usage("option '--output': invalid value '%s': missing required key \"dest\"",
			output);
}

static FALLIBLE set_outputs(const char *program, const struct config *config,
		const struct bud_opts *opts, struct bud_request *request)
{
	/* An index is written by the build. */
	bool leaves_plain = request->is_plain && request->platforms.n < 2 && !opts->all_platforms;

	for (size_t i = 0; i < opts->tags.n; i++)
		TRY(build_tags_add(program, opts->tags.p[i], leaves_plain, &request->texts,
				&request->tags, &request->sent_after, &request->out));
	for (size_t i = 0; i < opts->outputs.n; i++) {
		bool is_plain = !strchr(opts->outputs.p[i], '=');
		AUTO_FREE char *local = xasprintf("type=%s,dest=%s",
				text_equal(opts->outputs.p[i], "-") ? "tar" : "local",
				opts->outputs.p[i]);

		TRY(check_dest(opts->outputs.p[i]));
		TRY(output_flags_add(&request->out, is_plain ? local : opts->outputs.p[i]));
	}
	/* Without files as its only aim, it is in the store too. */
	if (request->tags.n || request->sent_after.n || opts->manifest ||
			(request->out.outputs.n && !opts->outputs.n))
		output_flags_add_kind(&request->out, OUTPUT_STORE);
	build_tags_share(config, &request->tags, &request->out);
	request->options.tags = &request->tags;
	request->options.outputs = request->out.outputs.p;
	request->options.output_count = request->out.outputs.n;
	return NULL;
}

/* In dir: and layouts that is what Buildah does unless it is told otherwise. */
static FALLIBLE set_compression(const struct bud_opts *opts, const struct config *config,
		struct build_options *ret, bool *ret_is_plain)
{
	bool disable = false;

	if (opts->disable_compression)
		TRY(usage_of_option(parse_bool(opts->disable_compression, &disable),
				"--disable-compression"));
	*ret_is_plain = !opts->compression && (disable || !opts->disable_compression);
	ret->format = text_equal(config->format, "docker") ? FORMAT_DOCKER : FORMAT_OCI;
	ret->compression_level = (int)opts->level;
	ret->compression = disable ? COMPRESSION_NONE : COMPRESSION_GZIP;
	if (!opts->compression && !disable)
		TRY(compression_conf("buildah", ret->format == FORMAT_DOCKER, &ret->compression,
				&ret->compression_level));
	if (compression_is_zstd(opts->compression))
		ret->compression = COMPRESSION_ZSTD;
	else if (opts->compression && !text_equal(opts->compression, "gzip"))
		return error_usage("unknown compression \"%s\"", opts->compression);
	if (ret->format == FORMAT_DOCKER && ret->compression == COMPRESSION_ZSTD)
		return error_usage("the docker format has no zstd layers");
	return NULL;
}

/* --source-date-epoch and its variable, which are an ARG, too; else an ARG that is given. */
static FALLIBLE set_source_date(const struct bud_opts *opts, const struct config *config,
		struct list *build_args, struct build_options *ret)
{
	const char *arg = list_env_get(build_args, "SOURCE_DATE_EPOCH");

	if (opts->source_date_epoch >= 0) {
		ret->epoch = opts->source_date_epoch;
	} else if (config->environment.has_source_date_epoch) {
		ret->epoch = config->environment.source_date_epoch;
	} else if (arg && *arg) {
		return usage_of_option(parse_i64(str_of(arg), 0, 253402300799, &ret->epoch),
				"--build-arg SOURCE_DATE_EPOCH");
	} else {
		ret->has_epoch = false;
		return NULL;
	}
	if (!arg)
		list_addf(build_args, "SOURCE_DATE_EPOCH=%lld", (long long)ret->epoch);
	return NULL;
}

static FALLIBLE set_time(const struct bud_opts *opts, const struct config *config,
		struct bud_request *request)
{
	struct build_options *ret = &request->options;

	ret->has_epoch = true;
	if (opts->timestamp >= 0)
		ret->epoch = opts->timestamp;
	else if (request->out.has_epoch)
		ret->epoch = request->out.epoch;
	else
		return set_source_date(opts, config, &request->build_args, ret);
	return NULL;
}

static struct build_image_options image_options(const struct bud_opts *opts)
{
	return (struct build_image_options){
		.unset_env = &opts->unset_env,
		.unset_labels = &opts->unset_labels,
		.unset_annotations = &opts->unset_annotations,
		.os_features = &opts->os_features,
		.os_version = opts->os_version,
		.says_platform = opts->platforms.n || opts->os || opts->arch || opts->variant ||
				 opts->all_platforms,
		.stage_labels = &opts->layer_labels,
		.saves_stages = opts->save_stages,
		.names_stages = opts->stage_labels,
		.drops_labels = !opts->inherit_labels,
		.omits_history = opts->omit_history,
		.inherits_annotations = opts->inherit_annotations,
		.adds_base_annotations = opts->inherit_annotations,
		.adds_created_annotation = opts->created_annotation,
		.keeps_lone_base = opts->created_annotation && opts->inherit_annotations,
	};
}

static FALLIBLE set_lists(const struct bud_opts *opts, struct bud_request *request)
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
		/* Buildah's words for docker-image://, which looks into the store as well. */
		const char *rest = strstr(equals + 1, "://");
		bool is_image = text_starts(equals + 1, "container-image://") ||
				text_starts(equals + 1, "docker://");
		AUTO_FREE char *value =
				is_image ? xasprintf("docker-image%s", rest) : xstrdup(equals + 1);
		struct build_context context = { keep(request, name), keep(request, value) };
		vec_push(&request->contexts, context);
	}
	return NULL;
}

/* Whether Buildah would look steps up at all: what sees files of the host runs again without. */
static bool wants_layers(const struct bud_opts *opts)
{
	const char *text = config_getenv("BUILDAH_LAYERS");

	return opts->layers || (text && (text_equal(text, "true") || text_equal(text, "1")));
}

FALLIBLE bud_request_make(const struct invocation *call, struct bud_request *ret)
{
	const struct bud_opts *opts = call->opts;
	struct build_options *made = &ret->options;

	TRY(check(opts));
	TRY(build_result_files_check(opts->iid_file, opts->metadata_file));
	TRY(build_result_files_check(opts->raw_iid_file, NULL));
	TRY(run_conf_below(call, &opts->run, &ret->run));
	TRY(run_parts_make(&ret->run, call->config, &ret->parts));
	TRY(userns_flags_make(&opts->run, call->config, &ret->ids));
	TRY(mounts_conf_read(
			call, NULL, geteuid() != 0 || !userns_is_initial(), &ret->parts.volumes));
	TRY(add_args(opts, call->config, &ret->build_args));
	*made = (struct build_options){
		.context = call->args->n ? call->args->p[0] : ".",
		.stdin_fd = STDIN_FILENO,
		.target = opts->target,
		.builds_unused = !opts->skip_unused,
		.build_args = &ret->build_args,
		.labels = &ret->labels,
		.no_cache = opts->no_cache,
		.ulimits = &ret->run.ulimits,
		.squash = opts->squash,
		.squashes_base = opts->squash,
		.image = image_options(opts),
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
	made->run.caches_volumes = wants_layers(opts);
	made->run.mounts = &opts->mounts;
	made->run.reads_stdin = opts->uses_stdin;
	made->force_compression = opts->force_compression;
	made->run.no_hosts_file = opts->no_hosts;
	made->run.no_hostname_file = opts->no_hostname;
	if (opts->source_policy)
		TRY(source_policy_load(opts->source_policy, true, &ret->policy));
	made->source_policy = ret->policy;
	TRY(cache_ttl_set(opts->cache_ttl, made));
	TRY(set_platform(opts, ret));
	TRY(set_compression(opts, call->config, made, &ret->is_plain));
	TRY(set_outputs(call->program, call->config, opts, ret));
	TRY(set_time(opts, call->config, ret));
	/* As newer Buildahs: an image of a time of its own tells nothing of this build. */
	made->run.hostname = made->has_epoch ? "sandbox" : NULL;
	TRY(set_lists(opts, ret));
	TRY(identity_label(call->program, opts->identity_label, made->has_epoch,
			&made->image.identity));
	if (list_env_get(&ret->labels, IDENTITY_LABEL))
		made->image.identity = NULL;
	set_dockerfile(opts, ret);
	TRY(dockerfiles_check(&ret->dockerfiles));
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
