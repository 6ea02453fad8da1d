/* rmi, tag, untag. */
#include "buildah/buildah.h"

#include "base/str.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "container/container.h"
#include "verbs/names.h"

#include <stdio.h>

struct rmi_opts {
	bool all, force, prune;
};

#define OPTS rmi_opts
static const struct option rmi_options[] = {
	OPT_FLAG('a', "all", all, "every image"),
	OPT_FLAG('f', "force", force, "with its names, and the containers that stand on it"),
	OPT_FLAG('p', "prune", prune, "every image without a name"),
	OPT_END,
};
#undef OPTS

static FALLIBLE remove_containers(struct session *session, const struct digest *image)
{
	AUTO(list) struct list ids = { 0 };

	TRY(container_users(session->store, image, &ids));
	for (size_t i = 0; i < ids.n; i++) {
		AUTO(container) struct container *container = NULL;

		TRY(container_open(session->store, ids.p[i], session->cancel, &container));
		TRY(container_remove(container));
	}
	return NULL;
}

/* What was done, and what could not be: Buildah tells it at the end, names before images. */
struct told {
	struct strbuf untagged, removed, errors;
	size_t n; /* of errors */
	struct error *first;
};

static void told_done(struct told *told)
{
	strbuf_done(&told->untagged);
	strbuf_done(&told->removed);
	strbuf_done(&told->errors);
	error_free(told->first);
}

DEFINE_AUTO_VALUE(told)

/* Takes error; NULL is fine. */
static void tell_error(struct told *told, struct error *error)
{
	if (!error)
		return;
	strbuf_addf(&told->errors, "\n\t* %s", error->message);
	told->n++;
	told->first = error_first(told->first, error);
}

static FALLIBLE tell(const struct told *told)
{
	(void)fputs(strbuf_text(&told->untagged), stdout);
	(void)fputs(strbuf_text(&told->removed), stdout);
	if (!told->first)
		return NULL;
	return error_new(told->first->kind, "%zu error%s occurred:%s\n", told->n,
			told->n == 1 ? "" : "s", strbuf_text(&told->errors));
}

static FALLIBLE drop(struct session *session, const struct tag_record *record, bool force,
		struct told *told)
{
	AUTO(list) struct list names = { 0 };
	char hex[DIGEST_HEX];

	if (force)
		TRY(remove_containers(session, &record->manifest));
	TRY(tag_names(session->store, &record->manifest, &names));
	TRY(tag_drop_image(session->store, &record->manifest));
	for (size_t i = 0; i < names.n; i++)
		strbuf_addf(&told->untagged, "untagged: %s\n", names.p[i]);
	strbuf_addf(&told->removed, "%s\n",
			digest_hex(digest_known(&record->config) ? &record->config
								 : &record->manifest,
					hex));
	return NULL;
}

static FALLIBLE remove_one(struct session *session, const char *program, const char *text,
		bool force, struct told *told)
{
	AUTO(tag_record) struct tag_record record = { 0 };
	AUTO(list) struct list names = { 0 };
	AUTO_FREE char *name = NULL;

	TRY(names_find(session->store, program, text, &record, &name));
	TRY(tag_names(session->store, &record.manifest, &names));
	if (name && names.n > 1) {
		TRY(tag_remove(session->store, name));
		strbuf_addf(&told->untagged, "untagged: %s\n", name);
		return NULL;
	}
	if (names.n > 1 && !force)
		return error_hint(error_new(ERR_INVALID,
						  "unable to delete image \"%s\" by ID with more "
						  "than one tag",
						  text),
				"use --force, or remove its names");
	return drop(session, &record, force, told);
}

static FALLIBLE remove_all(struct session *session, const struct rmi_opts *opts, struct told *told)
{
	AUTO(tag_list) struct tag_list images = { 0 };

	TRY(tag_list(session->store, &images));
	for (size_t i = 0; i < images.n; i++) {
		const struct tag_record *record = &images.p[i];

		if (opts->prune && record->name)
			continue;
		struct error *error = drop(session, record, opts->force, told);
		/* One image stands in the list once for each name. */
		if (error_is(error, ERR_NOT_FOUND))
			error_free(TAKE(error));
		tell_error(told, error);
	}
	return NULL;
}

static struct error *run_rmi(const struct invocation *call)
{
	const struct rmi_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	AUTO(told) struct told told = { 0 };

	if (call->args->n && (opts->all || opts->prune))
		return error_usage("when using the --%s switch, you may not pass any images names "
				   "or IDs",
				opts->all ? "all" : "prune");
	if (opts->all && opts->prune)
		return error_usage("when using the --all switch, you may not use --prune switch");
	if (!call->args->n && !opts->all && !opts->prune)
		return error_usage("image name or ID must be specified");
	TRY(session_open(call->config, SESSION_STORE | SESSION_REGISTRY | SESSION_TREES, &session));
	if (opts->all || opts->prune)
		TRY(remove_all(&session, opts, &told));
	for (size_t i = 0; i < call->args->n; i++)
		tell_error(&told, remove_one(&session, call->program, call->args->p[i], opts->force,
						  &told));
	return tell(&told);
}

const struct command buildah_rmi = {
	.name = "rmi",
	.args = "[IMAGE...]",
	.summary = "Remove names and images from the store",
	.options = rmi_options,
	.opts_size = sizeof(struct rmi_opts),
	.max_args = ARGS_ANY,
	.run = run_rmi,
};

static struct error *run_tag(const struct invocation *call)
{
	AUTO(session) struct session session = { 0 };
	AUTO(tag_record) struct tag_record record = { 0 };

	TRY(session_open(call->config, SESSION_STORE, &session));
	TRY(names_find(session.store, call->program, call->args->p[0], &record, NULL));
	for (size_t i = 1; i < call->args->n; i++) {
		AUTO_FREE char *name = NULL;

		TRY(names_new(call->program, call->args->p[i], &name));
		TRY(tag_put(session.store, name, &record.manifest, record.media_type));
	}
	return NULL;
}

const struct command buildah_tag = {
	.name = "tag",
	.args = "IMAGE NAME...",
	.summary = "Give an image further names",
	.min_args = 2,
	.max_args = ARGS_ANY,
	.run = run_tag,
};

static struct error *run_untag(const struct invocation *call)
{
	AUTO(session) struct session session = { 0 };
	AUTO(tag_record) struct tag_record record = { 0 };
	AUTO(list) struct list names = { 0 };

	TRY(session_open(call->config, SESSION_STORE, &session));
	TRY(names_find(session.store, call->program, call->args->p[0], &record, NULL));
	TRY(tag_names(session.store, &record.manifest, &names));
	for (size_t i = 0; call->args->n == 1 && i < names.n; i++)
		TRY(tag_remove(session.store, names.p[i]));
	for (size_t i = 1; i < call->args->n; i++) {
		AUTO(tag_record) struct tag_record other = { 0 };
		AUTO_FREE char *name = NULL;

		TRY(names_find(session.store, call->program, call->args->p[i], &other, &name));
		if (!name || !list_has(&names, name))
			return error_new(ERR_NOT_FOUND, "%s: tag not known", call->args->p[i]);
		TRY(tag_remove(session.store, name));
	}
	return NULL;
}

const struct command buildah_untag = {
	.name = "untag",
	.args = "IMAGE [NAME...]",
	.summary = "Take names away from an image",
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_untag,
};
