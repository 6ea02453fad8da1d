#include "kiln/build_request.h"
#include "graph/plan.h"
#include "ui/cache_clients.h"
#include "ui/source_policy_flag.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "oci/reference.h"
#include "sandbox/sandbox.h"
#include "stream/codec.h"
#include "sys/private.h"
#include "ui/build_result_files.h"
#include "ui/config.h"
#include "ui/host_flag.h"
#include "ui/report.h"
#include "ui/source_environment.h"
#include "ui/steps_flag.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void build_request_done(struct build_request *request)
{
	list_done(&request->build_args);
	list_done(&request->labels);
	list_done(&request->no_cache_stages);
	platform_flags_done(&request->platforms);
	output_flags_done(&request->out);
	annotation_flags_done(&request->annotations);
	secret_flags_done(&request->secrets);
	ssh_flags_done(&request->ssh);
	cache_flags_done(&request->cache);
	vec_done(&request->hosts);
	list_done(&request->texts);
	attest_flags_done(&request->attests);
	list_done(&request->source_environment);
	vec_done(&request->contexts);
	source_policy_free(request->policy);
}

/* "=VALUE", in buildx's words: a script's variable that holds the name was empty. */
static FALLIBLE check_keys(const struct list *pairs, const char *option)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (pairs->p[i][0] == '=')
			return error_usage("option '%s': invalid key-value pair \"%s\": empty key",
					option, pairs->p[i]);
	return NULL;
}

