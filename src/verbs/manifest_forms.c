#include "verbs/manifest_forms.h"

#include "base/limits.h"
#include "base/str.h"
#include "store/blob.h"

/* What containers/image looks for where it may choose: entries without it are gzip's. */
#define IS_ZSTD "io.github.containers.compression.zstd"

struct forming {
	struct session *session;
	const struct list_form *form;
	struct pool *pool;
	struct image_source *source; /* the store */
	struct image_index *index;   /* the new one */
};

void list_form_done(struct list_form *form)
{
	vec_done(&form->added);
}

bool list_form_is_as_it_is(const struct list_form *form)
{
	return !form->form.format && !form->form.compression && !form->added.n;
}

/* *ret stays NULL for an artifact, or an index within. */
static FALLIBLE open_entry(
		struct forming *forming, const struct descriptor *entry, struct image **ret)
{
	struct store *store = forming->session->store;
	AUTO(manifest) struct manifest manifest = { 0 };
	AUTO_FREE char *json = NULL;
	AUTO_FREE char *config = NULL;
	char text[DIGEST_TEXT];
	size_t n = 0;

	if (mediatype_role(entry->media_type) == MEDIA_INDEX)
		return NULL;
	TRY(blob_read(store, &entry->digest, LIMIT_MANIFEST_BYTES, &json, &n));
	TRY(manifest_parse((struct str){ json, n }, entry->media_type, &manifest));
	if (mediatype_role(manifest.config.media_type) != MEDIA_CONFIG || manifest.artifact_type)
		return NULL;
	TRY(blob_read(store, &manifest.config.digest, LIMIT_CONFIG_BYTES, &config, &n));
	return image_make(digest_text(&entry->digest, text), json, config, forming->source, ret);
}

static FALLIBLE convert(struct forming *forming, const struct image *image,
		const struct image_form *form, struct descriptor *entry)
{
	AUTO(image) struct image *made = NULL;

	TRY(image_convert(image, forming->session->store, form, forming->pool,
			forming->session->cancel, &made));
	free(entry->media_type);
	entry->media_type = xstrdup(made->manifest.media_type);
	entry->digest = made->digest;
	entry->size = made->manifest_bytes;
	return NULL;
}

static FALLIBLE add_as_is(struct forming *forming, const struct descriptor *from)
{
	const struct image_form *form = &forming->form->form;
	AUTO(image) struct image *image = NULL;
	struct descriptor *entry = vec_add(&forming->index->manifests);
	char text[DIGEST_TEXT];

	descriptor_copy(from, entry);
	TRY(open_entry(forming, from, &image));
	if (image)
		return convert(forming, image, form, entry);
	if (form->format == FORMAT_DOCKER)
		return error_new(ERR_UNSUPPORTED,
				"'%s' is no image: Docker's format has no place for it",
				digest_text(&from->digest, text));
	return NULL;
}

static bool is_in(const struct image *image, enum compression compression)
{
	for (size_t i = 0; i < image->manifest.layers.n; i++)
		if (mediatype_compression(image->manifest.layers.p[i].media_type) != compression)
			return false;
	return true;
}

/* The platform has one in that compression already. */
static FALLIBLE has_variant(struct forming *forming, const struct manifest_list *list,
		const struct platform *platform, enum compression compression, bool *ret)
{
	for (size_t i = 0; i < list->index.manifests.n && !*ret; i++) {
		const struct descriptor *entry = &list->index.manifests.p[i];
		AUTO(image) struct image *image = NULL;

		if (!platform_equal(&entry->platform, platform))
			continue;
		TRY(open_entry(forming, entry, &image));
		*ret = image && is_in(image, compression);
	}
	return NULL;
}

static FALLIBLE add_variant(struct forming *forming, const struct manifest_list *list,
		const struct descriptor *from, enum compression compression)
{
	const struct image_form form = { .format = forming->form->form.format,
		.compression = compression,
		.level = forming->form->form.level,
		.force = true };
	AUTO(image) struct image *image = NULL;
	bool has = false;

	TRY(has_variant(forming, list, &from->platform, compression, &has));
	TRY(open_entry(forming, from, &image));
	if (has || !image)
		return NULL;
	struct descriptor *entry = vec_add(&forming->index->manifests);
	descriptor_copy(from, entry);
	if (compression == COMPRESSION_ZSTD)
		list_env_set(&entry->annotations, IS_ZSTD, "true");
	else
		list_env_unset(&entry->annotations, IS_ZSTD);
	return convert(forming, image, &form, entry);
}

static FALLIBLE form_all(struct forming *forming, const struct manifest_list *list)
{
	const struct list_form *form = forming->form;

	for (size_t i = 0; i < list->index.manifests.n; i++)
		TRY(add_as_is(forming, &list->index.manifests.p[i]));
	for (size_t k = 0; k < form->added.n; k++)
		for (size_t i = 0; i < list->index.manifests.n; i++)
			TRY(add_variant(forming, list, &list->index.manifests.p[i],
					form->added.p[k]));
	return NULL;
}

FALLIBLE manifest_list_in_form(struct session *session, const struct manifest_list *list,
		const struct list_form *form, struct image_index *ret)
{
	struct forming forming = { session, form, NULL, NULL, ret };

	ret->format = form->form.format ? form->form.format : list->index.format;
	list_add_all(&ret->annotations, &list->index.annotations);
	ret->artifact_type = xstrdup(list->index.artifact_type);
	ret->has_subject = list->index.has_subject;
	if (ret->has_subject)
		descriptor_copy(&list->index.subject, &ret->subject);
	forming.pool = pool_new(0);
	forming.source = image_source_store(session->store, NULL);
	struct error *error = form_all(&forming, list);
	image_source_unref(forming.source);
	pool_free(forming.pool);
	return error;
}

/* The document to push: the list's own bytes, or those of its other form. New; free(). */
static FALLIBLE document(struct session *session, const struct manifest_list *list,
		const struct list_form *form, char **ret)
{
	AUTO(image_index) struct image_index index = { 0 };
	size_t n = 0;

	if (list_form_is_as_it_is(form))
		return blob_read(session->store, &list->digest, LIMIT_MANIFEST_BYTES, ret, &n);
	TRY(manifest_list_in_form(session, list, form, &index));
	*ret = image_index_print(&index);
	return NULL;
}

FALLIBLE manifest_list_send(struct session *session, const struct manifest_list *list,
		const char *text, const struct list_form *form, const struct destination *to,
		bool quiet, struct digest *ret)
{
	AUTO(image_set) struct image_set set = { 0 };
	AUTO_FREE char *json = NULL;

	TRY(document(session, list, form, &json));
	struct image_source *source = image_source_store(session->store, NULL);
	struct error *error = image_set_make(text, json, source, &set);
	image_source_unref(source);
	TRY(error);
	return destination_send_set(session, &set, to, quiet, ret);
}
