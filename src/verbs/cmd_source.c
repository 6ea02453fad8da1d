/*
 * source: images of sources, as Buildah has them: create one as an OCI layout, add files to it,
 * push it, pull it. Messages are Buildah's.
 */
#include "verbs/verbs.h"

#include "base/clock.h"
#include "base/str.h"
#include "image/sources.h"
#include "sys/fd.h"
#include "ui/registry_flags.h"
#include "ui/session.h"
#include "verbs/destination.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ABOUT_SOURCES                                                                         \
	"An image of sources is an OCI layout at PATH: an artifact with a config of its own " \
	"media type, and one gzipped tar for each thing that was added."

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* --- create --- */

struct create_opts {
	char *author;
	bool time_stamp;
};

static const struct create_opts create_defaults = { .time_stamp = true };

#define OPTS create_opts
static const struct option create_options[] = {
	OPT_TEXT(0, "author", author, "NAME", "who made it"),
	OPT_FLAG(0, "time-stamp", time_stamp, "say when it was created (the default)"),
	OPT_END,
};
#undef OPTS

static struct error *run_create(const struct invocation *call)
{
	const struct environment *environment = &call->config->environment;
	const struct create_opts *opts = call->opts;
	const char *path = call->args->p[0];
	AUTO(destination) struct destination to = { 0 };
	AUTO_FREE char *layout = xasprintf("oci:%s", path);
	char created[CLOCK_RFC3339_TEXT];
	uint64_t now = clock_now_ns();

	if (is_there(path))
		return error_new(ERR_EXISTS, "creating source image: \"%s\" already exists", path);
	TRY(destination_parse(call->program, layout, TO_STORE, &to));
	if (environment->has_source_date_epoch)
		(void)clock_rfc3339(environment->source_date_epoch, 0, created);
	else
		(void)clock_rfc3339(
				(int64_t)(now / 1000000000), (uint32_t)(now % 1000000000), created);
	return sources_create(to.path, to.name, opts->author, opts->time_stamp ? created : NULL);
}

const struct command cmd_source_create = {
	.name = "source create",
	.args = "PATH",
	.summary = "Begin an image of sources",
	.description = ABOUT_SOURCES,
	.examples = "kiln source create app-source\n"
		    "kiln source add app-source src\n"
		    "kiln source push app-source registry.example/app:1-source\n",
	.options = create_options,
	.defaults = &create_defaults,
	.opts_size = sizeof(struct create_opts),
	.min_args = 1,
	.max_args = 1,
	.run = run_create,
};

/* --- add --- */

struct add_opts {
	struct list annotations;
};

#define OPTS add_opts
static const struct option add_options[] = {
	OPT_LIST(0, "annotation", annotations, "KEY=VALUE", "of the artifact's layer"),
	OPT_END,
};
#undef OPTS

static FALLIBLE check_annotations(const struct list *annotations)
{
	AUTO(list) struct list keys = { 0 };

	for (size_t i = 0; i < annotations->n; i++) {
		struct str key, value;

		if (!str_cut(str_of(annotations->p[i]), '=', &key, &value))
			return error_usage("invalid annotation \"%s\" (expected format is "
					   "\"key=value\")",
					annotations->p[i]);
		AUTO_FREE char *name = str_dup(key);
		if (list_has(&keys, name))
			return error_usage("annotation \"%s\" specified more than once", name);
		list_add(&keys, name);
	}
	return NULL;
}

static struct error *run_add(const struct invocation *call)
{
	/* The host's files as they are; for a user, those of the namespace that he is root in. */
	static const struct owner_policy plain = { .kind = OWNER_PLAIN };
	const struct add_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };

	TRY(check_annotations(&opts->annotations));
	TRY(session_open(call->config, SESSION_TREES, &session));
	const struct owner_policy *owner = &session.userns.owner;
	const struct sources_artifact artifact = { .path = call->args->p[1],
		.annotations = &opts->annotations,
		.policy = owner->kind == OWNER_RECORDED ? owner : &plain,
		.cancel = session.cancel };

	return sources_add(call->args->p[0], &artifact);
}

const struct command cmd_source_add = {
	.name = "source add",
	.args = "PATH ARTIFACT",
	.summary = "Add a file, or what is in a directory, to an image of sources",
	.description = ABOUT_SOURCES,
	.options = add_options,
	.opts_size = sizeof(struct add_opts),
	.min_args = 2,
	.max_args = 2,
	.run = run_add,
};

