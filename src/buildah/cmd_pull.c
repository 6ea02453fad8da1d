/* pull and push. */
#include "buildah/buildah.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "registry/registry.h"
#include "stream/codec.h"
#include "sys/fd.h"
#include "ui/image_names.h"
#include "ui/registry_flags.h"
#include "verbs/compression_conf.h"
#include "verbs/destination.h"
#include "verbs/encrypt_flag.h"
#include "verbs/manifest_forms.h"
#include "verbs/names.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct pull_opts {
	char *policy, *platform, *os, *arch, *variant, *blob_cache;
	bool quiet, remove_signatures, all_tags;
};

#define OPTS pull_opts
#define REGISTRY_ROWS                                                                            \
	OPT_SETTING(0, "progress", "auto|tty|plain|rawjson|quiet|none", "how to show progress"), \
			REGISTRY_REACH_ROWS, RETRY_ROWS, SIGNATURE_POLICY_ROW, BLOB_CACHE_ROW

static const struct option pull_options[] = {
	OPT_TEXT(0, "policy", policy, "always|missing|never|newer", "when to ask the registry"),
	OPT_TEXT(0, "platform", platform, "OS/ARCH", "which image of an index"),
	OPT_TEXT(0, "os", os, "OS", "the same, in parts"),
	OPT_TEXT(0, "arch", arch, "ARCH", "the same, in parts"),
	OPT_TEXT(0, "variant", variant, "VARIANT", "the same, in parts"),
	OPT_FLAG('q', "quiet", quiet, "show no progress"),
	REGISTRY_ROWS,
	OPT_FLAG('a', "all-tags", all_tags, "every tag that the registry has of the name"),
	DECRYPTION_ROW,
	OPT_FLAG(0, "remove-signatures", remove_signatures, "taken: none are copied",
			.is_hidden = true),
	OPT_END,
};
#undef OPTS

static FALLIBLE find_platform(const struct pull_opts *opts, struct platform *ret)
{
	struct platform host = platform_host();

	*ret = host;
	if (opts->platform)
		return usage_of_option(platform_parse(str_of(opts->platform), ret), "--platform");
	if (!opts->os && !opts->arch && !opts->variant)
		return NULL;
	AUTO_FREE char *text = xasprintf("%s/%s%s%s", opts->os ? opts->os : host.os,
			opts->arch ? opts->arch : host.architecture, opts->variant ? "/" : "",
			opts->variant ? opts->variant : "");
	return usage_of_option(platform_parse(str_of(text), ret), "--arch");
}

static FALLIBLE pull_one(struct session *session, const struct names_request *request)
{
	AUTO(named_image) struct named_image named = { 0 };
	char hex[DIGEST_HEX];

	TRY(names_open(session, request, &named));
	(void)printf("%s\n", digest_hex(&named.image->manifest.config.digest, hex));
	return NULL;
}

/* What the registry has under the name, which has no tag then, one after the other. */
static FALLIBLE pull_tags(struct session *session, const struct names_request *request)
{
	const char *text = request->text;
	AUTO(reference) struct reference reference = { 0 };
	AUTO(list) struct list tags = { 0 };

	if (text_starts(text, "docker://"))
		text += strlen("docker://");
	else if (image_is_transport(text))
		return error_usage("pulling all tags is not supported for %.*s transport",
				(int)strcspn(text, ":"), text);
	const char *slash = strrchr(text, '/');
	if (strpbrk(slash ? slash : text, ":@"))
		return error_usage("tag can't be used with --all-tags");
	TRY(reference_parse(str_of(text), &reference));
	TRY(registry_list_tags(session->registry, &reference, &tags));
	AUTO_FREE char *name = reference_name(&reference);
	for (size_t i = 0; i < tags.n; i++) {
		AUTO_FREE char *tagged = xasprintf("docker://%s:%s", name, tags.p[i]);
		struct names_request one = *request;

		one.text = tagged;
		TRY(pull_one(session, &one));
	}
	return NULL;
}

static struct error *run_pull(const struct invocation *call)
{
	const struct pull_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	struct platform platform;
	struct names_request request = { .program = call->program,
		.text = call->args->p[0],
		.platform = &platform,
		.is_platform_asked = opts->platform || opts->os || opts->arch || opts->variant,
		.quiet = opts->quiet,
		.own_only = true };

