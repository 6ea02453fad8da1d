#include "build/provenance.h"

#include "base/clock.h"
#include "registry/url.h"

#include <string.h>

#define NS_PER_SECOND 1000000000ULL
/* In SLSA 0.2 names of other origin are addresses. */
#define BUILDKIT_02 "https://mobyproject.org/buildkit@v1"
#define BUILDKIT_1 \
	"https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"

struct print {
	const struct provenance *of;
	const struct build_options *options;
	bool is_max, is_02;
	struct provenance_sources sources;
	struct provenance_steps steps;
	struct json_out out;
};

const char *provenance_type(const struct build_attest *attest)
{
	return attest->is_slsa_02 ? "https://slsa.dev/provenance/v0.2"
				  : "https://slsa.dev/provenance/v1";
}

static bool is_local(const struct build_options *options)
{
	return !context_is_remote(options->context);
}

static bool is_local_dockerfile(const struct build_options *options)
{
	const char *name = options->dockerfile;

	if (name && url_is_http(name))
		return false;
	return is_local(options) || text_equal(name, "-");
}

/* A RUN that could have spoken to anybody: what it brought is on nobody's list. */
static bool uses_network(const struct build *build)
{
	if (build->options->network == BUILD_NETWORK_NONE)
		return false;
	for (size_t i = 0; i < build->plan->stage_count; i++) {
		const struct plan_stage *stage = build->plan->stages[i];

		for (size_t k = 0; k < stage->step_count && stage != build->plan->scan; k++)
			if (stage->steps[k].kind == STEP_RUN &&
					stage->steps[k].run.network != NETWORK_NONE)
				return true;
	}
	return false;
}

/* --- what was asked for --- */

static void add_labels(struct list *to, const struct list *labels)
{
	for (size_t i = 0; labels && i < labels->n; i++)
		list_addf(to, "label:%s", labels->p[i]);
}

/* But for proxies, which are the machine's, and may have a password. */
static void add_build_args(struct list *to, const struct list *args)
{
	for (size_t i = 0; args && i < args->n; i++) {
		struct str name, value;

		(void)str_cut(str_of(args->p[i]), '=', &name, &value);
		AUTO_FREE char *copy = str_dup(name);
		if (!plan_is_proxy_arg(copy))
			list_addf(to, "build-arg:%s", args->p[i]);
	}
}

/* A directory is "local:NAME", as BuildKit has it: where it lies is nobody's business. */
static char *context_value(const struct build_context *context)
{
	static const char *const registries[] = { "docker-image://", "container-image://",
		"docker://" };
	static const char layout[] = "oci-layout://";
	const char *value = context->value;

	for (size_t i = 0; i < COUNT(registries); i++)
		if (text_starts(value, registries[i]))
			return xstrdup(value);
	if (text_starts(value, layout))
		return xasprintf("%s%s", layout, strrchr(value, '/') + 1);
	return context_is_remote(value) ? context_shown(value)
					: xasprintf("local:%s", context->name);
}

static void print_args(struct print *print)
{
	const struct build_options *options = print->options;
	AUTO(list) struct list args = { 0 };

	if (options->target)
		list_addf(&args, "target=%s", options->target);
	if (options->no_cache)
		list_add(&args, "no-cache=");
	if (options->network == BUILD_NETWORK_NONE)
		list_add(&args, "force-network-mode=none");
	for (size_t i = 0; i < options->context_count; i++) {
		AUTO_FREE char *value = context_value(&options->contexts[i]);

		list_addf(&args, "context:%s=%s", options->contexts[i].name, value);
	}
	if (print->is_max) {
		add_build_args(&args, options->build_args);
		add_labels(&args, options->labels);
	}
	if (args.n) {
		json_out_pairs(&print->out, "args", &args);
		return;
	}
	json_out_open(&print->out, "args", '{');
	json_out_close(&print->out, '}');
}

static void print_id(struct print *print, const char *id, bool is_optional)
{
	json_out_open(&print->out, NULL, '{');
	json_out_text(&print->out, "id", id);
	if (is_optional)
		json_out_bool(&print->out, "optional", true);
	json_out_close(&print->out, '}');
}

/* What RUNs ask for by id, each once. */
static void print_ids(struct print *print, const char *key, enum mount_type type)
{
	const struct plan *plan = print->of->build->plan;
	AUTO(list) struct list seen = { 0 };

	json_out_open(&print->out, key, '[');
	for (size_t i = 0; i < plan->stage_count; i++)
		for (size_t k = 0; k < plan->stages[i]->step_count; k++) {
			const struct plan_step *step = &plan->stages[i]->steps[k];
			size_t n = step->kind == STEP_RUN ? step->run.mount_count : 0;

			for (size_t m = 0; m < n; m++) {
				const struct run_mount *mount = &step->run.mounts[m].as;

				if (mount->type != type || list_has(&seen, mount->id))
					continue;
				list_add(&seen, mount->id);
				print_id(print, mount->id, !mount->is_required);
			}
		}
	json_out_close(&print->out, ']');
}

