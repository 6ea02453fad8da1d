/*
 * kiln build: flags and settings become struct build_options, a result becomes an image ID on
 * standard output. The order of things is session.h's; everything that a flag can get wrong is
 * found before any of it.
 */
#include "kiln/commands.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "build/build.h"
#include "kiln/build_call.h"
#include "oci/reference.h"
#include "registry/registry.h"
#include "stream/codec.h"
#include "sys/private.h"
#include "ui/annotation_flag.h"
#include "ui/build_after.h"
#include "ui/build_result_files.h"
#include "ui/cache_flag.h"
#include "ui/kept.h"
#include "ui/lower_stores.h"
#include "ui/output_flag.h"
#include "ui/report.h"
#include "ui/secret_flag.h"
#include "ui/session.h"
#include "ui/show.h"
#include "ui/source_environment.h"
#include "ui/ssh_flag.h"
#include "ui/steps_flag.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct build_opts {
	struct list secrets, agents, allows, resources;
	char *cpus;
	uint64_t memory_bytes;
	struct list tags, build_args, labels, platforms, hosts, ulimits, outputs, no_cache_filter,
			annotations, contexts, cache_from, cache_to, cache_repos;
	char *file, *target, *pull, *iid_file, *metadata_file, *cache_ttl, *cache_timeout, *cache,
			*call;
	uint64_t shm_bytes;
	int64_t timestamp;
	bool secret_in_layer, no_cache, quiet, squash, dry_run, push, load, http_proxy, explain,
			check;
	bool keep_failed;
};

static const struct build_opts defaults = {
	.timestamp = -1, .http_proxy = true, .keep_failed = true
};