/* --- push, pull --- */

struct transfer_opts {
	bool quiet;
	char *digest_file;
};

#define OPTS transfer_opts
#define SHARED_ROWS                                                               \
	OPT_FLAG('q', "quiet", quiet, "show no progress"), INSECURE_REGISTRY_ROW, \
			REGISTRY_REACH_ROWS
static const struct option push_options[] = {
	OPT_TEXT(0, "digestfile", digest_file, "PATH", "write the manifest's digest to a file",
			.is_path = true),
	SHARED_ROWS,
	SIGN_ROWS,
	OPT_END,
};

static const struct option pull_options[] = {
	SHARED_ROWS,
	SIGNATURE_POLICY_ROW,
	OPT_END,
};
#undef SHARED_ROWS
#undef OPTS

/* A registry's name, with its host; "docker://" may stand before it. */
static FALLIBLE parse_image(const char *text, char **ret)
{
	AUTO(reference) struct reference reference = { 0 };

	if (text_starts(text, "docker://"))
		text += strlen("docker://");
	if (!reference_has_host(str_of(text)))
		return error_usage("pulling source images by short name (\"%s\") is not supported, "
				   "please use a fully-qualified name",
				text);
	TRY(reference_parse(str_of(text), &reference));
	*ret = reference_text(&reference);
	return NULL;
}

static FALLIBLE open_set(struct session *session, const char *name, struct image_set *ret)
{
	const struct image_homes homes = { .store = session->store,
		.registry = session->registry,
		.cancel = session->cancel,
		.trust = session->trust };

	TRY(image_set_open(&homes, name, PULL_ALWAYS, ret));
	return sources_check(ret);
}

static struct error *run_push(const struct invocation *call)
{
	const struct transfer_opts *opts = call->opts;
	AUTO_FREE char *from = xasprintf("oci:%s", call->args->p[0]);
	AUTO(destination) struct destination to = { .kind = TO_REGISTRY };
	AUTO(session) struct session session = { 0 };
	AUTO(image_set) struct image_set set = { 0 };
	char text[DIGEST_TEXT];

	TRY(parse_image(call->args->p[1], &to.name));
	TRY(session_open(call->config, SESSION_STORE | SESSION_REGISTRY, &session));
	TRY(open_set(&session, from, &set));
	TRY(destination_send_set(&session, &set, &to, opts->quiet, NULL));
	(void)digest_text(&set.digest, text);
	return opts->digest_file ? file_write_named(opts->digest_file, text, strlen(text), 0644)
				 : NULL;
}

const struct command cmd_source_push = {
	.name = "source push",
	.args = "PATH IMAGE",
	.summary = "Send an image of sources to a registry",
	.description = ABOUT_SOURCES " IMAGE has its registry's name in it.",
	.options = push_options,
	.opts_size = sizeof(struct transfer_opts),
	.min_args = 2,
	.max_args = 2,
	.run = run_push,
};

static struct error *run_pull(const struct invocation *call)
{
	const struct transfer_opts *opts = call->opts;
	const char *path = call->args->p[1];
	AUTO_FREE char *layout = xasprintf("oci:%s", path);
	AUTO_FREE char *name = NULL;
	AUTO(destination) struct destination to = { 0 };
	AUTO(session) struct session session = { 0 };
	AUTO(image_set) struct image_set set = { 0 };

	if (is_there(path))
		return error_new(ERR_EXISTS, "\"%s\" already exists", path);
	TRY(parse_image(call->args->p[0], &name));
	TRY(destination_parse(call->program, layout, TO_STORE, &to));
	bool is_new = !is_there(to.path);
	TRY(session_open(call->config, SESSION_STORE | SESSION_REGISTRY, &session));
	AUTO_FREE char *from = xasprintf("docker://%s", name);
	TRY(open_set(&session, from, &set));
	struct error *error = destination_send_set(&session, &set, &to, opts->quiet, NULL);
	if (error && is_new)
		error_ignore(file_remove_tree(AT_FDCWD, to.path), "the pull failed before");
	return error;
}

const struct command cmd_source_pull = {
	.name = "source pull",
	.args = "IMAGE PATH",
	.summary = "Fetch an image of sources into a new layout",
	.description = ABOUT_SOURCES " What is not one is refused.",
	.options = pull_options,
	.opts_size = sizeof(struct transfer_opts),
	.min_args = 2,
	.max_args = 2,
	.run = run_pull,
};
