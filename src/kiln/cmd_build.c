/*
 * kiln build: its options, and the way from them (build_request.h) through a session to a result,
 * whose image ID goes to standard output.
 */
#include "kiln/commands.h"

#include "build/build.h"
#include "kiln/build_call.h"
#include "kiln/build_request.h"
#include "registry/registry.h"
#include "ui/build_after.h"
#include "ui/build_result_files.h"
#include "ui/cache_clients.h"
#include "ui/kept.h"
#include "ui/lower_stores.h"
#include "ui/registry_flags.h"
#include "ui/session.h"
#include "ui/show.h"

#include <stdio.h>

static const struct build_opts defaults = {
	.timestamp = -1, .http_proxy = true, .keep_failed = true, .skip_unused = true
};

#define OPTS build_opts
static const struct option rows[] = {
	OPT_HEADING("What to build"),
	OPT_TEXT('f', "file", file, "PATH",
			"the Dockerfile, or its address; - reads standard input", .is_path = true),
	OPT_TEXT(0, "target", target, "STAGE", "build this stage and stop"),
	OPT_FLAG(0, "skip-unused-stages", skip_unused,
			"leave out stages that the target does not need (the default)"),
	OPT_TEXT(0, "source-policy-file", source_policy, "PATH",
			"which sources may be used, and what instead: BuildKit's JSON",
			.is_path = true),
	OPT_LIST(0, "build-arg", build_args, "NAME[=VALUE]",
			"set an ARG; without a value, from the environment"),
	OPT_LIST(0, "build-context", contexts, "NAME=SOURCE",
			"a directory, tar, address or docker-image://REF in the place of a stage "
			"or image"),
	OPT_LIST(0, "platform", platforms, "OS/ARCH,...",
			"what to build for; several make an index of images"),
	OPT_FLAG(0, "all-platforms", all_platforms, "all that the base images have in common"),
	OPT_TEXT(0, "pull", pull, "always|missing|never", "when to ask a registry for base images",
			.implied = "always"),
	OPT_FLAG(0, "no-cache", no_cache, "run every step again"),
	OPT_LIST(0, "no-cache-filter", no_cache_filter, "STAGE,...",
			"run the steps of these stages again"),

	OPT_HEADING("Cache"),
	OPT_LIST(0, "cache-from", cache_from, "REF|type=TYPE,...",
			"look steps up in registry, local, s3 or gha besides the store"),
	OPT_LIST(0, "cache-to", cache_to, "type=TYPE,...",
			"bring steps to registry, inline, local, s3 or gha; mode=min|max, "
			"mounts=true"),
	OPT_LIST(0, "cache-repo", cache_repos, "REPOSITORY", "look steps up there and bring them"),
	OPT_TEXT(0, "cache-ttl", cache_ttl, "DURATION", "steps older than this run again: 336h"),
	OPT_TEXT(0, "cache-timeout", cache_timeout, "DURATION",
			"go on without a cache that does not answer for so long (10s; six times "
			"that when it is written)"),
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
			"image (the store), registry, oci, docker, containers-storage (Podman's), "
			"tar, local or cacheonly (nothing goes out); may be repeated"),
	OPT_FLAG(0, "load", load, "to the store, besides other outputs"),
	OPT_TEXT(0, "iidfile", iid_file, "PATH", "write the image ID to a file", .is_path = true),
	OPT_LIST(0, "attest", attests, "type=provenance[,...]",
			"say beside the image how it was made"),
	OPT_TEXT(0, "provenance", provenance, "BOOL|mode=min|max",
			"short for --attest type=provenance"),
	OPT_TEXT(0, "sbom", sbom, "BOOL|generator=IMAGE",
			"short for --attest type=sbom: say what is in it"),
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
	RESOURCE_FLAG_ROWS(limits),
	RESOURCE_FLAG_MORE(limits),
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
	INSECURE_REGISTRY_ROW,
	OPT_SETTING(0, "registry-mirror", "HOST=MIRROR", "ask the mirror first"),
	REGISTRY_REACH_ROWS,
	SIGNATURE_POLICY_ROW,
	DECRYPTION_ROW,
	SIGN_ROWS,

	OPT_HEADING("Taken from docker build"),
	OPT_FLAG(0, "compress", compress, "taken: nothing is sent", .is_hidden = true),
	OPT_FLAG(0, "rm", rm, "taken: steps leave nothing", .is_hidden = true),
	OPT_FLAG(0, "force-rm", force_rm, "the same", .is_hidden = true),
	OPT_LATER(0, "builder", "kiln has no builders: it runs where it is called"),
	OPT_LATER(0, "policy",
			"buildx's language of policies; '--source-policy-file' takes BuildKit's "
			"JSON"),
	OPT_END,
};
#undef OPTS

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

	TRY(session_check_build_signing(session, options));
	lower_stores_open(session, &lowers, options);
	TRY(show_open(call->config, opts->quiet, &show));
	options->store = session->store;
	options->podman = &session->podman;
	options->registry = session->registry;
	options->trust = session->trust;
	options->decryption = session->decryption;
	options->signer = session->signer;
	options->sandbox = session->sandbox;
	options->userns = &session->userns;
	options->cancel = session->cancel;
	options->progress = show.progress;
	return build_run(options, ret);
}

static struct error *run(const struct invocation *call)
{
	const struct build_opts *opts = call->opts;
	AUTO(build_request) struct build_request request = { .out = OUTPUT_FLAGS_INIT };
	AUTO(session) struct session session = { 0 };
	AUTO(cache_clients) struct cache_clients clients = { 0 };
	AUTO(build_result) struct build_result result = { 0 };
	AUTO(list) struct list kept = { 0 };
	struct build_call question = { 0 };
	char id[DIGEST_TEXT];

	TRY(build_call_parse(opts->check ? "check" : opts->call, &question));
	TRY(build_request_make(call, &request));
	if (question.kind != CALL_BUILD)
		return build_call_answer(call, &question, &request.options, opts->metadata_file);
	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY | SESSION_TREES | SESSION_SANDBOX,
			&session));
	TRY(cache_clients_open(&session, request.cache_patience_ms, &clients, &request.options));
	TRY(build_request_load_secrets(&request));
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