#define OPTS build_opts
static const struct option rows[] = {
	OPT_HEADING("What to build"),
	OPT_TEXT('f', "file", file, "PATH", "the Dockerfile; - reads standard input",
			.is_path = true),
	OPT_TEXT(0, "target", target, "STAGE", "build this stage and stop"),
	OPT_LIST(0, "build-arg", build_args, "NAME[=VALUE]",
			"set an ARG; without a value, from the environment"),
	OPT_LIST(0, "build-context", contexts, "NAME=SOURCE",
			"a directory, tar, address or docker-image://REF in the place of a stage "
			"or image"),
	OPT_LIST(0, "platform", platforms, "OS/ARCH", "what to build for"),
	OPT_TEXT(0, "pull", pull, "always|missing|never", "when to ask a registry for base images",
			.implied = "always"),
	OPT_FLAG(0, "no-cache", no_cache, "run every step again"),
	OPT_LIST(0, "no-cache-filter", no_cache_filter, "STAGE,...",
			"run the steps of these stages again"),

	OPT_HEADING("Cache"),
	OPT_LIST(0, "cache-from", cache_from, "REF|type=TYPE,...",
			"look steps up in registry, local, s3 or gha besides the store"),
	OPT_LIST(0, "cache-to", cache_to, "type=TYPE,...",
			"bring steps to registry, inline, local, s3 or gha; mode=min|max"),
	OPT_LIST(0, "cache-repo", cache_repos, "REPOSITORY", "look steps up there and bring them"),
	OPT_TEXT(0, "cache-ttl", cache_ttl, "DURATION", "steps older than this run again: 336h"),
	OPT_TEXT(0, "cache-timeout", cache_timeout, "DURATION",
			"go on without a cache that does not answer for so long (10s)"),
	OPT_TEXT(0, "cache", cache, "on|off|verify",
			"off is --no-cache; verify runs cached steps again and compares: status 3 "
			"when they make other files",
			.implied = "on"),

	OPT_HEADING("The image"),
	OPT_LIST('t', "tag", tags, "NAME[:TAG]", "name the image; may be repeated"),
	OPT_LIST(0, "label", labels, "NAME=VALUE", "add a label"),
	OPT_LIST(0, "annotation", annotations, "[TYPE:]KEY=VALUE",
			"annotate the manifest, or with manifest-descriptor: its entry in a "
			"layout"),
	OPT_SETTING(0, "format", "oci|docker", "media types of manifest and config"),
	OPT_SETTING(0, "compression", "gzip|zstd|none", "how layers are compressed"),
	OPT_SETTING(0, "compression-level", "LEVEL", "gzip 0 to 9, zstd 1 to 22"),
	OPT_FLAG(0, "squash", squash, "one layer for all steps of the last stage"),
	OPT_INT(0, "timestamp", timestamp, 0, 253402300799, "SECONDS",
			"every time in the image; else SOURCE_DATE_EPOCH, else now"),

	OPT_HEADING("Where it goes"),
	OPT_FLAG(0, "push", push, "to the registry that its names say"),
	OPT_LIST('o', "output", outputs, "type=TYPE[,dest=PATH]",
			"image (the store), registry, oci, docker, tar or local; may be repeated"),
	OPT_FLAG(0, "load", load, "to the store, besides other outputs"),
	OPT_TEXT(0, "iidfile", iid_file, "PATH", "write the image ID to a file", .is_path = true),
	OPT_TEXT(0, "metadata-file", metadata_file, "PATH", "write digests and names as JSON",
			.is_path = true),
	OPT_FLAG('q', "quiet", quiet, "show no progress"),
	OPT_SETTING(0, "progress", "auto|tty|plain|rawjson|quiet|none", "how to show progress"),
	OPT_FLAG(0, "explain", explain, "afterwards, tell why each step ran; see 'kiln explain'"),
	OPT_FLAG(0, "dry-run", dry_run, "print the plan and stop"),
	OPT_FLAG(0, "check", check, "look for mistakes instead of building: '--call=check'"),
	OPT_TEXT(0, "call", call, "check|outline|targets[,format=json]",
			"look for mistakes, list parameters or targets instead of building"),

	OPT_HEADING("Steps"),
	OPT_SETTING(0, "network", "default|host|none|private", "network of RUN steps"),
	OPT_LIST(0, "add-host", hosts, "NAME:ADDRESS", "add a line to /etc/hosts"),
	OPT_SIZE(0, "shm-size", shm_bytes, "BYTES", "size of /dev/shm"),
	OPT_LIST(0, "secret", secrets, "id=ID[,src=FILE|,env=NAME]",
			"what RUN --mount=type=secret shows; in no layer, key or log"),
	OPT_LIST(0, "allow", allows, "RIGHT",
			"let RUN ask for it: security.insecure, network.host"),
	OPT_SIZE('m', "memory", memory_bytes, "BYTES",
			"limit of each step; not enforced yet, and said so"),
	OPT_TEXT(0, "cpus", cpus, "NUMBER", "the same for CPUs: 1.5"),
	OPT_LIST(0, "resource", resources, "KEY=VALUE[,KEY=VALUE]",
			"the same as BuildKit says it: memory, cpu-quota, cpu-period"),
	OPT_LIST(0, "ssh", agents, "ID[=SOCKET|KEYFILE,...]",
			"the agent, or keys for one, that RUN --mount=type=ssh shows; they can be "
			"used, not changed"),
	OPT_FLAG(0, "allow-secret-in-layer", secret_in_layer,
			"keep a layer that a step wrote a secret into"),
	OPT_LIST(0, "ulimit", ulimits, "NAME=SOFT[:HARD]", "limit of RUN steps: nofile=1024:2048"),
	OPT_FLAG(0, "http-proxy", http_proxy, "let steps see HTTP_PROXY and its kin (the default)"),
	OPT_SETTING(0, "isolation", "auto|subuid|recorded|root|chroot|inplace|proot",
			"how steps are kept apart; see 'kiln doctor'"),
	OPT_SETTING(0, "jobs", "N", "steps at the same time; 0: one for each CPU"),

	OPT_FLAG(0, "keep-failed", keep_failed,
			"keep what the last failed step had written, for 'kiln shell' (the "
			"default)"),

	OPT_SETTING(0, "lower-store", "DIR", "base images that 'kiln warm' put there; only read",
			.is_path = true),

	OPT_HEADING("Registry"),
	OPT_SETTING(0, "authfile", "PATH", "read credentials from this file alone",
			.is_path = true),
	OPT_SETTING(0, "insecure-registry", "HOST[:PORT]",
			"speak to it without TLS, or without checking it"),
	OPT_SETTING(0, "registry-mirror", "HOST=MIRROR", "ask the mirror first"),
	OPT_SETTING(0, "tls-verify", NULL, "check certificates of registries (the default)"),

	OPT_LATER(0, "attest", "attestations come with a later release"),
	OPT_LATER(0, "builder", "kiln has no builders: it runs where it is called"),
	OPT_LATER(0, "cgroup-parent", "limits of steps come with a later release"),
	OPT_LATER(0, "policy", "source policies come with a later release"),
	OPT_LATER(0, "provenance", "attestations come with a later release"),
	OPT_LATER(0, "sbom", "attestations come with a later release"),
	OPT_END,
};
#undef OPTS

