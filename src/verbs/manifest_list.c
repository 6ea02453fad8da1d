#include "verbs/manifest_list.h"

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "store/blob.h"
#include "ui/show.h"
#include "verbs/names.h"

#include <stdio.h>
#include <string.h>

void manifest_list_done(struct manifest_list *list)
{
	free(list->name);
	image_index_done(&list->index);
}

FALLIBLE manifest_list_open(struct session *session, const char *program, const char *text,
		struct manifest_list *ret)
{
	AUTO(tag_record) struct tag_record record = { 0 };
	AUTO_FREE char *json = NULL;
	size_t n = 0;

	TRY(names_find(session->store, program, text, &record, &ret->name));
	ret->digest = record.manifest;
	TRY(blob_read(session->store, &record.manifest, LIMIT_MANIFEST_BYTES, &json, &n));
	if (manifest_sniff((struct str){ json, n }, record.media_type) != MEDIA_INDEX)
		return error_hint(error_new(ERR_INVALID, "'%s' is an image, not a manifest list",
						  text),
				"'%s manifest create' makes a list", program);
	return image_index_parse((struct str){ json, n }, record.media_type, &ret->index);
}

FALLIBLE manifest_list_find_whole(struct session *session, const char *program, const char *text,
		struct manifest_list *ret, bool *ret_is)
{
	struct error *error = manifest_list_open(session, program, text, ret);

	*ret_is = !error;
	if (error_is(error, ERR_NOT_FOUND) || error_is(error, ERR_INVALID)) {
		error_ignore(error, "it is no list");
		return NULL;
	}
	TRY(error);
	for (size_t i = 0; i < ret->index.manifests.n && *ret_is; i++)
		TRY(blob_has(session->store, &ret->index.manifests.p[i].digest, ret_is, NULL));
	return NULL;
}

FALLIBLE manifest_list_begin(struct session *session, const char *program, const char *text,
		struct manifest_list *ret)
{
	AUTO(tag_record) struct tag_record record = { 0 };
	AUTO_FREE char *name = NULL;

	TRY(names_new(program, text, &name));
	struct error *error = tag_get(session->store, name, &record);
	if (error_is(error, ERR_NOT_FOUND)) {
		error_free(error);
		ret->name = TAKE(name);
		return NULL;
	}
	TRY(error);
	error = manifest_list_open(session, program, name, ret);
	if (!error_is(error, ERR_INVALID))
		return error;
	return error_wrap(error, "that name is already in use: '%s' is '%s'", text, name);
}

static FALLIBLE set_part(const char *what, const char *value, char *part, size_t size)
{
	if (!value)
		return NULL;
	if (strlen(value) >= size)
		return error_new(ERR_LIMIT, "%s '%s' is longer than %zu bytes", what, value,
				size - 1);
	(void)snprintf(part, size, "%s", value);
	return NULL;
}

static void set_features(const struct list *wanted, struct list *ret)
{
	list_done(ret);
	for (size_t i = 0; i < wanted->n; i++)
		for (struct str rest = str_of(wanted->p[i]), name; rest.n;) {
			(void)str_cut(rest, ',', &name, &rest);
			if (name.n)
				list_addf(ret, "%.*s", STR_ARG(name));
		}
}

FALLIBLE manifest_list_change(struct descriptor *entry, const struct list_change *change)
{
	struct platform *platform = &entry->platform;

	TRY(set_part("os", change->os, platform->os, sizeof(platform->os)));
	TRY(set_part("architecture", change->architecture, platform->architecture,
			sizeof(platform->architecture)));
	TRY(set_part("variant", change->variant, platform->variant, sizeof(platform->variant)));
	TRY(set_part("os version", change->os_version, platform->os_version,
			sizeof(platform->os_version)));
	entry->has_platform = platform->os[0] || platform->architecture[0];
	if (change->os_features && change->os_features->n)
		set_features(change->os_features, &entry->os_features);
	if (change->features && change->features->n)
		set_features(change->features, &entry->features);
	for (size_t i = 0; change->annotations && i < change->annotations->n; i++) {
		struct str key, value;

		if (!str_cut(str_of(change->annotations->p[i]), '=', &key, &value))
			return error_new(ERR_INVALID, "annotation '%s' is not KEY=VALUE",
					change->annotations->p[i]);
		AUTO_FREE char *name = str_dup(key);
		list_env_set(&entry->annotations, name, value.p);
	}
	return NULL;
}

