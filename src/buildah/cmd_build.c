/* build, bud: what is built is asked for in bud_request.c; here it is, and what comes after. */
#include "buildah/bud_request.h"
#include "buildah/build_logs.h"
#include "buildah/build_show.h"
#include "buildah/build_tags.h"
#include "buildah/buildah.h"

#include "stream/codec.h"
#include "sys/fd.h"
#include "ui/build_after.h"
#include "ui/build_result_files.h"
#include "ui/cache_clients.h"
#include "ui/lower_stores.h"
#include "ui/registry_flags.h"
#include "ui/session.h"
#include "verbs/identity_label.h"
#include "verbs/manifest_list.h"
#include "verbs/userns_flag.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const struct bud_opts defaults = {
	.run = { .http_proxy = true },
	.timestamp = -1,
	.source_date_epoch = -1,
	.level = CODEC_LEVEL_DEFAULT,
	.rm = true,
	.skip_unused = true,
	.inherit_labels = true,
	.inherit_annotations = true,
	.created_annotation = true,
};

#define LATER(name, why) OPT_LATER(0, name, why)
#define SBOM             "make an SBOM from the image with its own tool"

#define OPTS bud_opts
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
	OPT_FLAG(0, "skip-unused-stages", skip_unused,
			"leave out stages that the target does not need (the default)"),
	OPT_TEXT(0, "source-policy-file", source_policy, "PATH",
			"which sources may be used, and what instead: BuildKit's JSON",
			.is_path = true),
	OPT_LIST(0, "platform", platforms, "OS/ARCH,...", "what to build for; several make a list"),
	OPT_FLAG(0, "all-platforms", all_platforms, "all that the base images have in common"),
	OPT_TEXT(0, "os", os, "OS", "the same, in parts"),
	OPT_TEXT(0, "arch", arch, "ARCH", "the same, in parts"),
	OPT_TEXT(0, "override-os", os, "OS", "--os", .is_hidden = true),
	OPT_TEXT(0, "override-arch", arch, "ARCH", "--arch", .is_hidden = true),
	OPT_TEXT(0, "variant", variant, "VARIANT", "the same, in parts"),
	OPT_TEXT(0, "pull", pull, "always|missing|never|newer", "when to ask a registry",
			.implied = "always"),
	OPT_FLAG(0, "pull-always", pull_always, "--pull=always", .is_hidden = true),
	OPT_FLAG(0, "pull-never", pull_never, "--pull=never", .is_hidden = true),
	OPT_HEADING("Cache"),
	OPT_FLAG(0, "layers", layers,
			"every step is cached anyhow; with it, one that sees -v, too"),
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
	OPT_LIST(0, "unsetannotation", unset_annotations, "NAME", "leave an annotation out"),
	OPT_LIST(0, "unsetenv", unset_env, "NAME", "leave a variable out of the image"),
	OPT_LIST(0, "unsetlabel", unset_labels, "NAME", "leave a label out"),
	OPT_FLAG(0, "inherit-annotations", inherit_annotations,
			"have those of the base image, too (the default)"),
	OPT_FLAG(0, "inherit-labels", inherit_labels,
			"have those of the base image, too (the default)"),
	OPT_FLAG(0, "created-annotation", created_annotation,
			"say when it was made in an annotation, too (the default)"),
	IDENTITY_LABEL_ROW,
	OPT_LIST(0, "os-feature", os_features, "NAME", "it needs this of its system; NAME-: not"),
	OPT_TEXT(0, "os-version", os_version, "TEXT", "version of its system"),
	OPT_FLAG(0, "omit-history", omit_history, "do not say how it was made"),
	OPT_SETTING(0, "format", "oci|docker", "of manifest and config"),
	OPT_TEXT(0, "compression-format", compression, "gzip|zstd", "how layers are compressed"),
	OPT_INT(0, "compression-level", level, 0, 22, "LEVEL", "gzip 0 to 9, zstd 1 to 22"),
	OPT_TEXT('D', "disable-compression", disable_compression, "BOOL",
			"leave layers uncompressed; false: in dir:, too, they are compressed",
			.implied = "true"),
	OPT_FLAG(0, "force-compression", force_compression, "compress the base's layers, too"),
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
	OPT_FLAG(0, "save-stages", save_stages, "keep the image of each stage, without a name"),
	OPT_FLAG(0, "stage-labels", stage_labels, "label them: which stage of what"),
	OPT_LIST(0, "layer-label", layer_labels, "NAME[=VALUE]", "a label of these images"),
	OPT_FLAG('q', "quiet", quiet, "show no progress"),
	OPT_TEXT(0, "logfile", log_file, "PATH", "progress and warnings go there", .is_path = true),
	OPT_FLAG(0, "logsplit", log_split, "what is told of a platform goes to PATH_OS_ARCH"),
	OPT_FLAG(0, "log-rusage", log_usage, "tell what the processes of each instruction used"),
	OPT_TEXT(0, "rusage-logfile", usage_file, "PATH", "tell that there", .is_path = true),
	OPT_SETTING(0, "progress", "auto|tty|plain|rawjson|quiet|none", "how to show progress"),
	RUN_FLAG_ROWS,
	OPT_LIST(0, "mount", mounts, "type=TYPE,...", "a --mount of every RUN"),
	OPT_FLAG(0, "compat-volumes", compat_volumes,
			"what a RUN changes in a volume of the image goes away"),
	OPT_FLAG(0, "stdin", uses_stdin, "steps read our standard input, and run each time"),
	OPT_FLAG(0, "no-hostname", no_hostname, "steps see the image's own /etc/hostname"),
	OPT_FLAG(0, "no-hosts", no_hosts, "steps see the image's own /etc/hosts"),
	OPT_LIST(0, "secret", secrets, "id=ID[,src=PATH|,env=NAME]",
			"for RUN --mount=type=secret; never in the image"),
	OPT_LIST(0, "ssh", agents, "default|ID[=SOCKET]", "for RUN --mount=type=ssh"),
	OPT_HEADING("Registry"),
	REGISTRY_REACH_ROWS,
	RETRY_ROWS,
	SIGNATURE_POLICY_ROW,
	SIGN_ROWS,
	/* What changes nothing here: intermediate containers, one build at a time. */
	OPT_FLAG(0, "rm", rm, "taken", .is_hidden = true),
	OPT_FLAG(0, "purge", rm, "taken", .is_hidden = true),
	OPT_TEXT(0, "raw-iidfile", raw_iid_file, "PATH", "--iidfile-raw", .is_hidden = true,
			.is_path = true),
	OPT_FLAG(0, "force-rm", force_rm, "taken", .is_hidden = true),
	OPT_FLAG(0, "compress", compress, "taken", .is_hidden = true),
	OPT_FLAG(0, "disable-content-trust", content_trust, "taken", .is_hidden = true),
	OPT_FLAG(0, "no-pivot", no_pivot, "taken", .is_hidden = true),
	OPT_FLAG(0, "rewrite-timestamp", rewrite_timestamp, "--timestamp does that",
			.is_hidden = true),
	OPT_LIST(0, "hooks-dir", hooks_dirs, "PATH", "refused when it holds a hook",
			.is_hidden = true, .is_path = true),
	OPT_TEXT(0, "loglevel", log_level, "N", "taken", .is_hidden = true),
	LATER("cw", "confidential workloads are not there"),
	DECRYPTION_ROW,
	BLOB_CACHE_ROW,
	LATER("sbom", SBOM),
	LATER("sbom-image-output", SBOM),
	LATER("sbom-image-purl-output", SBOM),
	LATER("sbom-merge-strategy", SBOM),
	LATER("sbom-output", SBOM),
	LATER("sbom-purl-output", SBOM),
	LATER("sbom-scanner-command", SBOM),
	LATER("sbom-scanner-image", SBOM),
	OPT_END,
};
#undef OPTS