/* Everything that flags and settings say, owned, with options pointing into it. */
struct request {
	struct list build_args, labels, no_cache_stages;
	struct platform platform;
	struct output_flags out;
	struct annotation_flags annotations;
	struct secret_flags secrets;
	struct ssh_flags ssh;
	struct cache_flags cache;
	unsigned cache_patience_ms;
	struct {
		struct build_host *p;
		size_t n, capacity;
	} hosts;
	struct list texts;
	struct list source_environment;
	struct {
		struct build_context *p;
		size_t n, capacity;
	} contexts;
	struct build_options options;
};

static void request_done(struct request *request)
{
	list_done(&request->build_args);
	list_done(&request->labels);
	list_done(&request->no_cache_stages);
	output_flags_done(&request->out);
	annotation_flags_done(&request->annotations);
	secret_flags_done(&request->secrets);
	ssh_flags_done(&request->ssh);
	cache_flags_done(&request->cache);
	vec_done(&request->hosts);
	list_done(&request->texts);
	list_done(&request->source_environment);
	vec_done(&request->contexts);
}

DEFINE_AUTO_VALUE(request)

/* NAME=VALUE as it is; NAME alone takes the environment's value, if there is one. */
static void add_build_args(
		const struct build_opts *opts, const struct config *config, struct list *out)
{
	for (size_t i = 0; i < opts->build_args.n; i++) {
		const char *arg = opts->build_args.p[i];
		const char *value = strchr(arg, '=') ? NULL : config_getenv(arg);

		if (strchr(arg, '='))
			list_add(out, arg);
		else if (value)
			list_addf(out, "%s=%s", arg, value);
	}
	for (size_t i = 0; opts->http_proxy && i < config->environment.proxies.n; i++) {
		struct str name, value;

		str_cut(str_of(config->environment.proxies.p[i]), '=', &name, &value);

		AUTO_FREE char *key = str_dup(name);

		if (!list_env_get(out, key))
			list_add(out, config->environment.proxies.p[i]);
	}
}

static void add_labels(const struct build_opts *opts, struct list *out)
{
	for (size_t i = 0; i < opts->labels.n; i++)
		list_addf(out, "%s%s", opts->labels.p[i],
				strchr(opts->labels.p[i], '=') ? "" : "=");
}

/* "a,b" is two. */
static void add_words(const struct list *from, struct list *out)
{
	for (size_t i = 0; i < from->n; i++) {
		struct str rest = str_of(from->p[i]), head;

		while (rest.n) {
			(void)str_cut(rest, ',', &head, &rest);
			if (head.n)
				list_addf(out, "%.*s", STR_ARG(head));
		}
	}
}

