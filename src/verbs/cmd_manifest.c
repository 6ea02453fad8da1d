/*
 * manifest: lists of images for several platforms, made by hand: create, add, annotate, remove,
 * inspect; cmd_manifest_push.c has push. Messages and what is printed are Buildah's.
 */
#include "verbs/verbs.h"

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "store/blob.h"
#include "sys/fd.h"
#include "ui/plain_text.h"
#include "ui/registry_flags.h"
#include "verbs/destination.h"
#include "verbs/manifest_artifact.h"
#include "verbs/names.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { STATUS_NOT_THERE = 1 };

static const char *hex_of(const struct digest *digest, char buf[static DIGEST_HEX])
{
	return digest_hex(digest, buf);
}

/* --- create --- */

struct create_opts {
	bool all, amend, replace, quiet;
	struct list annotations;
};

#define OPTS create_opts
static const struct option create_options[] = {
	OPT_FLAG(0, "all", all, "of an index every image, not the host's alone"),
	OPT_FLAG(0, "amend", amend, "add to a list that is there already"),
	OPT_FLAG(0, "replace", replace, "in the place of a list that is there already"),
	OPT_LIST(0, "annotation", annotations, "KEY=VALUE", "of the list"),
	OPT_FLAG('q', "quiet", quiet, "show no progress"),
	INSECURE_REGISTRY_ROW,
	REGISTRY_REACH_ROWS,
	SIGNATURE_POLICY_ROW,
	OPT_END,
};
#undef OPTS

/* What --amend finds: a list, or an image, which becomes the first of a new one. */
static FALLIBLE amend(struct session *session, const struct invocation *call, const char *text,
		const char *name, struct manifest_list *ret)
{
	static const struct list_change nothing = { 0 };
	const struct create_opts *opts = call->opts;
	struct digest added = { 0 };
	struct error *error = manifest_list_open(session, call->program, text, ret);

	if (!error_is(error, ERR_INVALID))
		return error;
	error_ignore(error, "it is an image");
	manifest_list_done(ret);
	*ret = (struct manifest_list){ .name = xstrdup(name) };
	return manifest_list_add(session, ret, call->program, text, opts->all, &nothing,
			opts->quiet, &added);
}

/* The list under its name: the one that is there, or an empty one. */
static FALLIBLE begin_list(
		struct session *session, const struct invocation *call, struct manifest_list *ret)
{
	const struct create_opts *opts = call->opts;
	const char *text = call->args->p[0];
	AUTO_FREE char *name = NULL;
	AUTO(tag_record) struct tag_record record = { 0 };

	TRY(names_new(call->program, text, &name));
	struct error *error = tag_get(session->store, name, &record);
	if (error_is(error, ERR_NOT_FOUND)) {
		error_free(error);
		ret->name = TAKE(name);
		return NULL;
	}
	TRY(error);
	if (opts->amend)
		return amend(session, call, text, name, ret);
	if (!opts->replace)
		return error_hint(error_new(ERR_EXISTS, "that name is already in use: '%s' is '%s'",
						  text, name),
				"--amend adds to it, --replace begins anew");
	ret->name = TAKE(name);
	/* The old list goes, an image stays without the name. */
	if (mediatype_role(record.media_type) == MEDIA_INDEX)
		ret->digest = record.manifest;
	return NULL;
}

static FALLIBLE annotate_index(struct manifest_list *list, const struct list *annotations)
{
	for (size_t i = 0; i < annotations->n; i++) {
		struct str key, value;

		if (!str_cut(str_of(annotations->p[i]), '=', &key, &value))
			return error_usage("annotation '%s' is not KEY=VALUE", annotations->p[i]);
		AUTO_FREE char *name = str_dup(key);
		list_env_set(&list->index.annotations, name, value.p);
	}
	return NULL;
}

static struct error *run_create(const struct invocation *call)
{
	static const struct list_change nothing = { 0 };
	const struct create_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	AUTO(manifest_list) struct manifest_list list = { 0 };
	struct digest added = { 0 };
	char hex[DIGEST_HEX];

	if (opts->amend && opts->replace)
		return error_usage("--amend and --replace are mutually exclusive");
	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY |
					session_needs_of(call->config, call->args),
			&session));
	TRY(begin_list(&session, call, &list));
	TRY(annotate_index(&list, &opts->annotations));
	for (size_t i = 1; i < call->args->n; i++)
		TRY(manifest_list_add(&session, &list, call->program, call->args->p[i], opts->all,
				&nothing, opts->quiet, &added));
	TRY(manifest_list_save(&session, &list));
	(void)printf("%s\n", hex_of(&list.digest, hex));
	return NULL;
}

