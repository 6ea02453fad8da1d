#include "kiln/commands.h"

#include "base/str.h"
#include "ui/image_names.h"
#include "ui/plain_text.h"
#include "ui/session.h"

#include <stdio.h>

static struct error *run_tag(const struct invocation *call)
{
	AUTO(session) struct session session = { 0 };
	AUTO(tag_record) struct tag_record record = { 0 };

	TRY(session_open(call->config, SESSION_STORE, &session));
	TRY(image_name_find(session.store, call->args->p[0], &record, NULL));
	for (size_t i = 1; i < call->args->n; i++) {
		AUTO_FREE char *name = NULL;

		TRY(image_name_complete(call->args->p[i], &name));
		TRY(tag_put(session.store, name, &record.manifest, record.media_type));
	}
	return NULL;
}

const struct command cmd_tag = {
	.name = "tag",
	.args = "IMAGE NAME[:TAG]...",
	.summary = "Give an image further names",
	.min_args = 2,
	.max_args = ARGS_ANY,
	.run = run_tag,
};

struct rmi_opts {
	bool force, all;
};

#define OPTS rmi_opts
static const struct option rmi_options[] = {
	OPT_FLAG('f', "force", force,
			"also an image with several names; no error if it is not there"),
	OPT_FLAG('a', "all", all, "every image"),
	OPT_END,
};
#undef OPTS

static FALLIBLE drop(struct store *store, const struct digest *manifest)
{
	AUTO(list) struct list names = { 0 };
	char text[DIGEST_TEXT];

	TRY(tag_names(store, manifest, &names));
	TRY(tag_drop_image(store, manifest));
	for (size_t i = 0; i < names.n; i++)
		(void)printf("untagged: %s\n", names.p[i]);
	(void)printf("deleted: %s\n", digest_text(manifest, text));
	return NULL;
}

/* A name goes away; the image with its last name. An ID takes the image, if it has one name. */
static FALLIBLE remove_one(struct store *store, const char *text, bool force)
{
	AUTO(tag_record) struct tag_record record = { 0 };
	AUTO(list) struct list names = { 0 };
	AUTO_FREE char *name = NULL;
	struct error *error = image_name_find(store, text, &record, &name);

	if (force && error_is(error, ERR_NOT_FOUND)) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	TRY(tag_names(store, &record.manifest, &names));
	if (name && names.n > 1) {
		TRY(tag_remove(store, name));
		(void)printf("untagged: %s\n", name);
		return NULL;
	}
	if (names.n > 1 && !force)
		return error_hint(error_new(ERR_INVALID, "image '%s' has %zu names", text, names.n),
				"remove one of them by its name, or all with --force");
	return drop(store, &record.manifest);
}

static FALLIBLE remove_all(struct store *store)
{
	AUTO(tag_list) struct tag_list images = { 0 };

	TRY(tag_list(store, &images));
	for (size_t i = 0; i < images.n; i++) {
		struct error *error = drop(store, &images.p[i].manifest);

		/* One image stands in the list once for each name. */
		if (!error_is(error, ERR_NOT_FOUND))
			TRY(error);
		error_free(error);
	}
	return NULL;
}

static struct error *run_rmi(const struct invocation *call)
{
	const struct rmi_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	struct error *first = NULL;

	if (!opts->all && call->args->n == 0)
		return error_hint(error_usage("'%s rmi' needs an image", call->program),
				"--all removes every one");
	if (opts->all && call->args->n > 0)
		return error_usage("option '--all' and names exclude each other");
	TRY(session_open(call->config, SESSION_STORE, &session));
	if (opts->all)
		return remove_all(session.store);
	/* One that is not there does not keep the others. */
	for (size_t i = 0; i < call->args->n; i++)
		first = error_first(
				first, remove_one(session.store, call->args->p[i], opts->force));
	return first;
}

const struct command cmd_rmi = {
	.name = "rmi",
	.args = "IMAGE...",
	.summary = "Remove names and images from the store",
	.description = "An image goes with its last name. Its layers stay as cache until 'kiln "
		       "prune' "
		       "takes them.",
	.options = rmi_options,
	.opts_size = sizeof(struct rmi_opts),
	.max_args = ARGS_ANY,
	.run = run_rmi,
};