/* "name:address" or "name=address"; an IPv6 address may stand in brackets. */
static FALLIBLE add_host(struct request *request, const char *text)
{
	size_t at = strcspn(text, "=:");
	struct str name = { text, at };
	struct str address = str_of(text[at] ? text + at + 1 : "");

	if (str_starts(address, "[") && str_ends(address, "]"))
		address = str_slice(address, 1, address.n - 1);
	if (!name.n || !address.n)
		return error_usage("option '--add-host': '%s' is not NAME:ADDRESS", text);

	struct build_host *host = vec_add(&request->hosts);
	AUTO_FREE char *name_copy = str_dup(name), *address_copy = str_dup(address);

	list_add(&request->texts, name_copy);
	host->name = request->texts.p[request->texts.n - 1];
	list_add(&request->texts, address_copy);
	host->address = request->texts.p[request->texts.n - 1];
	return NULL;
}

static FALLIBLE set_platform(const struct build_opts *opts, struct request *request)
{
	const char *text = opts->platforms.n ? opts->platforms.p[0] : NULL;

	if (!text)
		return NULL;
	if (opts->platforms.n > 1 || strchr(text, ','))
		return error_usage("several platforms at once are not there yet");

	TRY(usage_of_option(platform_parse(str_of(text), &request->platform), "--platform"));
	request->options.platform = &request->platform;
	return NULL;
}

static FALLIBLE set_pull(const struct build_opts *opts, struct build_options *options)
{
	bool truth = false;

	if (!opts->pull || text_equal(opts->pull, "missing")) {
		options->pull = opts->pull ? PULL_MISSING : 0;
		return NULL;
	}
	if (text_equal(opts->pull, "never")) {
		options->pull = PULL_NEVER;
		return NULL;
	}
	if (text_equal(opts->pull, "always")) {
		options->pull = PULL_ALWAYS;
		return NULL;
	}

	/* Docker's is a flag. */
	struct error *error = parse_bool(opts->pull, &truth);

	if (error) {
		error_free(error);
		return error_usage("option '--pull' cannot be '%s'; it is one of "
				   "always|missing|never",
				opts->pull);
	}
	options->pull = truth ? PULL_ALWAYS : 0;
	return NULL;
}

static void set_network(const struct config *config, struct build_options *options)
{
	if (text_equal(config->network, "none"))
		options->network = BUILD_NETWORK_NONE;
	else if (text_equal(config->network, "private"))
		options->network = BUILD_NETWORK_PRIVATE;
	else
		options->network = BUILD_NETWORK_HOST;
}

static FALLIBLE set_compression(const struct config *config, const struct output_flags *out,
		struct build_options *ret)
{
	ret->compression = COMPRESSION_GZIP;
	if (text_equal(config->compression, "zstd"))
		ret->compression = COMPRESSION_ZSTD;
	else if (text_equal(config->compression, "none"))
		ret->compression = COMPRESSION_NONE;
	if (out->compression)
		ret->compression = out->compression;
	ret->compression_level = (int)config->compression_level;
	if (out->level != CODEC_LEVEL_DEFAULT)
		ret->compression_level = out->level;
	if (ret->compression == COMPRESSION_GZIP && ret->compression_level > 9)
		return error_usage("gzip has no compression level %d", ret->compression_level);
	if (ret->compression == COMPRESSION_ZSTD && ret->compression_level == 0)
		return error_usage("zstd has no compression level 0");
	ret->format = out->format                            ? out->format
		      : text_equal(config->format, "docker") ? FORMAT_DOCKER
							     : FORMAT_OCI;
	if (ret->format == FORMAT_DOCKER && ret->compression == COMPRESSION_ZSTD)
		return error_hint(error_usage("the docker format has no zstd layers"),
				"'--format oci' has");
	return NULL;
}