const struct command cmd_manifest_create = {
	.name = "manifest create",
	.args = "LIST [IMAGE...]",
	.summary = "Make a list of images for several platforms",
	.description = "Prints the ID of the list.",
	.examples = "kiln manifest create app:1 app-amd64:1 app-arm64:1\n"
		    "kiln manifest push app:1 docker://registry.example/app:1\n",
	.options = create_options,
	.opts_size = sizeof(struct create_opts),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_create,
};

/* --- add --- */

struct add_opts {
	bool all, quiet, artifact, exclude_titles;
	char *os, *architecture, *variant, *os_version, *type, *config, *config_type, *layer_type,
			*subject;
	struct list annotations, artifact_annotations, os_features, features;
};

#define OPTS add_opts
static const struct option add_options[] = {
	OPT_FLAG(0, "all", all, "of an index every image, not the host's alone"),
	OPT_LIST(0, "annotation", annotations, "KEY=VALUE", "of the entry"),
	OPT_TEXT(0, "os", os, "OS", "what the list says it runs on"),
	OPT_TEXT(0, "arch", architecture, "ARCH", "the same"),
	OPT_TEXT(0, "override-os", os, "OS", "--os", .is_hidden = true),
	OPT_TEXT(0, "override-arch", architecture, "ARCH", "--arch", .is_hidden = true),
	OPT_TEXT(0, "variant", variant, "VARIANT", "the same"),
	OPT_TEXT(0, "os-version", os_version, "VERSION", "the same"),
	OPT_LIST(0, "os-features", os_features, "NAME,...", "what it needs of its system"),
	OPT_FLAG('q', "quiet", quiet, "show no progress"),
	INSECURE_REGISTRY_ROW,
	REGISTRY_REACH_ROWS,
	SIGNATURE_POLICY_ROW,
	OPT_HEADING("Artifacts"),
	OPT_FLAG(0, "artifact", artifact, "what is added is an artifact of these files"),
	OPT_TEXT(0, "artifact-type", type, "TYPE", "what it is; " UNKNOWN_ARTIFACT),
	OPT_TEXT(0, "artifact-config", config, "FILE", "its config; an empty one", .is_path = true),
	OPT_TEXT(0, "artifact-config-type", config_type, "TYPE", "media type of that"),
	OPT_TEXT(0, "artifact-layer-type", layer_type, "TYPE", "media type of each file; guessed"),
	OPT_FLAG(0, "artifact-exclude-titles", exclude_titles,
			"no annotations with the files' names"),
	OPT_TEXT(0, "artifact-subject", subject, "IMAGE", "what it is about"),
	OPT_LIST(0, "artifact-annotation", artifact_annotations, "KEY=VALUE", "of its manifest"),
	OPT_LIST(0, "features", features, "NAME,...", "what it needs of the processor"),
	OPT_END,
};
#undef OPTS

static FALLIBLE check_add(const struct add_opts *opts, size_t n_args)
{
	bool is_said = opts->type || opts->config || opts->config_type || opts->layer_type ||
		       opts->exclude_titles || opts->subject || opts->artifact_annotations.n;

	if (is_said && !opts->artifact)
		return error_usage("options '--artifact-...' are for '--artifact'");
	if (!opts->artifact && n_args < 2)
		return error_usage("'manifest add' takes a list and an image");
	return NULL;
}

static FALLIBLE add_artifact(struct session *session, const struct invocation *call,
		struct manifest_list *list, const struct list_change *change, struct digest *ret)
{
	const struct add_opts *opts = call->opts;
	const struct artifact artifact = { .type = opts->type,
		.config = opts->config,
		.config_type = opts->config_type,
		.layer_type = opts->layer_type,
		.subject = opts->subject,
		.has_no_titles = opts->exclude_titles,
		.annotations = &opts->artifact_annotations,
		.files = (const char *const *)call->args->p + 1,
		.file_count = call->args->n - 1 };

	return manifest_list_add_artifact(session, list, call->program, &artifact, change, ret);
}

static struct error *run_add(const struct invocation *call)
{
	const struct add_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	AUTO(manifest_list) struct manifest_list list = { 0 };
	const struct list_change change = { opts->os, opts->architecture, opts->variant,
		opts->os_version, &opts->annotations, &opts->os_features, &opts->features };
	struct digest added = { 0 };
	char hex[DIGEST_HEX], text[DIGEST_TEXT];