static bool same_digest(const struct descriptor *entry, const struct digest *digest)
{
	return digest_equal(&entry->digest, digest);
}

struct descriptor *manifest_list_place(struct manifest_list *list, const struct digest *digest)
{
	for (size_t i = 0; i < list->index.manifests.n; i++)
		if (same_digest(&list->index.manifests.p[i], digest)) {
			descriptor_done(&list->index.manifests.p[i]);
			list->index.manifests.p[i] = (struct descriptor){ 0 };
			return &list->index.manifests.p[i];
		}
	return vec_add(&list->index.manifests);
}

/* What its config says it runs on; an artifact says nothing. */
static FALLIBLE add_manifest(struct session *session, struct manifest_list *list,
		const struct image_set *set, struct descriptor **ret)
{
	AUTO(manifest) struct manifest manifest = { 0 };
	AUTO(image_config) struct image_config config = { 0 };
	AUTO_FREE char *json = NULL;
	size_t n = 0;

	TRY(manifest_parse((struct str){ set->json, set->n }, set->media_type, &manifest));
	struct descriptor *entry = manifest_list_place(list, &set->digest);
	*entry = descriptor_make(set->media_type, set->digest, set->n);
	if (manifest.artifact_type)
		entry->artifact_type = xstrdup(manifest.artifact_type);
	*ret = entry;
	if (mediatype_role(manifest.config.media_type) != MEDIA_CONFIG)
		return NULL;
	TRY(blob_read(session->store, &manifest.config.digest, LIMIT_CONFIG_BYTES, &json, &n));
	TRY(image_config_parse((struct str){ json, n }, &config));
	entry->platform = config.platform;
	entry->has_platform = config.platform.os[0] != '\0';
	list_add_all(&entry->os_features, &config.os_features);
	return NULL;
}

static FALLIBLE add_index(struct manifest_list *list, const struct image_set *set,
		const struct list_change *change, struct digest *ret)
{
	AUTO(image_index) struct image_index index = { 0 };

	TRY(image_index_parse((struct str){ set->json, set->n }, set->media_type, &index));
	for (size_t i = 0; i < index.manifests.n; i++) {
		const struct descriptor *from = &index.manifests.p[i];
		struct descriptor *entry = manifest_list_place(list, &from->digest);

		descriptor_copy(from, entry);
		TRY(manifest_list_change(entry, change));
		*ret = from->digest;
	}
	return NULL;
}

/* The set, or of an index the host's image alone. */
static FALLIBLE choose(
		const struct image_homes *homes, const char *text, bool all, struct image_set *ret)
{
	AUTO(image) struct image *image = NULL;

	TRY(image_set_open(homes, text, PULL_MISSING, ret));
	if (!ret->is_index || all)
		return NULL;
	TRY(image_open(homes, text, PULL_MISSING, &image));
	image_set_done(ret);
	return image_set_of(image, ret);
}

/* A name of the store in whatever spelling; anything else as it is. */
static char *source_name(struct session *session, const char *program, const char *text)
{
	AUTO(tag_record) struct tag_record record = { 0 };
	char *name = NULL;
	char digest[DIGEST_TEXT];
	struct error *error = names_find(session->store, program, text, &record, &name);

	if (error) {
		error_ignore(error, "it is elsewhere then");
		return xstrdup(text);
	}
	return name ? name : xasprintf("store:%s", digest_text(&record.manifest, digest));
}

FALLIBLE manifest_list_add(struct session *session, struct manifest_list *list, const char *program,
		const char *text, bool all, const struct list_change *change, bool quiet,
		struct digest *ret)
{
	const struct image_homes homes = { .store = session->store,
		.registry = session->registry,
		.cancel = session->cancel,
		.trust = session->trust,
		.podman = &session->podman };
	AUTO(image_set) struct image_set set = { 0 };
	AUTO(show) struct show show = { 0 };
	AUTO_FREE char *name = source_name(session, program, text);
	struct descriptor *entry = NULL;

	TRY_WRAP(choose(&homes, name, all, &set), "add '%s'", text);
	TRY(show_open_copy(session->config, quiet, &show));
	show_begin(&show, "adding %s", text);
	TRY(show_end(&show, image_set_keep(&set, session->store, session->cancel, &show.copies)));
	if (set.is_index)
		return add_index(list, &set, change, ret);
	*ret = set.digest;
	TRY(add_manifest(session, list, &set, &entry));
	return manifest_list_change(entry, change);
}