static void add_build_args(
		const struct build_opts *opts, const struct config *config, struct list *out)
{
	for (size_t i = 0; i < opts->build_args.n; i++)
		config_add_variable(opts->build_args.p[i], out);
	if (opts->http_proxy)
		config_add_proxies(config, out);
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

static FALLIBLE add_host(struct build_request *request, const char *text)
{
	struct str name, address;

	TRY(host_flag_parse(text, &name, &address));
	struct build_host *host = vec_add(&request->hosts);
	AUTO_FREE char *name_copy = str_dup(name), *address_copy = str_dup(address);

	list_add(&request->texts, name_copy);
	host->name = request->texts.p[request->texts.n - 1];
	list_add(&request->texts, address_copy);
	host->address = request->texts.p[request->texts.n - 1];
	return NULL;
}

/* Read again by each step; wrong ones are told before any work. */
static FALLIBLE check_limits(const struct list *texts)
{
	struct sandbox_limit limit;

	for (size_t i = 0; i < texts->n; i++)
		TRY(usage_of_option(sandbox_limit_parse(str_of(texts->p[i]), &limit), "--ulimit"));
	return NULL;
}

static FALLIBLE set_platforms(const struct build_opts *opts, struct build_request *request)
{
	for (size_t i = 0; i < opts->platforms.n; i++)
		TRY(platform_flags_add(&request->platforms, opts->platforms.p[i]));
	if (opts->all_platforms && opts->platforms.n)
		return error_usage("options '--all-platforms' and '--platform' exclude each other");
	platform_flags_give(&request->platforms, &request->options);
	request->options.all_platforms = opts->all_platforms;
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
	ret->force_compression = out->forces;
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
static bool wants_inline(const struct build_request *request)
{
	const char *arg = list_env_get(&request->build_args, "BUILDKIT_INLINE_CACHE");
	bool truth = false;

	error_ignore(arg ? parse_bool(arg, &truth) : NULL, "BuildKit takes other words as false");
	return truth || request->cache.is_inline;
}

static bool names_tag(const char *reference)
{
	const char *slash = strrchr(reference, '/');

	return strchr(slash ? slash : reference, ':') != NULL;
}

/* An index that would take the tag of the image that was pushed a moment ago. */
static FALLIBLE check_cache_tag(const struct build_request *request, const struct cache_spec *to)
{
	const struct list *tags = request->options.tags;
	AUTO(reference) struct reference cache = { 0 };

	if (to->kind != CACHE_HOME_REGISTRY)
		return NULL;
	TRY(reference_parse(str_of(to->where), &cache));
	AUTO_FREE char *index = reference_text(&cache);
	for (size_t i = 0; i < tags->n && names_tag(to->where); i++) {
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

/* An inline cache is the image's own layers. */
static FALLIBLE check_cache_form(const struct build_request *request, const struct cache_spec *to)
{
	const struct build_options *options = &request->options;
	bool is_other = to->compression && to->compression != options->compression;

	if (to->kind == CACHE_HOME_INLINE &&
			(is_other || (to->level != CODEC_LEVEL_DEFAULT &&
						     to->level != options->compression_level)))
		return error_hint(error_usage("option '--cache-to': an inline cache is the image's "
					      "layers, and those are written with %s",
						  compression_name(options->compression)),
				"'--compression' and '--compression-level' say how");
	if (to->level == CODEC_LEVEL_DEFAULT || to->compression)
		return NULL;
	if (options->compression == COMPRESSION_NONE ||
			(options->compression == COMPRESSION_GZIP && to->level > 9) ||
			(options->compression == COMPRESSION_ZSTD && to->level == 0))
		return error_usage("option '--cache-to': %s has no compression-level %d",
				compression_name(options->compression), to->level);
	return NULL;
}

static bool is_same_list(const struct list *a, const struct list *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = strcmp(a->p[i], b->p[i]) == 0;
	return same;
}

/* However they are written: "a" is "docker.io/library/a". */
static FALLIBLE is_same_place(const char *a, const char *b, enum cache_home_kind kind, bool *ret)
{
	AUTO(reference) struct reference first = { 0 }, second = { 0 };

	*ret = text_equal(a, b);
	if (*ret || kind != CACHE_HOME_REGISTRY || names_tag(a) != names_tag(b))
		return NULL;
	TRY(reference_parse(str_of(a), &first));
	TRY(reference_parse(str_of(b), &second));
	AUTO_FREE char *full = reference_text(&first), *other = reference_text(&second);
	*ret = text_equal(full, other);
	return NULL;
}

static bool is_same_wish(const struct cache_spec *a, const struct cache_spec *b)
{
	return a->compression == b->compression && a->level == b->level && a->forces == b->forces &&
	       a->keeps_error == b->keeps_error && a->is_max == b->is_max &&
	       a->is_index == b->is_index && a->mounts.is_wanted == b->mounts.is_wanted &&
	       a->mounts.max_bytes == b->mounts.max_bytes;
}

/* One home is written once, so it cannot be written in two ways. */
static FALLIBLE check_cache_twice(const struct cache_spec *a, const struct cache_spec *b)
{
	bool is_same = false;

	if (a->kind != b->kind || is_same_wish(a, b) || !text_equal(a->name, b->name) ||
			!is_same_list(&a->settings, &b->settings))
		return NULL;
	TRY(is_same_place(a->where, b->where, a->kind, &is_same));
	return is_same ? error_usage("'--cache-to' names '%s' twice, with different wishes",
					 a->where ? a->where : "inline")
		       : NULL;
}

static FALLIBLE check_cache(const struct build_request *request)
{
	const struct build_options *options = &request->options;
	const struct cache_specs *to = &request->cache.to;

	for (size_t i = 0; i < to->n; i++) {
		TRY(check_cache_tag(request, &to->p[i]));
		TRY(check_cache_form(request, &to->p[i]));
		for (size_t k = 0; k < i; k++)
			TRY(check_cache_twice(&to->p[k], &to->p[i]));
	}
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

static FALLIBLE set_cache_timeout(const struct build_opts *opts, struct build_request *request)
{
	int64_t ns = (int64_t)CACHE_PATIENCE_MS * 1000000;

	if (opts->cache_timeout)
		TRY(usage_of_option(clock_parse_duration(str_of(opts->cache_timeout), &ns),
				"--cache-timeout"));
	if (ns < 1000000 || ns > 3600000000000)
		return error_usage("option '--cache-timeout': '%s' is not between 1ms and 1h",
				opts->cache_timeout);
	request->cache_patience_ms = (unsigned)(ns / 1000000);
	return NULL;
}

static FALLIBLE set_cache(const struct build_opts *opts, struct build_request *request)
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
	TRY(cache_ttl_set(opts->cache_ttl, options));
	TRY(set_cache_timeout(opts, request));
	return check_cache(request);
}

static FALLIBLE set_time(const struct build_opts *opts, struct build_request *request,
		const struct config *config, struct build_options *ret)
{
	const char *arg = list_env_get(&request->build_args, "SOURCE_DATE_EPOCH");

	ret->has_epoch = true;
	if (opts->timestamp >= 0) {
		ret->epoch = opts->timestamp;
	} else if (request->out.has_epoch) {
		ret->epoch = request->out.epoch;
	} else if (arg && !plan_epoch_is_number(arg)) {
		ret->has_epoch = false;
		ret->epoch_is_named = true;
	} else if (arg && *arg) {
		struct error *error = parse_i64(str_of(arg), 0, 253402300799, &ret->epoch);

		if (error) {
			error_free(error);
			return error_hint(error_usage("invalid SOURCE_DATE_EPOCH: %s", arg),
					"give seconds since 1970");
		}
	} else if (config->environment.has_source_date_epoch) {
		ret->epoch = config->environment.source_date_epoch;
		/* An ARG has it, too, as buildx hands it on. */
		if (!arg)
			list_addf(&request->build_args, "SOURCE_DATE_EPOCH=%lld",
					(long long)ret->epoch);
	} else {
		ret->has_epoch = false;
	}
	return NULL;
}

static FALLIBLE set_outputs(const struct build_opts *opts, struct build_request *request)
{
	struct output_flags *out = &request->out;
	size_t n_names = opts->tags.n;

	for (size_t i = 0; i < opts->outputs.n; i++)
		TRY(output_flags_add(out, opts->outputs.p[i]));
	if (opts->push)
		output_flags_add_push(out);
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
static FALLIBLE add_context(struct build_request *request, const char *text)
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

/* The variable is BuildKit's own name for the flag. */
static FALLIBLE set_policy(const struct build_opts *opts, struct build_request *ret)
{
	const char *path = opts->source_policy
					   ? opts->source_policy
					   : config_getenv("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY");

	if (!path)
		return NULL;
	TRY(source_policy_load(path, false, &ret->policy));
	ret->options.source_policy = ret->policy;
	return NULL;
}

static FALLIBLE set_attest(const struct build_opts *opts, struct build_request *ret)
{
	struct attest_flags *flags = &ret->attests;

	if (opts->provenance)
		TRY(attest_flags_add(flags, "--provenance", "provenance", opts->provenance));
	if (opts->sbom)
		TRY(attest_flags_add(flags, "--sbom", "sbom", opts->sbom));
	for (size_t i = 0; i < opts->attests.n; i++)
		TRY(attest_flags_add(flags, "--attest", NULL, opts->attests.p[i]));
	ret->options.attest = flags->attest;
	return NULL;
}

FALLIBLE build_request_make(const struct invocation *call, struct build_request *ret)
{
	const struct build_opts *opts = call->opts;
	struct build_options *options = &ret->options;

	TRY(build_result_files_check(opts->iid_file, opts->metadata_file));
	TRY(check_keys(&opts->build_args, "--build-arg"));
	TRY(check_keys(&opts->labels, "--label"));
	add_build_args(opts, call->config, &ret->build_args);
	add_labels(opts, &ret->labels);
	add_words(&opts->no_cache_filter, &ret->no_cache_stages);
	for (size_t i = 0; i < opts->hosts.n; i++)
		TRY(add_host(ret, opts->hosts.p[i]));
	TRY(check_limits(&opts->ulimits));
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
		.builds_unused = !opts->skip_unused,
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
	TRY(set_attest(opts, ret));
	TRY(set_platforms(opts, ret));
	TRY(set_pull(opts, options));
	set_network(call->config, options);
	TRY(set_outputs(opts, ret));
	TRY(set_compression(call->config, &ret->out, options));
	TRY(set_time(opts, ret, call->config, options));
	for (size_t i = 0; i < opts->annotations.n; i++)
		TRY(annotation_flags_add(&ret->annotations, opts->annotations.p[i]));
	for (size_t i = 0; i < ret->out.annotations.n; i++)
		TRY(annotation_flags_add_output(&ret->annotations, ret->out.annotations.p[i]));
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
	for (size_t i = 0; i < opts->allows.n; i++)
		TRY(allow_flag_add(opts->allows.p[i], options));
	TRY(set_policy(opts, ret));
	return resource_flags_make(&opts->limits, &ret->texts, &options->resources);
}

FALLIBLE build_request_load_secrets(struct build_request *request)
{
	if (!request->secrets.flags.n)
		return NULL;
	private_begin();
	TRY(secret_flags_load(&request->secrets, config_getenv));
	request->options.secrets = request->secrets.loaded.p;
	request->options.secret_count = request->secrets.loaded.n;
	return NULL;
}