	TRY(find_platform(opts, &platform));
	struct error *error = names_pull_policy(opts->policy, &request.pull);
	if (error) {
		error_free(error);
		return error_usage("unsupported pull policy \"%s\"", opts->policy);
	}
	TRY(session_open(call->config, SESSION_STORE | SESSION_REGISTRY, &session));
	return opts->all_tags ? pull_tags(&session, &request) : pull_one(&session, &request);
}

const struct command buildah_pull = {
	.name = "pull",
	.args = "IMAGE",
	.summary = "Fetch an image into the store",
	.description = "Prints its ID.",
	.options = pull_options,
	.opts_size = sizeof(struct pull_opts),
	.min_args = 1,
	.missing = "an image name must be specified",
	.max_args = 1,
	.run = run_pull,
};

struct push_opts {
	struct encrypt_flags encrypt;
	char *digest_file, *format, *compression, *blob_cache;
	int64_t level;
	bool quiet, disable_compression, force_compression, all, remove_signatures, rm;
};

static const struct push_opts push_defaults = { .level = CODEC_LEVEL_DEFAULT };

#define OPTS push_opts
static const struct option push_options[] = {
	OPT_TEXT(0, "digestfile", digest_file, "PATH", "write the manifest's digest to a file",
			.is_path = true),
	OPT_TEXT('f', "format", format, "oci|v2s2", "of manifest and config"),
	OPT_TEXT(0, "compression-format", compression, "gzip|zstd", "how layers are compressed"),
	OPT_INT(0, "compression-level", level, 0, 22, "LEVEL", "gzip 0 to 9, zstd 1 to 22"),
	OPT_FLAG(0, "force-compression", force_compression, "those that are compressed, too"),
	OPT_FLAG('D', "disable-compression", disable_compression,
			"leave layers as they are; in dir: without compression"),
	OPT_FLAG(0, "all", all, "a list with all its images (the default)"),
	OPT_FLAG('q', "quiet", quiet, "show no progress"),
	REGISTRY_ROWS,
	ENCRYPTION_ROWS,
	OPT_FLAG(0, "remove-signatures", remove_signatures, "taken: none are copied",
			.is_hidden = true),
	OPT_FLAG(0, "rm", rm, "remove the list once it is pushed"),
	SIGN_ROWS,
	OPT_END,
};
#undef OPTS

static FALLIBLE make_form(const char *program, const struct push_opts *opts, struct image_form *ret)
{
	*ret = (struct image_form){ .level = (int)opts->level,
		.leaves_plain = opts->disable_compression && !opts->compression,
		.force = opts->force_compression || opts->compression };
	if (text_equal(opts->format, "oci"))
		ret->format = FORMAT_OCI;
	else if (text_equal(opts->format, "v2s2") || text_equal(opts->format, "docker"))
		ret->format = FORMAT_DOCKER;
	else if (opts->format)
		return error_hint(error_usage("unknown format \"%s\"", opts->format),
				"oci or v2s2; v2s1 is not written by anybody any more");
	if (text_equal(opts->compression, "gzip") ||
			(opts->force_compression && !opts->compression))
		ret->compression = COMPRESSION_GZIP;
	else if (compression_is_zstd(opts->compression))
		ret->compression = COMPRESSION_ZSTD;
	else if (opts->compression)
		return error_usage("unknown compression \"%s\"", opts->compression);
	/* "none" of what is uncompressed is how it is. */
	if (opts->disable_compression && !opts->compression)
		ret->compression = COMPRESSION_NONE;
	if (opts->disable_compression || opts->force_compression || opts->compression)
		return NULL;
	TRY(compression_conf(
			program, ret->format == FORMAT_DOCKER, &ret->compression, &ret->level));
	ret->force = ret->compression == COMPRESSION_ZSTD;
	return NULL;
}

static FALLIBLE open_podmans(
		struct session *session, const char *text, struct image **ret, char **ret_name)
{
	const struct image_homes homes = { session->store, session->registry, NULL, session->cancel,
		.trust = session->trust, .podman = &session->podman };

	TRY(image_open(&homes, text, PULL_NEVER, ret));
	error_ignore(image_name_complete((*ret)->name + strlen("containers-storage:"), ret_name),
			"it has no name there");
	return NULL;
}