static FALLIBLE build_shown(const struct invocation *call, const struct session *session,
		const struct build_view *view, struct build_options *made, struct build_result *ret)
{
	AUTO(lower_stores) struct lower_stores lowers = { 0 };
	AUTO(cache_clients) struct cache_clients clients = { 0 };
	AUTO(show) struct show show = { 0 };

	TRY(session_check_build_signing(session, made));
	lower_stores_open(session, &lowers, made);
	TRY(cache_clients_open(session, CACHE_PATIENCE_MS, &clients, made));
	TRY(build_show_open(call->config, view, &show));
	made->store = session->store;
	made->podman = &session->podman;
	made->decryption = session->decryption;
	made->registry = session->registry;
	made->trust = session->trust;
	made->short_names = true;
	made->keeps_bases = true;
	made->says_step = true;
	made->signer = session->signer;
	made->sandbox = session->sandbox;
	made->userns = &session->userns;
	made->cancel = session->cancel;
	made->progress = show.progress;
	return build_run(made, ret);
}

static FALLIBLE write_files(const struct bud_opts *opts, const struct build_result *result)
{
	char hex[DIGEST_HEX];

	if (opts->iid_file)
		TRY(build_result_write_id(result, opts->iid_file));
	if (opts->raw_iid_file)
		TRY(file_write_named(opts->raw_iid_file, digest_hex(&result->image_id, hex),
				DIGEST_HEX - 1, 0644));
	return opts->metadata_file ? build_result_write_metadata(result, opts->metadata_file)
				   : NULL;
}