/* BUILDKIT_INLINE_CACHE=1 is how docker build says type=inline. */
static bool wants_inline(const struct request *request)
{
	const char *arg = list_env_get(&request->build_args, "BUILDKIT_INLINE_CACHE");
	bool truth = false;

	error_ignore(arg ? parse_bool(arg, &truth) : NULL, "BuildKit takes other words as false");
	return truth || request->cache.is_inline;
}

/* An index that would take the tag of the image that was pushed a moment ago. */
static FALLIBLE check_cache_tag(const struct request *request, const struct cache_spec *to)
{
	const struct list *tags = request->options.tags;
	AUTO(reference) struct reference cache = { 0 };

	if (to->kind != CACHE_HOME_REGISTRY)
		return NULL;
	TRY(reference_parse(str_of(to->where), &cache));
	AUTO_FREE char *index = reference_text(&cache);
	const char *slash = strrchr(to->where, '/');
	bool has_tag = strchr(slash ? slash : to->where, ':') != NULL;
	for (size_t i = 0; i < tags->n && has_tag; i++) {
		AUTO(reference) struct reference tag = { 0 };

		TRY(reference_parse(str_of(tags->p[i]), &tag));
		AUTO_FREE char *name = reference_text(&tag);
		if (text_equal(index, name))
			return error_hint(error_usage("the cache would take the place of the image "
						      "'%s'",
							  tags->p[i]),
					"give it a name of its own, or use type=inline");
	}
	return NULL;
}

static FALLIBLE check_cache(const struct request *request)
{
	const struct build_options *options = &request->options;
	enum compression wish = request->cache.compression;

	if (wish && wish != options->compression)
		return error_hint(error_usage("option '--cache-to': layers are compressed with %s "
					      "in this build",
						  compression_name(options->compression)),
				"a cache holds the layers as the image has them: --compression %s",
				compression_name(wish));
	for (size_t i = 0; i < request->cache.to.n; i++)
		TRY(check_cache_tag(request, &request->cache.to.p[i]));
	if (!options->cache_inline)
		return NULL;
	if (options->format == FORMAT_DOCKER)
		return error_hint(error_usage("the docker format has no place for an inline cache"),
				"'--format oci' has");
	if (options->squash)
		return error_usage("an image with '--squash' has no layers of steps for an inline "
				   "cache");
	return NULL;
}

static FALLIBLE set_ttl(const struct build_opts *opts, struct build_options *ret)
{
	if (!opts->cache_ttl)
		return NULL;
	TRY(cache_ttl_parse(opts->cache_ttl, &ret->cache_ttl_seconds));
	ret->no_cache = ret->no_cache || !ret->cache_ttl_seconds;
	return NULL;
}

/* --cache: on, off, a boolean as Kaniko has it, or verify. */
static FALLIBLE set_use(const struct build_opts *opts, struct build_options *ret, bool *ret_use)
{
	const char *text = opts->cache;

	ret->verify_cache = text_equal(text, "verify");
	*ret_use = !text || ret->verify_cache || text_equal(text, "on");
	if (*ret_use || text_equal(text, "off"))
		return NULL;
	struct error *error = parse_bool(text, ret_use);
	if (error) {
		error_free(error);
		return error_usage("option '--cache' cannot be '%s'; it is one of on|off|verify",
				text);
	}
	return NULL;
}

static FALLIBLE set_cache_timeout(const struct build_opts *opts, struct request *request)
{
	int64_t ns = 10000000000;

	if (opts->cache_timeout)
		TRY(usage_of_option(clock_parse_duration(str_of(opts->cache_timeout), &ns),
				"--cache-timeout"));
	if (ns < 1000000 || ns > 3600000000000)
		return error_usage("option '--cache-timeout': '%s' is not between 1ms and 1h",
				opts->cache_timeout);
	request->cache_patience_ms = (unsigned)(ns / 1000000);
	return NULL;
}

