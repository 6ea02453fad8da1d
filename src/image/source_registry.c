#include "image/source.h"
#include "registry/registry.h"
#include "store/blob.h"
#include "stream/hash.h"

#include <string.h>

struct registry_source {
	struct image_source source;
	struct registry_client *client; /* borrowed */
	struct reference reference;
	char *name; /* host/repository */
};

static struct error *open_blob(
		struct image_source *source, const struct descriptor *blob, struct reader **ret)
{
	struct registry_source *self = (struct registry_source *)source;
	enum media_role role = mediatype_role(blob->media_type);

	if (role != MEDIA_MANIFEST && role != MEDIA_INDEX)
		return registry_open_blob(self->client, &self->reference, blob, ret);
	AUTO(registry_manifest) struct registry_manifest manifest = { 0 };
	TRY(registry_get_manifest(self->client, &self->reference, &blob->digest, &manifest));
	size_t n = manifest.n;
	*ret = verify_reader(reader_from_owned(TAKE(manifest.json), n), &blob->digest, blob->size);
	return NULL;
}

static const char *repository(const struct image_source *source)
{
	return ((const struct registry_source *)source)->name;
}

static void registry_source_free(struct image_source *source)
{
	struct registry_source *self = (struct registry_source *)source;

	reference_done(&self->reference);
	free(self->name);
	free(self);
}

static const struct image_source_ops ops = {
	.open_blob = open_blob,
	.repository = repository,
	.free = registry_source_free,
};

/* The next build asks the registry for the manifest alone. */
static FALLIBLE remember_config(struct store *store, struct image *image)
{
	struct error *error = NULL;

	if (!store_is_read_only(store))
		error = blob_put(store, image->config_json, image->config_bytes, NULL);
	if (error)
		image_free(image);
	return error;
}

struct image_source *image_source_registry(
		struct registry_client *client, const struct reference *reference)
{
	struct registry_source *source = xcalloc(1, sizeof(*source));

	source->source = (struct image_source){ &ops, 1 };
	source->client = client;
	source->name = reference_name(reference);
	reference_copy(reference, &source->reference);
	return &source->source;
}

FALLIBLE source_registry_document(const struct image_homes *homes,
		const struct reference *reference, struct document *ret,
		struct image_source **ret_source)
{
	AUTO(registry_manifest) struct registry_manifest manifest = { 0 };

	TRY(registry_get_manifest(homes->registry, reference, NULL, &manifest));
	struct image_source *source = image_source_registry(homes->registry, reference);
	*ret = (struct document){ .n = manifest.n, .digest = manifest.digest };
	ret->json = TAKE(manifest.json);
	ret->media_type = TAKE(manifest.media_type);
	/* What the store has of it is not fetched again. */
	struct image_source *remote =
			homes->cache_dir ? source_cached(homes->cache_dir, source) : source;
	*ret_source = image_source_store(homes->store, remote);
	image_source_unref(remote);
	return NULL;
}

FALLIBLE source_registry_open(const struct image_homes *homes, const struct reference *reference,
		struct image **ret)
{
	AUTO_FREE char *name = reference_text(reference);
	struct document document = { 0 };
	struct image_source *source = NULL;

	TRY(source_registry_document(homes, reference, &document, &source));
	AUTO(image_origin) struct image_origin origin = image_origin_registry(reference);
	TRY(image_from_document(homes, &origin, name, &document, source, ret));
	return remember_config(homes->store, *ret);
}