/* A name that cannot become a list is told before the build, not after it. */
static FALLIBLE check_list(const struct invocation *call, struct session *session)
{
	const struct bud_opts *opts = call->opts;
	AUTO(manifest_list) struct manifest_list list = { 0 };

	return opts->manifest ? manifest_list_begin(session, call->program, opts->manifest, &list)
			      : NULL;
}

static struct error *run(const struct invocation *call)
{
	const struct bud_opts *opts = call->opts;
	AUTO(bud_request)
	struct bud_request request = { .out = OUTPUT_FLAGS_INIT, .text_fd = -1 };
	AUTO(session) struct session session = { 0 };
	AUTO(build_result) struct build_result result = { 0 };
	AUTO(build_logs) struct build_logs logs = { 0 };
	char hex[DIGEST_HEX];

	TRY(bud_request_make(call, &request));
	TRY(build_logs_open(opts, &request.options, &logs));
	session.ids = userns_flags_ids(&request.ids);
	session.namespaces = &request.parts.namespaces;
	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY | SESSION_TREES | SESSION_SANDBOX,
			&session));
	TRY(check_list(call, &session));
	TRY(build_steps_load(&request.steps, &request.options));
	TRY(bud_request_read(call, &session, &request));
	struct build_view view = { opts->tags.n ? opts->tags.p[0] : NULL, opts->quiet,
		opts->log_file || request.out.uses_stdout, opts->log_usage, &logs };
	struct error *error = build_shown(call, &session, &view, &request.options, &result);
	struct build_after after = { 0 };
	build_after(&session, &result, &after);
	TRY(error);
	TRY(build_logs_check(&logs));
	if (opts->manifest)
		TRY(manifest_list_take_in(&session, call->program, opts->manifest, &result.manifest,
				opts->quiet));
	TRY(build_tags_send(&session, call->program, &result.manifest, &request.sent_after,
			request.is_plain));
	TRY(write_files(opts, &result));
	build_show_made(&view, &result);
	if (!opts->iid_file && !request.out.uses_stdout && digest_known(&result.image_id))
		(void)fprintf(opts->log_file ? stderr : stdout, "%s\n",
				digest_hex(&result.image_id, hex));
	return NULL;
}

const struct command buildah_build = {
	.name = "build",
	.alias = "bud build-using-dockerfile",
	.args = "[CONTEXT]",
	.summary = "Build an image from a Dockerfile",
	.description = "Containerfile or Dockerfile in the context, unless -f names another. "
		       "Prints "
		       "the image ID.",
	.options = options,
	.defaults = &defaults,
	.opts_size = sizeof(struct bud_opts),
	.max_args = 1,
	.counts_arguments = true,
	.run = run,
};