	TRY(check_add(opts, call->args->n));
	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY |
					session_needs_of(call->config, call->args),
			&session));
	TRY(manifest_list_open(&session, call->program, call->args->p[0], &list));
	if (opts->artifact)
		TRY(add_artifact(&session, call, &list, &change, &added));
	for (size_t i = 1; i < call->args->n && !opts->artifact; i++)
		TRY(manifest_list_add(&session, &list, call->program, call->args->p[i], opts->all,
				&change, opts->quiet, &added));
	TRY(manifest_list_save(&session, &list));
	(void)printf("%s: %s\n", hex_of(&list.digest, hex), digest_text(&added, text));
	return NULL;
}

const struct command cmd_manifest_add = {
	.name = "manifest add",
	.args = "LIST IMAGE|FILE...",
	.summary = "Add images to a list, or an artifact of files",
	.description = "Prints the ID of the list, and the digest of what was added.",
	.examples = "kiln manifest add --all app:1 docker://registry.example/app:1\n"
		    "kiln manifest add --artifact --artifact-subject app:1 app:1 sbom.json\n",
	.options = add_options,
	.opts_size = sizeof(struct add_opts),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_add,
};

/* --- annotate --- */

struct annotate_opts {
	bool index;
	char *os, *architecture, *variant, *os_version, *subject;
	struct list annotations, os_features, features;
};

#define OPTS annotate_opts
static const struct option annotate_options[] = {
	OPT_LIST(0, "annotation", annotations, "KEY=VALUE", "of the entry"),
	OPT_FLAG(0, "index", index, "the annotations are the list's own"),
	OPT_TEXT(0, "os", os, "OS", "what the list says it runs on"),
	OPT_TEXT(0, "arch", architecture, "ARCH", "the same"),
	OPT_TEXT(0, "variant", variant, "VARIANT", "the same"),
	OPT_TEXT(0, "os-version", os_version, "VERSION", "the same"),
	OPT_LIST(0, "os-features", os_features, "NAME,...", "what it needs of its system"),
	OPT_TEXT(0, "subject", subject, "IMAGE", "what the list is about; as --index"),
	INSECURE_REGISTRY_ROW,
	REGISTRY_REACH_ROWS,
	OPT_LIST(0, "features", features, "NAME,...", "what it needs of the processor"),
	OPT_END,
};
#undef OPTS

/* What is said of the list itself. */
static FALLIBLE change_index(
		struct session *session, const struct invocation *call, struct manifest_list *list)
{
	const struct annotate_opts *opts = call->opts;
	struct descriptor subject = { 0 };

	TRY(annotate_index(list, &opts->annotations));
	if (!opts->subject)
		return NULL;
	if (list->index.format == FORMAT_DOCKER)
		return error_new(ERR_UNSUPPORTED,
				"'%s' is a list of Docker's format, which has no subject",
				call->args->p[0]);
	TRY_WRAP(manifest_list_subject(session, call->program, opts->subject, &subject),
			"subject '%s'", opts->subject);
	descriptor_done(&list->index.subject);
	list->index.subject = subject;
	list->index.has_subject = true;
	return NULL;
}

static struct error *run_annotate(const struct invocation *call)
{
	const struct annotate_opts *opts = call->opts;
	bool is_of_index = opts->index || opts->subject;
	AUTO(session) struct session session = { 0 };
	AUTO(manifest_list) struct manifest_list list = { 0 };
	const struct list_change change = { opts->os, opts->architecture, opts->variant,
		opts->os_version, is_of_index ? NULL : &opts->annotations, &opts->os_features,
		&opts->features };
	struct descriptor *entry = NULL;
	char hex[DIGEST_HEX], text[DIGEST_TEXT];

	if (!is_of_index && call->args->n != 2)
		return error_usage("'manifest annotate' takes a list and a digest of it");
	TRY(session_open(call->config, SESSION_STORE | (opts->subject ? SESSION_REGISTRY : 0),
			&session));
	TRY(manifest_list_open(&session, call->program, call->args->p[0], &list));
	if (is_of_index)
		TRY(change_index(&session, call, &list));
	if (call->args->n == 2) {
		TRY(manifest_list_find(&session, call->program, &list, call->args->p[1], &entry));
		TRY(manifest_list_change(entry, &change));
	}
	TRY(manifest_list_save(&session, &list));
	(void)printf("%s: %s\n", hex_of(&list.digest, hex),
			entry ? digest_text(&entry->digest, text) : list.name);
	return NULL;
}

const struct command cmd_manifest_annotate = {
	.name = "manifest annotate",
	.args = "LIST [DIGEST|IMAGE]",
	.summary = "Change what a list says of an image, or of itself",
	.options = annotate_options,
	.opts_size = sizeof(struct annotate_opts),
	.min_args = 1,
	.max_args = 2,
	.run = run_annotate,
};

/* --- inspect, exists, remove, rm --- */

