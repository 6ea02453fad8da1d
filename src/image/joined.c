/* Several images as one set: their blobs come from where each has its own. */
#include "image/layout_json.h"
#include "image/set.h"
#include "image/set_sink.h"

struct joined {
	struct image_source source;
	struct image *const *images; /* borrowed */
	size_t n;
	struct image_source *beside; /* what is listed and no image; or NULL */
};

static bool has_layer(const struct image *image, const struct descriptor *layer)
{
	for (size_t i = 0; i < image->manifest.layers.n; i++)
		if (descriptor_same_bytes(&image->manifest.layers.p[i], layer))
			return true;
	return false;
}

/* The image that a layer is of; NULL: of none. What another says of that digest is its own. */
static const struct image *image_of(const struct joined *self, const struct descriptor *layer)
{
	for (size_t i = 0; i < self->n; i++)
		if (has_layer(self->images[i], layer))
			return self->images[i];
	return NULL;
}

/* Manifests and configs are in memory. */
static struct reader *open_document(const struct joined *self, const struct digest *digest)
{
	for (size_t i = 0; i < self->n; i++) {
		const struct image *image = self->images[i];

		if (digest_equal(&image->digest, digest))
			return reader_from_bytes(image->manifest_json, image->manifest_bytes);
		if (digest_equal(&image->manifest.config.digest, digest))
			return reader_from_bytes(image->config_json, image->config_bytes);
	}
	return NULL;
}

static struct error *open_blob(
		struct image_source *source, const struct descriptor *blob, struct reader **ret)
{
	struct joined *self = (struct joined *)source;
	const struct image *image = image_of(self, blob);
	char text[DIGEST_TEXT];

	if (image)
		return image->source->ops->open_blob(image->source, blob, ret);
	*ret = open_document(self, &blob->digest);
	if (!*ret && self->beside)
		return self->beside->ops->open_blob(self->beside, blob, ret);
	return *ret ? NULL
		    : error_new(ERR_NOT_FOUND, "no image has the blob '%s'",
				      digest_text(&blob->digest, text));
}

static struct error *open_raw(struct image_source *source, const struct descriptor *blob,
		uint64_t offset, struct reader **ret)
{
	const struct image *image = image_of((struct joined *)source, blob);

	if (!image || !image->source->ops->open_raw)
		return error_new(ERR_UNSUPPORTED, "not offered");
	return image->source->ops->open_raw(image->source, blob, offset, ret);
}

static const char *repository(const struct image_source *source)
{
	(void)source;
	return NULL;
}

/* Any that has such a layer will do. */
static const char *repository_of(
		const struct image_source *source, const struct digest *digest, bool *ret_sure)
{
	const struct joined *self = (const struct joined *)source;

	*ret_sure = false;
	for (size_t i = 0; i < self->n; i++) {
		const struct manifest *manifest = &self->images[i]->manifest;

		for (size_t k = 0; k < manifest->layers.n; k++)
			if (digest_equal(&manifest->layers.p[k].digest, digest))
				return image_source_repository(
						self->images[i]->source, digest, ret_sure);
	}
	return NULL;
}

static void doubt(
		struct image_source *source, const struct descriptor *blob, const struct error *why)
{
	const struct joined *self = (const struct joined *)source;

	for (size_t i = 0; i < self->n; i++)
		if (has_layer(self->images[i], blob))
			image_source_doubt(self->images[i]->source, blob, why);
}

static void joined_free(struct image_source *source)
{
	image_source_unref(((struct joined *)source)->beside);
	free(source);
}

struct image_source *image_source_joined(
		struct image *const *images, size_t n, struct image_source *beside)
{
	static const struct image_source_ops ops = { .open_blob = open_blob,
		.open_raw = open_raw,
		.repository = repository,
		.repository_of = repository_of,
		.doubt = doubt,
		.free = joined_free };
	struct joined *self = xcalloc(1, sizeof(*self));

	*self = (struct joined){ { &ops, 1 }, images, n, beside ? image_source_ref(beside) : NULL };
	return &self->source;
}

FALLIBLE image_set_join(
		const char *name, const struct image_set_parts *parts, struct image_set *ret)
{
	AUTO(image_index)
	struct image_index index = { .format = parts->images[0]->manifest.format };
	struct image_source *source = image_source_joined(parts->images, parts->n, parts->beside);

	for (size_t i = 0; i < parts->n; i++)
		*vec_add(&index.manifests) = layout_entry(parts->images[i]);
	for (size_t i = 0; i < parts->more_n; i++)
		descriptor_copy(&parts->more[i], vec_add(&index.manifests));
	list_add_all(&index.annotations, parts->annotations);
	AUTO_FREE char *json = image_index_print(&index);
	struct error *error = image_set_make(name, json, source, ret);
	image_source_unref(source);
	return error;
}