static FALLIBLE set_cache(const struct build_opts *opts, struct request *request)
{
	struct build_options *options = &request->options;
	struct cache_flags *cache = &request->cache;
	bool uses_cache = true;

	cache->getenv = config_getenv;
	for (size_t i = 0; i < opts->cache_from.n; i++)
		TRY(cache_flags_add_from(cache, opts->cache_from.p[i]));
	for (size_t i = 0; i < opts->cache_to.n; i++)
		TRY(cache_flags_add_to(cache, opts->cache_to.p[i]));
	for (size_t i = 0; i < opts->cache_repos.n; i++)
		TRY(cache_flags_add_repo(cache, opts->cache_repos.p[i]));
	TRY(set_use(opts, options, &uses_cache));
	if (!uses_cache && (cache->from.n || cache->to.n))
		return error_usage("'--cache=false' contradicts the caches that are named");
	options->no_cache = options->no_cache || !uses_cache;
	options->cache_from = &cache->from;
	options->cache_to = &cache->to;
	options->cache_inline = wants_inline(request);
	TRY(set_ttl(opts, options));
	TRY(set_cache_timeout(opts, request));
	return check_cache(request);
}

static FALLIBLE set_time(const struct build_opts *opts, const struct request *request,
		const struct config *config, struct build_options *ret)
{
	const char *arg = list_env_get(&request->build_args, "SOURCE_DATE_EPOCH");

	ret->has_epoch = true;
	if (opts->timestamp >= 0) {
		ret->epoch = opts->timestamp;
	} else if (arg && *arg) {
		struct error *error = parse_i64(str_of(arg), 0, 253402300799, &ret->epoch);

		if (error) {
			error_free(error);
			return error_usage("SOURCE_DATE_EPOCH '%s' is not a time", arg);
		}
	} else if (config->environment.has_source_date_epoch) {
		ret->epoch = config->environment.source_date_epoch;
	} else {
		ret->has_epoch = false;
	}
	return NULL;
}

static FALLIBLE set_outputs(const struct build_opts *opts, struct request *request)
{
	struct output_flags *out = &request->out;
	size_t n_names = opts->tags.n;

	for (size_t i = 0; i < opts->outputs.n; i++)
		TRY(output_flags_add(out, opts->outputs.p[i]));
	if (opts->push)
		output_flags_add_kind(out, OUTPUT_REGISTRY);
	if (opts->load)
		output_flags_add_kind(out, OUTPUT_STORE);
	for (size_t i = 0; i < out->outputs.n; i++)
		if (out->outputs.p[i].kind == OUTPUT_REGISTRY && !n_names &&
				!out->outputs.p[i].names.n)
			return error_hint(error_usage("nothing says where to push"),
					"name the image: -t REGISTRY/NAME:TAG");
	for (size_t i = 0; i < opts->tags.n; i++) {
		AUTO(reference) struct reference reference = { 0 };

		TRY(usage_of_option(reference_parse(str_of(opts->tags.p[i]), &reference), "--tag"));
	}
	request->options.outputs = out->outputs.p;
	request->options.output_count = out->outputs.n;
	return NULL;
}

/* NAME=SOURCE; what is no address must be there. */
static FALLIBLE add_context(struct request *request, const char *text)
{
	struct str name, value;

	if (!str_cut(str_of(text), '=', &name, &value) || !name.n || !value.n)
		return error_usage("option '--build-context': '%s' is not NAME=SOURCE", text);
	if (str_is(value, "-"))
		return error_usage("option '--build-context': '%s': standard input is for the "
				   "build context",
				text);
	struct build_context *context = vec_add(&request->contexts);
	AUTO_FREE char *name_copy = str_dup(name), *value_copy = str_dup(value);

	list_add(&request->texts, name_copy);
	context->name = request->texts.p[request->texts.n - 1];
	list_add(&request->texts, value_copy);
	context->value = request->texts.p[request->texts.n - 1];
	return NULL;
}

