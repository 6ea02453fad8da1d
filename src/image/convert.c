#include "image/convert.h"
#include "store/blob.h"
#include "store/layers.h"
#include "stream/codec.h"

#include <string.h>

static FALLIBLE find_made(struct store *store, const struct digest *diff_id,
		const struct image_form *form, struct layer_blob *ret)
{
	AUTO(layer_record) struct layer_record record = { 0 };

	TRY(layer_seek_by_diff_id(store, diff_id, NULL, &record));
	for (size_t i = 0; i < record.blobs.n; i++) {
		const struct layer_blob *blob = &record.blobs.p[i];

		if (blob->here && blob->compression == form->compression &&
				blob->level == form->level)
			*ret = *blob;
	}
	return NULL;
}

static FALLIBLE compress(const struct image *image, size_t i, struct store *store,
		const struct image_form *form, struct pool *pool, struct layer_blob *ret)
{
	const struct digest *diff_id = &image->config.diff_ids.p[i];
	struct reader *raw = NULL;

	TRY(image_open_layer(image, i, &raw));
	*ret = (struct layer_blob){
		.compression = form->compression, .level = form->level, .here = true
	};
	TRY(blob_repack(store, raw, diff_id, form->compression, form->level, pool, &ret->digest,
			&ret->bytes));
	return layer_add_blob(store, diff_id, ret);
}

/* What nobody here can read stays as it is. */
static FALLIBLE keep_encrypted(
		const struct descriptor *from, enum image_format format, struct descriptor *ret)
{
	if (format == FORMAT_DOCKER)
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "Docker's format has no encrypted layers"),
				"use the format oci");
	descriptor_copy(from, ret);
	return NULL;
}

static FALLIBLE convert_layer(const struct image *image, size_t i, struct store *store,
		const struct image_form *form, struct pool *pool, struct descriptor *ret)
{
	const struct descriptor *from = &image->manifest.layers.p[i];
	enum compression is = mediatype_compression(from->media_type);
	enum image_format format = form->format ? form->format : image->manifest.format;
	struct layer_blob blob = { from->digest, from->size, is, CODEC_LEVEL_DEFAULT, true };
	bool is_wanted = form->compression && is != form->compression &&
			 (is == COMPRESSION_NONE || form->force);

	if (mediatype_is_encrypted(from->media_type))
		return keep_encrypted(from, format, ret);
	if (is_wanted) {
		struct layer_blob made = { 0 };

		TRY(find_made(store, &image->config.diff_ids.p[i], form, &made));
		if (!made.here)
			TRY(compress(image, i, store, form, pool, &made));
		blob = made;
	}
	const char *name = mediatype_layer(format, blob.compression);
	if (!name)
		return error_hint(error_new(ERR_UNSUPPORTED, "Docker's format has no zstd layers"),
				"use the format oci, or gzip");
	*ret = descriptor_make(name, blob.digest, blob.bytes);
	return NULL;
}

static bool is_as_wanted(const struct image *image, const struct image_form *form)
{
	bool same = !form->format || form->format == image->manifest.format;

	for (size_t i = 0; i < image->manifest.layers.n && same && form->compression; i++) {
		const char *media_type = image->manifest.layers.p[i].media_type;
		enum compression is = mediatype_compression(media_type);

		same = mediatype_is_encrypted(media_type) || is == form->compression ||
		       (is != COMPRESSION_NONE && !form->force);
	}
	return same;
}

static FALLIBLE make(const struct image *image, struct store *store, struct manifest *manifest,
		struct image **ret)
{
	AUTO_FREE char *json = manifest_print(manifest);
	AUTO_FREE char *config = xstrndup(image->config_json, image->config_bytes);
	struct image_source *source = image_source_store(store, image->source);
	struct digest digest;
	struct error *error = blob_put(store, json, strlen(json), &digest);

	if (!error)
		error = blob_put(store, config, image->config_bytes, &digest);
	if (!error)
		error = image_make(image->name, json, config, source, ret);
	image_source_unref(source);
	return error;
}

FALLIBLE image_convert(const struct image *image, struct store *store,
		const struct image_form *form, struct pool *pool, struct cancel *cancel,
		struct image **ret)
{
	AUTO(manifest) struct manifest manifest = { 0 };

	if (is_as_wanted(image, form)) {
		struct digest digest;

		/* A copy, so that the caller has one thing to do either way. */
		TRY(blob_put(store, image->config_json, image->config_bytes, &digest));
		AUTO_FREE char *json = xstrndup(image->manifest_json, image->manifest_bytes);
		AUTO_FREE char *config = xstrndup(image->config_json, image->config_bytes);
		TRY(image_make(image->name, json, config, image->source, ret));
		(*ret)->fetched_as = xstrdup(image->fetched_as);
		return NULL;
	}
	manifest.format = form->format ? form->format : image->manifest.format;
	manifest.media_type = xstrdup(mediatype_manifest(manifest.format));
	manifest.config = descriptor_make(mediatype_config(manifest.format),
			image->manifest.config.digest, image->manifest.config.size);
	if (manifest.format == FORMAT_OCI)
		list_add_all(&manifest.annotations, &image->manifest.annotations);
	for (size_t i = 0; i < image->manifest.layers.n; i++) {
		TRY(cancel_check(cancel));
		TRY_WRAP(convert_layer(image, i, store, form, pool, vec_add(&manifest.layers)),
				"layer %zu of %zu", i + 1, image->manifest.layers.n);
	}
	return make(image, store, &manifest, ret);
}
