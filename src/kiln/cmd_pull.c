#include "kiln/commands.h"

#include "base/str.h"
#include "image/image.h"
#include "registry/registry.h"
#include "sys/fd.h"
#include "ui/image_names.h"
#include "ui/registry_flags.h"
#include "ui/session.h"
#include "ui/show.h"
#include "verbs/destination.h"
#include "verbs/encrypt_flag.h"
#include "verbs/manifest_forms.h"

#include <fcntl.h>
#include <stdio.h>

struct pull_opts {
	bool quiet;
	char *platform;
};

#define OPTS pull_opts
static const struct option pull_options[] = {
	OPT_FLAG('q', "quiet", quiet, "show no progress"),
	OPT_TEXT(0, "platform", platform, "OS/ARCH",
			"of an image for several; the host's by default"),
	OPT_HEADING("Registry"),
	INSECURE_REGISTRY_ROW,
	OPT_SETTING(0, "registry-mirror", "HOST=MIRROR", "ask the mirror first"),
	REGISTRY_REACH_ROWS,
	SIGNATURE_POLICY_ROW,
	DECRYPTION_ROW,
	OPT_SETTING(0, "progress", "auto|tty|plain|rawjson|quiet|none", "how to show progress"),
	OPT_END,
};
#undef OPTS

static const char podman[] = "containers-storage:";

static FALLIBLE pull_one(struct session *session, struct show *show, const char *name,
		const struct image_homes *homes, char ret_digest[static DIGEST_TEXT])
{
	AUTO(image) struct image *image = NULL;
	AUTO_FREE char *complete = NULL;

	TRY(image_open(homes, name, PULL_ALWAYS, &image));
	/* "docker://x" and "oci:dir:x" are kept by their digest alone; Podman's are called
	 * something.
	 */
	if (text_starts(name, podman))
		name = image->name + strlen(podman);
	error_ignore(image_name_complete(name, &complete), "no name to keep it by");
	TRY(image_save_store(image, session->store, complete, session->cancel, &show->copies));
	(void)digest_text(&image->digest, ret_digest);
	return NULL;
}

static FALLIBLE pull_all(const struct invocation *call, struct session *session, struct list *out)
{
	const struct pull_opts *opts = call->opts;
	struct platform platform = platform_host();
	AUTO(show) struct show show = { 0 };

	if (opts->platform)
		TRY(usage_of_option(
				platform_parse(str_of(opts->platform), &platform), "--platform"));

	const struct image_homes homes = { session->store, session->registry, &platform,
		session->cancel, NULL, session->trust, .podman = &session->podman,
		.decryption = session->decryption };

	TRY(show_open(call->config, opts->quiet, &show));
	for (size_t i = 0; i < call->args->n; i++) {
		const char *name = call->args->p[i];
		char digest[DIGEST_TEXT];

		show_begin(&show, "pulling %s", name);
		TRY(show_end(&show, pull_one(session, &show, name, &homes, digest)));
		list_add(out, digest);
	}
	return NULL;
}

static struct error *run_pull(const struct invocation *call)
{
	AUTO(session) struct session session = { 0 };
	AUTO(list) struct list out = { 0 };

	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY |
					session_needs_of(call->config, call->args),
			&session));
	TRY(pull_all(call, &session, &out));
	for (size_t i = 0; i < out.n; i++)
		(void)printf("%s\n", out.p[i]);
	return NULL;
}

const struct command cmd_pull = {
	.name = "pull",
	.args = "IMAGE...",
	.summary = "Fetch images into the store",
	.description = "Prints the digest of each image's manifest.",
	.options = pull_options,
	.opts_size = sizeof(struct pull_opts),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_pull,
};

struct push_opts {
	struct encrypt_flags encrypt;
	bool quiet;
	char *digest_file;
};

#define OPTS push_opts
static const struct option push_options[] = {
	OPT_FLAG('q', "quiet", quiet, "show no progress"),
	OPT_TEXT(0, "digestfile", digest_file, "PATH", "write the manifest's digest to a file",
			.is_path = true),
	OPT_HEADING("Registry"),
	INSECURE_REGISTRY_ROW,
	REGISTRY_REACH_ROWS,
	SIGN_ROWS,
	ENCRYPTION_ROWS,
	OPT_SETTING(0, "progress", "auto|tty|plain|rawjson|quiet|none", "how to show progress"),
	OPT_END,
};
#undef OPTS