/* An error about a Dockerfile that nobody can open again wants to show its lines all the same. */
static void keep_dockerfile(void *user, const char *name, struct str text)
{
	struct report_source *source = user;

	free(source->name);
	source->name = xstrdup(name);
	strbuf_clear(&source->text);
	strbuf_add_bytes(&source->text, text.p, text.n);
}

static FALLIBLE make_request(const struct invocation *call, struct request *ret)
{
	const struct build_opts *opts = call->opts;
	struct build_options *options = &ret->options;

	add_build_args(opts, call->config, &ret->build_args);
	add_labels(opts, &ret->labels);
	add_words(&opts->no_cache_filter, &ret->no_cache_stages);
	for (size_t i = 0; i < opts->hosts.n; i++)
		TRY(add_host(ret, opts->hosts.p[i]));
	for (size_t i = 0; i < opts->contexts.n; i++)
		TRY(add_context(ret, opts->contexts.p[i]));
	source_environment_add(call->config, &ret->source_environment);
	*options = (struct build_options){
		.context = call->args->n ? call->args->p[0] : ".",
		.dockerfile = opts->file,
		.stdin_fd = STDIN_FILENO,
		.contexts = ret->contexts.p,
		.context_count = ret->contexts.n,
		.source_environment = &ret->source_environment,
		.keep_dockerfile = keep_dockerfile,
		.keep_dockerfile_user = call->source,
		.target = opts->target,
		.build_args = &ret->build_args,
		.labels = &ret->labels,
		.tags = &opts->tags,
		.no_cache = opts->no_cache,
		.keep_failed = opts->keep_failed,
		.no_cache_stages = &ret->no_cache_stages,
		.hosts = ret->hosts.p,
		.host_count = ret->hosts.n,
		.shm_bytes = opts->shm_bytes,
		.ulimits = &opts->ulimits,
		.squash = opts->squash,
		.dry_run = opts->dry_run,
		.jobs = (unsigned)call->config->jobs,
	};
	if (options->no_cache && text_equal(opts->cache, "verify"))
		return error_usage("'--no-cache' and '--cache=verify' contradict each other");
	TRY(set_platform(opts, ret));
	TRY(set_pull(opts, options));
	set_network(call->config, options);
	TRY(set_outputs(opts, ret));
	TRY(set_compression(call->config, &ret->out, options));
	TRY(set_time(opts, ret, call->config, options));
	for (size_t i = 0; i < opts->annotations.n; i++)
		TRY(annotation_flags_add(&ret->annotations, opts->annotations.p[i]));
	options->annotations = ret->annotations.annotations.p;
	options->annotation_count = ret->annotations.annotations.n;
	TRY(set_cache(opts, ret));
	for (size_t i = 0; i < opts->secrets.n; i++)
		TRY(secret_flags_add(&ret->secrets, opts->secrets.p[i], config_getenv));
	for (size_t i = 0; i < opts->agents.n; i++)
		TRY(ssh_flags_add(&ret->ssh, opts->agents.p[i], config_getenv("SSH_AUTH_SOCK")));
	options->agents = ret->ssh.agents.p;
	options->agent_count = ret->ssh.agents.n;
	options->allows_secret_in_layer = opts->secret_in_layer;
	options->memory_bytes = opts->memory_bytes;
	for (size_t i = 0; i < opts->allows.n; i++)
		TRY(allow_flag_add(opts->allows.p[i], options));
	for (size_t i = 0; i < opts->resources.n; i++)
		TRY(resource_flag_add(opts->resources.p[i], options));
	if (opts->cpus)
		TRY(cpus_flag_set(opts->cpus, options));
	return NULL;
}

/* Not before the sandbox's helper is forked: no other process of ours shall have them. */
static FALLIBLE load_secrets(struct request *request)
{
	if (!request->secrets.flags.n)
		return NULL;
	private_begin();
	TRY(secret_flags_load(&request->secrets, config_getenv));
	request->options.secrets = request->secrets.loaded.p;
	request->options.secret_count = request->secrets.loaded.n;
	return NULL;
}