/* A digest, or the name of an image here; an index that was added whole is not one entry. */
static FALLIBLE digest_of_entry(
		struct session *session, const char *program, const char *text, struct digest *ret)
{
	AUTO(tag_record) struct tag_record record = { 0 };
	struct error *error = digest_parse(str_of(text), ret);

	if (!error || text_starts(text, "sha256:"))
		return error;
	error_free(error);
	TRY(names_find(session->store, program, text, &record, NULL));
	*ret = record.manifest;
	return NULL;
}

FALLIBLE manifest_list_find(struct session *session, const char *program,
		struct manifest_list *list, const char *text, struct descriptor **ret)
{
	struct digest digest = { 0 };

	TRY(digest_of_entry(session, program, text, &digest));
	for (size_t i = 0; i < list->index.manifests.n; i++)
		if (same_digest(&list->index.manifests.p[i], &digest)) {
			*ret = &list->index.manifests.p[i];
			return NULL;
		}
	return error_new(ERR_NOT_FOUND, "there is no '%s' in the manifest list '%s'", text,
			list->name ? list->name : "");
}

FALLIBLE manifest_list_subject(struct session *session, const char *program, const char *text,
		struct descriptor *ret)
{
	const struct image_homes homes = { .store = session->store,
		.registry = session->registry,
		.cancel = session->cancel,
		.trust = session->trust };
	AUTO(manifest) struct manifest manifest = { 0 };
	AUTO(image_set) struct image_set set = { 0 };
	AUTO_FREE char *name = source_name(session, program, text);

	TRY(image_set_open(&homes, name, PULL_MISSING, &set));
	if (!set.is_index)
		TRY(manifest_parse((struct str){ set.json, set.n }, set.media_type, &manifest));
	*ret = descriptor_make(set.media_type, set.digest, set.n);
	ret->artifact_type = TAKE(manifest.artifact_type);
	return NULL;
}

FALLIBLE manifest_list_save(struct session *session, struct manifest_list *list)
{
	AUTO_FREE char *json = NULL;
	AUTO(list) struct list names = { 0 };
	struct digest old = list->digest;

	if (!list->index.format)
		list->index.format = FORMAT_OCI;
	json = image_index_print(&list->index);
	TRY(blob_put(session->store, json, strlen(json), &list->digest));
	TRY(tag_put(session->store, list->name, &list->digest, NULL));
	if (!digest_known(&old) || digest_equal(&old, &list->digest))
		return NULL;
	/* What the name stood for before is nobody's, unless it has another name. */
	TRY(tag_names(session->store, &old, &names));
	if (names.n)
		return NULL;
	struct error *error = tag_drop_image(session->store, &old);
	if (error_is(error, ERR_NOT_FOUND) || error_is(error, ERR_BUSY)) {
		error_ignore(error, "somebody else took care of it");
		return NULL;
	}
	return error;
}

FALLIBLE manifest_list_take_in(struct session *session, const char *program, const char *text,
		const struct digest *manifest, bool quiet)
{
	static const struct list_change nothing = { 0 };
	AUTO(manifest_list) struct manifest_list list = { 0 };
	struct digest added = { 0 };
	char digest[DIGEST_TEXT];

	TRY(manifest_list_begin(session, program, text, &list));
	AUTO_FREE char *image = xasprintf("store:%s", digest_text(manifest, digest));
	TRY(manifest_list_add(session, &list, program, image, true, &nothing, quiet, &added));
	return manifest_list_save(session, &list);
}

FALLIBLE manifest_list_drop(
		struct session *session, const char *program, const char *text, struct list *told)
{
	AUTO(manifest_list) struct manifest_list list = { 0 };
	AUTO(list) struct list names = { 0 };
	char hex[DIGEST_HEX];

	TRY(manifest_list_open(session, program, text, &list));
	if (list.name)
		TRY(tag_remove(session->store, list.name));
	TRY(tag_names(session->store, &list.digest, &names));
	if (!names.n)
		TRY(tag_drop_image(session->store, &list.digest));
	bool tells_names = list.name && text_equal(program, "buildah");
	if (tells_names)
		list_addf(told, "untagged: %s", list.name);
	if (!tells_names || !names.n)
		list_add(told, digest_hex(&list.digest, hex));
	return NULL;
}