#define OPTS create_opts
static const struct option inspect_options[] = {
	INSECURE_REGISTRY_ROW,
	REGISTRY_REACH_ROWS,
	OPT_END,
};
#undef OPTS

/* As it lies, and as a person can read it. */
static FALLIBLE print_document(const char *json, size_t n)
{
	json_error_t where;
	json_t *document = json_loadb(json, n, 0, &where);
	AUTO_FREE char *text = document ? plain_text_of_json(document, 4) : NULL;

	json_decref(document);
	if (!text)
		return error_new(ERR_INVALID, "the manifest is not JSON: %s", where.text);
	(void)printf("%s\n", text);
	return NULL;
}

static struct error *run_inspect(const struct invocation *call)
{
	AUTO(session) struct session session = { 0 };
	AUTO(image_set) struct image_set set = { 0 };
	AUTO(tag_record) struct tag_record record = { 0 };
	AUTO_FREE char *json = NULL;
	const char *text = call->args->p[0];
	size_t n = 0;

	TRY(session_open(call->config, SESSION_STORE | SESSION_REGISTRY, &session));
	const struct image_homes homes = { .store = session.store,
		.registry = session.registry,
		.cancel = session.cancel,
		.trust = session.trust };
	struct error *error = names_find(session.store, call->program, text, &record, NULL);
	if (!error) {
		TRY(blob_read(session.store, &record.manifest, LIMIT_MANIFEST_BYTES, &json, &n));
		return print_document(json, n);
	}
	error_ignore(error, "it may be in a registry");
	TRY(image_set_open(&homes, text, PULL_ALWAYS, &set));
	return print_document(set.json, set.n);
}

const struct command cmd_manifest_inspect = {
	.name = "manifest inspect",
	.args = "LIST",
	.summary = "Show a list, of the store or of a registry",
	.options = inspect_options,
	.opts_size = sizeof(struct create_opts),
	.min_args = 1,
	.max_args = 1,
	.run = run_inspect,
};

static struct error *run_exists(const struct invocation *call)
{
	AUTO(session) struct session session = { 0 };
	AUTO(manifest_list) struct manifest_list list = { 0 };

	TRY(session_open(call->config, SESSION_STORE, &session));
	struct error *error = manifest_list_open(&session, call->program, call->args->p[0], &list);
	/* That it is an image and no list is an error of another kind. */
	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	error_free(error);
	return error_code(ERR_EXIT, STATUS_NOT_THERE, "there is no manifest list '%s'",
			call->args->p[0]);
}

const struct command cmd_manifest_exists = {
	.name = "manifest exists",
	.args = "LIST",
	.summary = "Tell by exit status whether there is such a list",
	.description = "0: there is; 1: there is not.",
	.min_args = 1,
	.max_args = 1,
	.run = run_exists,
};

static struct error *run_remove(const struct invocation *call)
{
	AUTO(session) struct session session = { 0 };
	AUTO(manifest_list) struct manifest_list list = { 0 };
	struct descriptor *entry = NULL;
	char hex[DIGEST_HEX], text[DIGEST_TEXT];

	TRY(session_open(call->config, SESSION_STORE, &session));
	TRY(manifest_list_open(&session, call->program, call->args->p[0], &list));
	TRY(manifest_list_find(&session, call->program, &list, call->args->p[1], &entry));
	struct digest removed = entry->digest;
	size_t at = (size_t)(entry - list.index.manifests.p);
	descriptor_done(entry);
	memmove(entry, entry + 1, (list.index.manifests.n - at - 1) * sizeof(*entry));
	list.index.manifests.n--;
	TRY(manifest_list_save(&session, &list));
	(void)printf("%s: %s\n", hex_of(&list.digest, hex), digest_text(&removed, text));
	return NULL;
}

const struct command cmd_manifest_remove = {
	.name = "manifest remove",
	.args = "LIST DIGEST|IMAGE",
	.summary = "Take an image out of a list",
	.min_args = 2,
	.max_args = 2,
	.run = run_remove,
};

static struct error *run_rm(const struct invocation *call)
{
	AUTO(session) struct session session = { 0 };
	AUTO(list) struct list told = { 0 };
	struct error *first = NULL;

	TRY(session_open(call->config, SESSION_STORE, &session));
	for (size_t i = 0; i < call->args->n; i++)
		first = error_first(first, manifest_list_drop(&session, call->program,
							   call->args->p[i], &told));
	for (size_t i = 0; i < told.n; i++)
		(void)printf("%s\n", told.p[i]);
	return first;
}

const struct command cmd_manifest_rm = {
	.name = "manifest rm",
	.args = "LIST...",
	.summary = "Remove lists, not the images in them",
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_rm,
};
