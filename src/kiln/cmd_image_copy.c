/*
 * kiln image copy: from any home of images to any other, with the bytes that they have, so that
 * digests stay. Nothing passes through the store unless the store is one of the two.
 */
#include "kiln/commands.h"

#include "base/str.h"
#include "base/strbuf.h"
#include "image/set.h"
#include "sys/fd.h"
#include "ui/registry_flags.h"
#include "ui/session.h"
#include "verbs/destination.h"
#include "verbs/encrypt_flag.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct image_opts {
	struct encrypt_flags encrypt;
	bool all, quiet;
	char *platform, *digest_file;
};

#define OPTS image_opts
static const struct option options[] = {
	OPT_FLAG(0, "all", all, "the whole index, every platform of it"),
	OPT_TEXT(0, "platform", platform, "OS/ARCH",
			"which image of an index; the host's by default"),
	OPT_TEXT(0, "digestfile", digest_file, "PATH", "write the manifest's digest to a file",
			.is_path = true),
	OPT_FLAG('q', "quiet", quiet, "show no progress"),
	OPT_HEADING("Registry"),
	INSECURE_REGISTRY_ROW,
	OPT_SETTING(0, "registry-mirror", "HOST=MIRROR", "ask the mirror first"),
	REGISTRY_REACH_ROWS,
	SIGNATURE_POLICY_ROW,
	SIGN_ROWS,
	OPT_HEADING("Encryption"),
	DECRYPTION_ROW,
	ENCRYPTION_ROWS,
	OPT_SETTING(0, "progress", "auto|tty|plain|rawjson|quiet|none", "how to show progress"),
	OPT_END,
};
#undef OPTS

static FALLIBLE copy_set(struct session *session, const struct image_opts *opts,
		const struct image_homes *homes, const char *from, const struct destination *to,
		struct digest *ret)
{
	AUTO(image_set) struct image_set set = { 0 };

	TRY(image_set_open(homes, from, PULL_MISSING, &set));
	return destination_send_set(session, &set, to, opts->quiet, ret);
}

/* One image, with its own manifest: what --all would do to a name that stands for one. */
static FALLIBLE copy_image(struct session *session, const struct image_opts *opts,
		const struct image_homes *homes, const char *from, const struct destination *to,
		struct digest *ret)
{
	static const struct image_form as_it_is = { 0 };
	AUTO(image) struct image *image = NULL;
	AUTO(image_set) struct image_set set = { 0 };

	TRY(image_open(homes, from, PULL_MISSING, &image));
	if (to->kind == TO_OCI_ARCHIVE || to->kind == TO_DOCKER_ARCHIVE || to->kind == TO_PODMAN ||
			to->sealing)
		return destination_send(session, image, to, &as_it_is, opts->quiet, ret);
	TRY(image_set_of(image, &set));
	return destination_send_set(session, &set, to, opts->quiet, ret);
}

/* A key that is there for whatever needs it is not asked for here. */
static FALLIBLE check_all(const struct invocation *call)
{
	const struct image_opts *opts = call->opts;
	AUTO(strbuf) struct strbuf text = { 0 };
	struct setting_view view;

	if (!opts->all || !config_find_given(call->config, "decryption-key", &text, &view))
		return NULL;
	return error_usage("option '--all' copies encrypted layers as they are: take one image "
			   "after the other");
}

static FALLIBLE copy(const struct invocation *call, const char *from, const char *to_text,
		struct digest *ret)
{
	const struct image_opts *opts = call->opts;
	struct platform platform = platform_host();
	AUTO(destination) struct destination to = { 0 };
	AUTO(encryption) struct encryption encryption = { 0 };
	AUTO(session) struct session session = { 0 };

	TRY(check_all(call));
	if (opts->all && opts->platform)
		return error_usage("options '--all' and '--platform' exclude each other");
	if (opts->platform)
		TRY(usage_of_option(
				platform_parse(str_of(opts->platform), &platform), "--platform"));
	TRY(destination_parse(call->program, to_text, TO_STORE, &to));
	TRY(encryption_begin(&opts->encrypt, NULL, &to, &encryption));
	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY |
					session_needs_of(call->config, call->args),
			&session));

	const struct image_homes homes = { session.store, session.registry, &platform,
		session.cancel, NULL, session.trust, .podman = &session.podman,
		/* Without a key encrypted layers go as they are. */
		.decryption = session.decryption->n ? session.decryption : NULL };

	return opts->all ? copy_set(&session, opts, &homes, from, &to, ret)
			 : copy_image(&session, opts, &homes, from, &to, ret);
}

static struct error *run(const struct invocation *call)
{
	const struct image_opts *opts = call->opts;
	struct digest digest = { 0 };
	char text[DIGEST_TEXT];

	TRY(copy(call, call->args->p[0], call->args->p[1], &digest));
	(void)digest_text(&digest, text);
	if (opts->digest_file)
		TRY(file_write_named(opts->digest_file, text, strlen(text), 0644));
	(void)printf("%s\n", text);
	return NULL;
}

const struct command cmd_image_copy = {
	.name = "image copy",
	.args = "SOURCE DESTINATION",
	.summary = "Copy an image from anywhere to anywhere",
	.description = "SOURCE and DESTINATION are NAME (the store), docker://NAME (a registry), "
		       "oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME] "
		       "dir:DIR or containers-storage:NAME (Podman's store). "
		       "Bytes and digests stay as they are, unless a key says otherwise. Prints "
		       "the digest of the manifest.",
	.examples = "kiln image copy docker://debian:12 docker://registry.example/debian:12\n"
		    "kiln image copy --all docker://debian:12 oci:layout:12\tevery platform\n"
		    "kiln image copy app dir:app\tfor skopeo and Buildah\n"
		    "kiln image copy --encryption-key jwe:pub.pem app docker://r.example/app:1\n",
	.options = options,
	.opts_size = sizeof(struct image_opts),
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
