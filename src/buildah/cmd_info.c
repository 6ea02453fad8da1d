/* info, version, prune. */
#include "buildah/buildah.h"

#include "base/str.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "container/container.h"
#include "oci/json.h"
#include "oci/platform.h"
#include "store/prune.h"
#include "ui/plain_text.h"
#include "ui/session.h"
#include "ui/template.h"

#include <stdio.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#define IMAGE_SPEC   "1.1.1"
#define RUNTIME_SPEC "1.2.0"

struct info_opts {
	char *format;
	bool debug;
};

#define OPTS info_opts
static const struct option info_options[] = {
	OPT_FLAG('d', "debug", debug, "with kiln's own version"),
	OPT_TEXT(0, "format", format, "TEMPLATE", "{{.host.arch}} {{.store.GraphRoot}} …"),
	OPT_END,
};
#undef OPTS

static json_t *host_json(void)
{
	struct platform host = platform_host();
	struct utsname names;
	struct sysinfo system;

	if (uname(&names) != 0 || sysinfo(&system) != 0)
		return json_object();
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:s}", "arch",
			host.architecture, "os", host.os, "variant", host.variant, "cpus",
			get_nprocs(), "hostname", names.nodename, "kernel", names.release,
			"rootless", geteuid() != 0, "MemTotal",
			(json_int_t)system.totalram * system.mem_unit, "MemFree",
			(json_int_t)system.freeram * system.mem_unit, "SwapTotal",
			(json_int_t)system.totalswap * system.mem_unit, "SwapFree",
			(json_int_t)system.freeswap * system.mem_unit, "OCIRuntime", "kiln");
}

static FALLIBLE store_json(struct session *session, json_t **ret)
{
	AUTO(container_set) struct container_set set = { 0 };
	struct store_usage usage = { 0 };

	TRY(container_all(session->store, &set));
	TRY(store_usage(session->store, &usage));
	*ret = json_pack("{s:s, s:s, s:s, s:[], s:{}, s:{s:I}, s:{s:I}}", "GraphDriverName",
			"overlay", "GraphRoot", store_root(session->store), "RunRoot",
			store_root(session->store), "GraphOptions", "GraphStatus", "ContainerStore",
			"number", (json_int_t)set.n, "ImageStore", "number",
			(json_int_t)usage.images.things);
	return NULL;
}

static struct error *run_info(const struct invocation *call)
{
	const struct info_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };
	json_auto_t *document = NULL;
	json_t *store = NULL;

	TRY(session_open(call->config, SESSION_STORE, &session));
	TRY(store_json(&session, &store));
	document = json_pack("{s:o, s:o}", "host", host_json(), "store", store);
	if (opts->debug)
		json_object_set_new(document, "debug",
				json_pack("{s:s}", "kiln version", KILN_VERSION));
	if (opts->format) {
		TRY(template_print(opts->format, document, &out));
	} else {
		AUTO_FREE char *text = plain_text_of_json(document, 4);

		strbuf_add(&out, text);
	}
	(void)printf("%s\n", strbuf_text(&out));
	return NULL;
}

const struct command buildah_info = {
	.name = "info",
	.summary = "Show the machine and what the store holds",
	.options = info_options,
	.opts_size = sizeof(struct info_opts),
	.run = run_info,
};

struct version_opts {
	bool json;
};

#define OPTS version_opts
static const struct option version_options[] = {
	OPT_FLAG(0, "json", json, "as JSON"),
	OPT_END,
};
#undef OPTS

/* Buildah's members, with those of its newer ones; what kiln is not made of is empty. */
static void print_version_json(const struct platform *host, const char *platform)
{
	AUTO(json_out) struct json_out out = { 0 };
	AUTO(strbuf) struct strbuf text = { 0 };

	json_out_open(&out, NULL, '{');
	json_out_text(&out, "version", KILN_VERSION);
	json_out_text(&out, "goVersion", "");
	json_out_text(&out, "imageSpec", IMAGE_SPEC);
	json_out_text(&out, "runtimeSpec", RUNTIME_SPEC);
	json_out_text(&out, "gitCommit", "");
	json_out_text(&out, "built", "");
	json_out_text(&out, "osArch", platform);
	json_out_text(&out, "buildPlatform", platform);
	json_out_text(&out, "os", host->os);
	json_out_text(&out, "arch", host->architecture);
	json_out_text(&out, "implementation", "kiln");
	json_out_close(&out, '}');
	json_out_indented(&out, &text);
	(void)fputs(strbuf_text(&text), stdout);
}

static struct error *run_version(const struct invocation *call)
{
	const struct version_opts *opts = call->opts;
	struct platform host = platform_host();
	char platform[PLATFORM_TEXT];

	(void)platform_text(&host, platform);
	if (opts->json)
		print_version_json(&host, platform);
	else
		(void)printf("Version:         %s\nImplementation:  kiln\nImage Spec:      %s\n"
			     "Runtime Spec:    %s\nOS/Arch:         %s\nBuildPlatform:   %s\n",
				KILN_VERSION, IMAGE_SPEC, RUNTIME_SPEC, platform, platform);
	return NULL;
}

const struct command buildah_version = {
	.name = "version",
	.summary = "Print the version",
	.options = version_options,
	.opts_size = sizeof(struct version_opts),
	.run = run_version,
};

static struct error *run_one_line(const struct invocation *call)
{
	(void)printf("%s version %s (kiln, image-spec %s, runtime-spec %s)\n", call->program,
			KILN_VERSION, IMAGE_SPEC, RUNTIME_SPEC);
	return NULL;
}

const struct command buildah_one_line_version = {
	.name = "version",
	.summary = "Print the version on one line",
	.is_hidden = true,
	.run = run_one_line,
};

struct prune_opts {
	bool all, force;
};

#define OPTS prune_opts
static const struct option prune_options[] = {
	OPT_FLAG('a', "all", all, "images with a name that no container stands on, too"),
	OPT_FLAG('f', "force", force, "taken: nothing is asked"),
	OPT_END,
};
#undef OPTS

static struct error *run_prune(const struct invocation *call)
{
	const struct prune_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	struct prune_report report = { 0 };
	struct prune_options options = {
		.kinds = 1u << PRUNE_LEFTOVERS | 1u << PRUNE_DUPLICATES | 1u << PRUNE_CACHE |
			 1u << PRUNE_UNTAGGED | 1u << PRUNE_BLOBS |
			 (opts->all ? 1u << PRUNE_TAGGED : 0),
		.all = opts->all,
	};

	TRY(session_open(call->config, SESSION_STORE | SESSION_TREES, &session));
	TRY(store_prune(session.store, &options, &report));
	(void)printf("%llu bytes\n", (unsigned long long)report.bytes);
	return NULL;
}

const struct command buildah_prune = {
	.name = "prune",
	.summary = "Remove the cache and images without a name",
	.options = prune_options,
	.opts_size = sizeof(struct prune_opts),
	.run = run_prune,
};