static void print_local(struct print *print, const char *name)
{
	json_out_open(&print->out, NULL, '{');
	json_out_text(&print->out, "name", name);
	json_out_close(&print->out, '}');
}

static void print_request(struct print *print, const char *key)
{
	struct json_out *out = &print->out;
	bool has_context = is_local(print->options);
	bool has_dockerfile = is_local_dockerfile(print->options);

	json_out_open(out, key, '{');
	json_out_text(out, "frontend", "dockerfile.v0");
	print_args(print);
	if (print->is_max) {
		print_ids(print, "secrets", MOUNT_SECRET);
		print_ids(print, "ssh", MOUNT_SSH);
	}
	if (has_context || has_dockerfile) {
		json_out_open(out, "locals", '[');
		if (has_context)
			print_local(print, "context");
		if (has_dockerfile)
			print_local(print, "dockerfile");
		json_out_close(out, ']');
	}
	json_out_close(out, '}');
}

static void print_digest(struct print *print, const struct provenance_source *source)
{
	if (!source->algorithm)
		return;
	json_out_open(&print->out, "digest", '{');
	json_out_text(&print->out, source->algorithm, source->hex);
	json_out_close(&print->out, '}');
}

/* Of a file of the context its place there; of another of this machine not where it lies. */
static const char *file_name(const struct print *print)
{
	const struct context *context = print->of->build->context;
	const char *name = print->of->build->file->name, *slash = strrchr(name, '/');
	size_t above = strlen(context->path) - text_ends(context->path, "/");

	if (context->is_inside && text_starts(name, context->path) && name[above] == '/')
		return name + above + 1;
	return slash && !context_is_remote(name) ? slash + 1 : name;
}

static void print_config_source(struct print *print)
{
	AUTO(provenance_source) struct provenance_source context = { 0 };

	json_out_open(&print->out, "configSource", '{');
	if (provenance_context(print->of->build, &context)) {
		json_out_text(&print->out, "uri", context.uri);
		print_digest(print, &context);
	}
	json_out_text(&print->out, print->is_02 ? "entryPoint" : "path", file_name(print));
	json_out_close(&print->out, '}');
}

/* --- what it was made of, and how --- */

static void print_sources(struct print *print, const char *key)
{
	json_out_open(&print->out, key, '[');
	for (size_t i = 0; i < print->sources.n; i++) {
		json_out_open(&print->out, NULL, '{');
		json_out_text(&print->out, "uri", print->sources.p[i].uri);
		print_digest(print, &print->sources.p[i]);
		json_out_close(&print->out, '}');
	}
	json_out_close(&print->out, ']');
}

static void print_steps(struct print *print)
{
	if (!print->is_max)
		return;
	json_out_open(&print->out, "buildConfig", '{');
	json_out_open(&print->out, "llbDefinition", '[');
	strbuf_add(&print->out.text, strbuf_text(&print->steps.definition.text));
	json_out_close(&print->out, ']');
	json_out_close(&print->out, '}');
}

static void print_vcs(struct print *print)
{
	const struct context *context = print->of->build->context;

	if (!context->vcs_source)
		return;
	json_out_open(&print->out, "vcs", '{');
	json_out_text(&print->out, "revision", context->vcs_revision);
	json_out_text(&print->out, "source", context->vcs_source);
	json_out_close(&print->out, '}');
}

/* The Dockerfile, and which of its lines each step is of. */
static void print_text(struct print *print)
{
	const struct context *context = print->of->build->context;
	struct json_out *out = &print->out;

	json_out_open(out, "source", '{');
	json_out_open(out, "locations", '{');
	strbuf_add(&out->text, strbuf_text(&print->steps.locations.text));
	json_out_close(out, '}');
	json_out_open(out, "infos", '[');
	json_out_open(out, NULL, '{');
	json_out_text(out, "filename", file_name(print));
	json_out_text(out, "language", "Dockerfile");
	json_out_base64(out, "data",
			(struct str){ context->dockerfile, context->dockerfile_bytes });
	json_out_close(out, '}');
	json_out_close(out, ']');
	json_out_close(out, '}');
}

static void print_details(struct print *print)
{
	struct json_out *out = &print->out;

	json_out_open(out, print->is_02 ? BUILDKIT_02 "#metadata" : "buildkit_metadata", '{');
	print_vcs(print);
	if (print->is_max) {
		print_text(print);
		json_out_open(out, "layers", '{');
		strbuf_add(&out->text, strbuf_text(&print->steps.layers.text));
		json_out_close(out, '}');
	}
	json_out_close(out, '}');
}