/* Into Podman's store as it is, or encrypted to wherever. */
static FALLIBLE push_shaped(const struct invocation *call, struct session *session,
		const struct image *image, const struct destination *to,
		char ret_digest[static DIGEST_TEXT])
{
	const struct push_opts *opts = call->opts;
	static const struct image_form as_it_is = { 0 };
	struct digest digest;

	TRY(destination_send(session, image, to, &as_it_is, opts->quiet, &digest));
	(void)digest_text(&digest, ret_digest);
	return NULL;
}

/* An index goes with all that it lists, where that is here. */
static FALLIBLE push_index(const struct invocation *call, struct session *session, const char *from,
		const struct destination *to, struct digest *ret, bool *ret_is_sent)
{
	static const struct list_form as_it_is = { 0 };
	const struct push_opts *opts = call->opts;
	AUTO(manifest_list) struct manifest_list list = { 0 };

	if (text_starts(from, "store:"))
		from += strlen("store:");
	TRY(manifest_list_find_whole(session, call->program, from, &list, ret_is_sent));
	if (!*ret_is_sent)
		return NULL;
	return manifest_list_send(session, &list, from, &as_it_is, to, opts->quiet, ret);
}

static FALLIBLE push_one(const struct invocation *call, struct session *session, const char *from,
		const char *to, char ret_digest[static DIGEST_TEXT])
{
	const struct push_opts *opts = call->opts;
	const struct image_homes homes = { session->store, session->registry, NULL, session->cancel,
		.trust = text_starts(from, podman) ? session->trust : NULL,
		.podman = &session->podman };
	AUTO(destination) struct destination destination = { 0 };
	AUTO(encryption) struct encryption encryption = { 0 };
	AUTO(reference) struct reference reference = { 0 };
	AUTO(image) struct image *image = NULL;
	AUTO(show) struct show show = { 0 };
	struct digest index;
	bool is_sent = false;

	TRY(destination_parse(call->program, to, TO_REGISTRY, &destination));
	TRY(encryption_begin(&opts->encrypt, NULL, &destination, &encryption));
	bool is_shaped = destination.sealing || destination.kind == TO_PODMAN;
	if (!is_shaped)
		TRY(reference_parse(
				str_of(text_starts(to, "docker://") ? to + 9 : to), &reference));
	TRY(push_index(call, session, from, &destination, &index, &is_sent));
	if (is_sent) {
		(void)digest_text(&index, ret_digest);
		return NULL;
	}
	TRY(image_open(&homes, from, PULL_NEVER, &image));
	if (is_shaped)
		return push_shaped(call, session, image, &destination, ret_digest);
	TRY(show_open(call->config, opts->quiet, &show));
	show_begin(&show, "pushing %s", to);
	TRY(show_end(&show, image_push(image, session->registry, &reference, session->signer,
					    session->cancel, &show.copies)));
	(void)digest_text(&image->digest, ret_digest);
	return NULL;
}

static struct error *run_push(const struct invocation *call)
{
	const struct push_opts *opts = call->opts;
	const char *from = call->args->p[0];
	const char *to = call->args->n > 1 ? call->args->p[1] : from;
	AUTO(session) struct session session = { 0 };
	char digest[DIGEST_TEXT];

	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY |
					session_needs_of(call->config, call->args),
			&session));
	TRY(push_one(call, &session, from, to, digest));
	if (opts->digest_file)
		TRY(file_write_named(opts->digest_file, digest, strlen(digest), 0644));
	(void)printf("%s\n", digest);
	return NULL;
}

const struct command cmd_push = {
	.name = "push",
	.args = "IMAGE [DESTINATION]",
	.summary = "Send an image of the store to a registry",
	.description = "Prints the digest of the image's manifest, or of the index of several.",
	.options = push_options,
	.opts_size = sizeof(struct push_opts),
	.min_args = 1,
	.max_args = 2,
	.examples = "kiln push registry.example/app:1\n"
		    "kiln push app registry.example/app:1\tunder another name\n",
	.run = run_push,
};