/* Isolation inplace: what is read and written when "/" has been an image's. */
static void keep_in_place(const struct invocation *call, struct list *ret)
{
	const struct build_opts *opts = call->opts;

	kept_settings(call->config, ret);
	kept_path(opts->iid_file, ret);
	kept_path(opts->metadata_file, ret);
}

static FALLIBLE build_shown(const struct invocation *call, const struct session *session,
		struct build_options *options, struct build_result *ret)
{
	const struct build_opts *opts = call->opts;
	AUTO(lower_stores) struct lower_stores lowers = { 0 };
	AUTO(show) struct show show = { 0 };

	lower_stores_open(session, &lowers, options);
	TRY(show_open(call->config, opts->quiet, &show));
	options->store = session->store;
	options->registry = session->registry;
	options->sandbox = session->sandbox;
	options->userns = &session->userns;
	options->cancel = session->cancel;
	options->progress = show.progress;
	return build_run(options, ret);
}

static struct error *run(const struct invocation *call)
{
	const struct build_opts *opts = call->opts;
	AUTO(request) struct request request = { .out = OUTPUT_FLAGS_INIT };
	AUTO(session) struct session session = { 0 };
	AUTO(registry_client) struct registry_client *cache_client = NULL;
	AUTO(build_result) struct build_result result = { 0 };
	AUTO(list) struct list kept = { 0 };
	struct build_call question = { 0 };
	char id[DIGEST_TEXT];

	TRY(build_call_parse(opts->check ? "check" : opts->call, &question));
	TRY(make_request(call, &request));
	if (question.kind != CALL_BUILD)
		return build_call_answer(call, &question, &request.options);
	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY | SESSION_TREES | SESSION_SANDBOX,
			&session));
	if (request.cache.from.n || request.cache.to.n)
		TRY(session_new_registry(&session, request.cache_patience_ms, &cache_client));
	request.options.cache_registry = cache_client;
	TRY(load_secrets(&request));
	keep_in_place(call, &kept);
	request.options.inplace_keep = &kept;
	struct error *error = build_shown(call, &session, &request.options, &result);
	struct build_after after = { .explain = opts->explain };
	build_after(&session, &result, &after);
	TRY(error);
	if (result.plan) {
		(void)fputs(result.plan, stdout);
		return NULL;
	}
	if (opts->iid_file)
		TRY(build_result_write_id(&result, opts->iid_file));
	if (opts->metadata_file)
		TRY(build_result_write_metadata(&result, opts->metadata_file));
	/* Outputs without an image (local, tar) have no ID. */
	if (!request.out.uses_stdout && digest_known(&result.image_id))
		(void)printf("%s\n", digest_text(&result.image_id, id));
	return request.options.verify_cache ? build_verdict(&result) : NULL;
}

const struct command cmd_build = {
	.name = "build",
	.alias = "bud",
	.args = "[CONTEXT]",
	.summary = "Build an image from a Dockerfile",
	.description = "CONTEXT is what COPY and ADD read: a folder (the current one by default), "
		       "a "
		       "tar, an http(s) address of a tar or Dockerfile, a git repository "
		       "(https://host/repo.git#ref:folder), or - for a tar or a Dockerfile on "
		       "standard input. Without an output the image goes to the store. Prints the "
		       "image ID.",
	.examples = "kiln build -t app .\n"
		    "kiln build -t registry.example/app:1 --push .\n"
		    "kiln build -o type=oci,dest=app.tar .\tan archive and nothing else\n"
		    "kiln build --target test --no-cache .\n",
	.options = rows,
	.defaults = &defaults,
	.opts_size = sizeof(struct build_opts),
	.max_args = 1,
	.run = run,
};