/* The image that Podman has under a name which our store has not. */
static FALLIBLE open_shared(struct session *session, const char *text, struct error *not_found,
		struct image **ret, char **ret_name)
{
	const struct image_homes homes = { session->store, session->registry, NULL, session->cancel,
		NULL, NULL, true, &session->podman };
	struct error *error = image_open_shared(&homes, text, ret);

	if (!error && !*ret)
		return not_found;
	error_free(not_found);
	TRY(error);
	error_ignore(image_name_complete((*ret)->name + strlen("containers-storage:"), ret_name),
			"it has no name there");
	return NULL;
}

static FALLIBLE open_stored(struct session *session, const char *program, const char *text,
		struct image **ret, char **ret_name)
{
	AUTO(tag_record) struct tag_record record = { 0 };
	const struct image_homes homes = { session->store, session->registry, NULL,
		session->cancel };
	char digest[DIGEST_TEXT];

	if (text_starts(text, "containers-storage:"))
		return open_podmans(session, text, ret, ret_name);
	if (text_starts(text, "store:"))
		text += strlen("store:");
	struct error *error = names_find(session->store, program, text, &record, ret_name);
	if (error_is(error, ERR_NOT_FOUND))
		return open_shared(session, text, error, ret, ret_name);
	TRY(error);
	AUTO_FREE char *by_digest = xasprintf("store:%s", digest_text(&record.manifest, digest));
	return image_open(&homes, by_digest, PULL_NEVER, ret);
}

/* A list goes with all that it lists, where the destination has a place for that. */
static FALLIBLE push_list(struct session *session, const struct invocation *call,
		const struct image_form *form, const struct destination *to, struct digest *ret,
		bool *ret_is_sent)
{
	const struct push_opts *opts = call->opts;
	AUTO(manifest_list) struct manifest_list list = { 0 };
	AUTO(list) struct list dropped = { 0 };
	const struct list_form as = { .form = *form };
	bool is_list = false;

	if (to->kind == TO_DOCKER_ARCHIVE || to->kind == TO_PODMAN)
		return NULL;
	TRY(manifest_list_find_whole(session, call->program, call->args->p[0], &list, &is_list));
	if (!is_list)
		return NULL;
	*ret_is_sent = true;
	TRY(manifest_list_send(session, &list, call->args->p[0], &as, to, opts->quiet, ret));
	return opts->rm ? manifest_list_drop(session, call->program, call->args->p[0], &dropped)
			: NULL;
}

static struct error *run_push(const struct invocation *call)
{
	const struct push_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	AUTO(destination) struct destination to = { 0 };
	AUTO(encryption) struct encryption encryption = { 0 };
	AUTO(image) struct image *image = NULL;
	AUTO_FREE char *name = NULL;
	struct image_form form;
	struct digest manifest;
	bool is_sent = false;
	char text[DIGEST_TEXT];

	TRY(make_form(call->program, opts, &form));
	if (call->args->n > 1)
		TRY(destination_parse(call->program, call->args->p[1], TO_REGISTRY, &to));
	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY |
					session_needs_of(call->config, call->args),
			&session));
	TRY(open_stored(&session, call->program, call->args->p[0], &image, &name));
	if (call->args->n < 2) {
		if (!name)
			return error_usage("an image without a name needs a destination");
		TRY(destination_parse(call->program, name, TO_REGISTRY, &to));
	}
	TRY(encryption_begin(&opts->encrypt, opts->format, &to, &encryption));
	/* Not as 'commit': Buildah's push compresses for a layout whatever is said. */
	form.leaves_plain = form.leaves_plain && to.kind == TO_DIR;
	if (to.kind == TO_DOCKER_ARCHIVE && !to.name && name)
		to.name = xstrdup(name);
	TRY(push_list(&session, call, &form, &to, &manifest, &is_sent));
	if (!is_sent)
		TRY(destination_send(&session, image, &to, &form, opts->quiet, &manifest));
	(void)digest_text(&manifest, text);
	if (opts->digest_file)
		TRY(file_write_named(opts->digest_file, text, strlen(text), 0644));
	return NULL;
}

const struct command buildah_push = {
	.name = "push",
	.args = "IMAGE [DESTINATION]",
	.summary = "Send an image of the store to a registry, layout or archive",
	.options = push_options,
	.defaults = &push_defaults,
	.opts_size = sizeof(struct push_opts),
	.min_args = 1,
	.missing = "at least a source image ID must be specified",
	.max_args = 2,
	.run = run_push,
};