static void print_time(struct print *print, const char *key, uint64_t ns)
{
	char text[CLOCK_RFC3339_TEXT];

	json_out_text(&print->out, key,
			clock_rfc3339((int64_t)(ns / NS_PER_SECOND), (uint32_t)(ns % NS_PER_SECOND),
					text));
}

/* What is left out of min: whether nothing that was asked for is missing. */
static bool request_is_whole(const struct print *print)
{
	const struct build_options *options = print->options;
	AUTO(list) struct list more = { 0 };

	add_build_args(&more, options->build_args);
	add_labels(&more, options->labels);
	return print->is_max || !more.n;
}

static void print_completeness(struct print *print, bool is_whole)
{
	struct json_out *out = &print->out;

	json_out_open(out, print->is_02 ? "completeness" : "buildkit_completeness", '{');
	json_out_bool(out, print->is_02 ? "parameters" : "request", request_is_whole(print));
	if (print->is_02)
		json_out_bool(out, "environment", true);
	json_out_bool(out, print->is_02 ? "materials" : "resolvedDependencies", is_whole);
	json_out_close(out, '}');
}

static void print_metadata(struct print *print)
{
	const struct provenance *of = print->of;
	struct json_out *out = &print->out;
	bool is_whole = !is_local(print->options) && !is_local_dockerfile(print->options) &&
			!print->options->context_count;
	bool is_02 = print->is_02;

	json_out_open(out, "metadata", '{');
	json_out_text(out, is_02 ? "buildInvocationID" : "invocationId", of->invocation);
	print_time(print, is_02 ? "buildStartedOn" : "startedOn", of->build->began_ns);
	print_time(print, is_02 ? "buildFinishedOn" : "finishedOn", of->finished_ns);
	print_completeness(print, is_whole);
	json_out_bool(out, is_02 ? "reproducible" : "buildkit_reproducible",
			print->options->attest.reproducible);
	if (is_whole && !uses_network(of->build))
		json_out_bool(out, is_02 ? BUILDKIT_02 "#hermetic" : "buildkit_hermetic", true);
	print_details(print);
	json_out_close(out, '}');
}

static void print_builder(struct print *print)
{
	const char *id = print->options->attest.builder_id;

	json_out_open(&print->out, "builder", '{');
	json_out_text(&print->out, "id", id ? id : "");
	json_out_close(&print->out, '}');
}

static void print_02(struct print *print)
{
	struct json_out *out = &print->out;
	struct platform host = platform_host();
	char platform[PLATFORM_TEXT];

	print_builder(print);
	json_out_text(out, "buildType", BUILDKIT_02);
	print_sources(print, "materials");
	json_out_open(out, "invocation", '{');
	print_config_source(print);
	print_request(print, "parameters");
	json_out_open(out, "environment", '{');
	json_out_text(out, "platform", platform_text(&host, platform));
	json_out_close(out, '}');
	json_out_close(out, '}');
	print_steps(print);
	print_metadata(print);
}

static void print_1(struct print *print)
{
	struct json_out *out = &print->out;
	struct platform host = platform_host();
	char platform[PLATFORM_TEXT];

	json_out_open(out, "buildDefinition", '{');
	json_out_text(out, "buildType", BUILDKIT_1);
	json_out_open(out, "externalParameters", '{');
	print_config_source(print);
	print_request(print, "request");
	json_out_close(out, '}');
	json_out_open(out, "internalParameters", '{');
	print_steps(print);
	json_out_text(out, "builderPlatform", platform_text(&host, platform));
	json_out_close(out, '}');
	print_sources(print, "resolvedDependencies");
	json_out_close(out, '}');
	json_out_open(out, "runDetails", '{');
	print_builder(print);
	print_metadata(print);
	json_out_close(out, '}');
}

char *provenance_print(const struct provenance *provenance)
{
	const struct build_options *options = provenance->build->options;
	struct print print = { .of = provenance,
		.options = options,
		.is_max = options->attest.provenance == PROVENANCE_MAX,
		.is_02 = options->attest.is_slsa_02 };

	provenance_sources_find(provenance->build, &print.sources);
	if (print.is_max)
		provenance_steps_make(provenance->build, provenance->image, &print.steps);
	json_out_open(&print.out, NULL, '{');
	if (print.is_02)
		print_02(&print);
	else
		print_1(&print);
	json_out_close(&print.out, '}');
	provenance_sources_done(&print.sources);
	provenance_steps_done(&print.steps);
	return json_out_take(&print.out);
}
