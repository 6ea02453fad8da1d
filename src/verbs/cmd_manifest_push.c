/* manifest push: a list and all that it lists, as it is or in another form. */
#include "verbs/verbs.h"

#include "base/str.h"
#include "stream/codec.h"
#include "sys/fd.h"
#include "ui/containers_conf.h"
#include "ui/registry_flags.h"
#include "verbs/compression_conf.h"
#include "verbs/encrypt_flag.h"
#include "verbs/manifest_forms.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct push_opts {
	struct encrypt_flags encrypt;
	bool all, rm, quiet, force_compression, remove_signatures;
	char *digest_file, *format, *compression;
	int64_t level;
	struct list added;
};

static const struct push_opts defaults = { .all = true, .level = CODEC_LEVEL_DEFAULT };

#define OPTS push_opts
static const struct option options[] = {
	OPT_FLAG(0, "all", all, "with every image that it lists (the default)"),
	OPT_TEXT(0, "digestfile", digest_file, "PATH", "write the list's digest to a file",
			.is_path = true),
	OPT_CHOICE('f', "format", format, "oci|v2s2", "what it is pushed as; as it is"),
	OPT_TEXT(0, "compression-format", compression, "gzip|zstd",
			"of the layers of its images; their own"),
	OPT_INT(0, "compression-level", level, 0, 22, "LEVEL", "gzip 0 to 9, zstd 1 to 22"),
	OPT_FLAG(0, "force-compression", force_compression,
			"of layers that are compressed, too; implied by --compression-format"),
	OPT_LIST(0, "add-compression", added, "gzip|zstd",
			"add a second image of each, compressed so"),
	OPT_FLAG(0, "rm", rm, "remove the list once it is pushed"),
	OPT_FLAG('p', "purge", rm, "remove the list once it is pushed", .is_hidden = true),
	OPT_FLAG('q', "quiet", quiet, "show no progress"),
	INSECURE_REGISTRY_ROW,
	REGISTRY_REACH_ROWS,
	RETRY_ROWS,
	SIGNATURE_POLICY_ROW,
	SIGN_ROWS,
	ENCRYPTION_ROWS,
	OPT_FLAG(0, "remove-signatures", remove_signatures, "taken: none are copied",
			.is_hidden = true),
	OPT_END,
};
#undef OPTS

static FALLIBLE find_compression(const char *option, const char *text, enum compression *ret)
{
	if (text_equal(text, "gzip"))
		*ret = COMPRESSION_GZIP;
	else if (compression_is_zstd(text))
		*ret = COMPRESSION_ZSTD;
	else
		return error_hint(error_usage("option '--%s': unknown compression \"%s\"", option,
						  text),
				"gzip or zstd");
	return NULL;
}

static FALLIBLE make_form(const struct push_opts *opts, struct list_form *ret)
{
	struct image_form *form = &ret->form;
	enum compression added = 0;

	if (!opts->all)
		return error_usage("a list is pushed with its images; 'kiln image copy' takes one");
	form->level = (int)opts->level;
	form->force = opts->force_compression || opts->compression;
	if (opts->format)
		form->format = text_equal(opts->format, "v2s2") ? FORMAT_DOCKER : FORMAT_OCI;
	if (opts->compression)
		TRY(find_compression("compression-format", opts->compression, &form->compression));
	else if (opts->force_compression)
		form->compression = COMPRESSION_GZIP;
	if (form->compression == COMPRESSION_GZIP && form->level > 9)
		return error_usage("gzip has no compression level %d", form->level);
	for (size_t i = 0; i < opts->added.n; i++) {
		TRY(find_compression("add-compression", opts->added.p[i], &added));
		vec_push(&ret->added, added);
	}
	return NULL;
}

/* What containers.conf says of it, under Buildah's name, where nothing was typed. */
static FALLIBLE add_from_conf(const struct invocation *call, struct list_form *ret)
{
	const struct push_opts *opts = call->opts;
	AUTO(containers_conf) struct containers_conf conf = CONTAINERS_CONF_INIT;
	const struct list *added = &conf.add_compression.texts;
	enum compression one = 0;

	if (opts->added.n || !text_equal(call->program, "buildah"))
		return NULL;
	TRY(containers_conf_read(config_getenv, NULL, &conf));
	for (size_t i = 0; i < added->n; i++) {
		TRY_WRAP(find_compression("add-compression", added->p[i], &one),
				"containers.conf: 'add_compression' of [engine]");
		vec_push(&ret->added, one);
	}
	return NULL;
}

static struct error *run_push(const struct invocation *call)
{
	const struct push_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	AUTO(manifest_list) struct manifest_list list = { 0 };
	AUTO(destination) struct destination to = { 0 };
	AUTO(encryption) struct encryption encryption = { 0 };
	AUTO(list_form) struct list_form form = { 0 };
	AUTO(list) struct list dropped = { 0 };
	struct digest digest;
	char text[DIGEST_TEXT];

	TRY(make_form(opts, &form));
	TRY(add_from_conf(call, &form));
	if (!opts->compression && !opts->force_compression) {
		TRY(compression_conf(call->program, form.form.format == FORMAT_DOCKER,
				&form.form.compression, &form.form.level));
		form.form.force = form.form.compression == COMPRESSION_ZSTD;
	}
	TRY(destination_parse(call->program, call->args->p[call->args->n - 1], TO_REGISTRY, &to));
	TRY(encryption_begin(&opts->encrypt, opts->format, &to, &encryption));
	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY |
					session_needs_of(call->config, call->args),
			&session));
	TRY(manifest_list_open(&session, call->program, call->args->p[0], &list));
	TRY(manifest_list_send(
			&session, &list, call->args->p[0], &form, &to, opts->quiet, &digest));
	(void)digest_text(&digest, text);
	if (opts->digest_file)
		TRY(file_write_named(opts->digest_file, text, strlen(text), 0644));
	if (opts->rm)
		TRY(manifest_list_drop(&session, call->program, call->args->p[0], &dropped));
	/* Buildah prints nothing. */
	if (!text_equal(call->program, "buildah"))
		(void)printf("%s\n", text);
	return NULL;
}

const struct command cmd_manifest_push = {
	.name = "manifest push",
	.args = "LIST [DESTINATION]",
	.summary = "Send a list and its images to a registry or elsewhere",
	.options = options,
	.defaults = &defaults,
	.opts_size = sizeof(struct push_opts),
	.min_args = 1,
	.max_args = 2,
	.run = run_push,
};
