/*
 * A cache home in a repository of a registry.
 *
 *	REPO:kiln-<key>     a manifest for each record, and for each definition
 *	REPO:TAG            the index: the tag of the reference, or one of the Dockerfile
 *	REPO:kiln-mount-<name>   a manifest for each cache mount
 *
 * A manifest carries its document as an annotation, so that one request brings all; its layers are
 * the blobs that the document speaks of, which keeps them from the registry's garbage collector.
 * Blobs that lie in another repository of the host are mounted.
 */
#include "base/limits.h"
#include "base/map.h"
#include "cache/home_kinds.h"
#include "oci/json.h"
#include "oci/manifest.h"
#include "registry/retry.h"
#include "stream/hash.h"

#include <pthread.h>
#include <string.h>

#define ARTIFACT_TYPE CACHE_ARTIFACT_TYPE
#define TOC_TYPE      "application/vnd.kiln.toc.v1+zstd"
#define LIST_TYPE     "application/vnd.kiln.mount.list.v1+zstd"
#define CHUNK_TYPE    "application/vnd.kiln.mount.chunk.v1+zstd"

static const char empty_json[] = "{}";

enum { TORN_TRIES = 4, TORN_MS = 25 };

struct registry_home {
	struct cache_home home;
	const struct cache_means *means;
	struct reference index; /* with its tag */
	char *repository;       /* host/repository */
	pthread_mutex_t lock;
	bool has_config; /* the config that all our manifests have is there; guarded by lock */
};

/* --- reading --- */

/* The document that a manifest carries. ERR_NOT_FOUND: it is another thing. */
static FALLIBLE take_document(const struct registry_manifest *manifest, const char *annotation,
		const char *what, char **ret, bool *ret_is_image)
{
	json_auto_t *value = NULL;
	AUTO_FREE char *type = NULL;
	struct json_field root, annotations;

	TRY(json_parse((struct str){ manifest->json, manifest->n }, LIMIT_MANIFEST_BYTES, what,
			&value));
	TRY(json_root(value, what, &root));
	TRY(json_get_text(&root, "artifactType", JSON_MAY, &type));
	TRY(json_get_object(&root, "annotations", JSON_MAY, &annotations));
	if (annotations.value)
		TRY(json_get_text(&annotations, annotation, JSON_MAY, ret));
	*ret_is_image = !text_equal(type, ARTIFACT_TYPE);
	if (!*ret)
		return error_new(ERR_NOT_FOUND, "%s holds no cache of kiln", what);
	return NULL;
}

/*
 * Docker's registry over a file system writes a tag in place. Who reads it, or writes it too, at
 * that moment is told that a digest is wrong (400); a moment later it is whole.
 */
static FALLIBLE try_again(struct registry_home *self, struct error *error, struct retry *retry,
		bool *ret_again)
{
	*ret_again = false;
	if (!error_is(error, ERR_DIGEST) || error->code != 400)
		return error;
	return retry_again(retry, NULL, error, self->means->cancel, ret_again);
}

static FALLIBLE get_manifest(struct registry_home *self, const struct reference *reference,
		struct registry_manifest *ret)
{
	struct retry retry = { .tries = TORN_TRIES, .base_ms = TORN_MS };
	bool again = true;

	while (again)
		TRY(try_again(self,
				registry_get_manifest(self->means->reader, reference, NULL, ret),
				&retry, &again));
	return NULL;
}

/* An image for several platforms has its cache in the manifest of ours. */
static FALLIBLE pick_platform(struct registry_home *self, struct registry_manifest *manifest)
{
	AUTO(image_index) struct image_index index = { 0 };
	AUTO(registry_manifest) struct registry_manifest inner = { 0 };
	struct str json = { manifest->json, manifest->n };

	if (manifest_sniff(json, manifest->media_type) != MEDIA_INDEX)
		return NULL;
	TRY(image_index_parse(json, manifest->media_type, &index));
	const struct descriptor *chosen = image_index_select(&index, &self->means->platform);
	if (!chosen)
		return error_new(ERR_NOT_FOUND, "it has nothing for this platform");
	TRY(registry_get_manifest(self->means->reader, &self->index, &chosen->digest, &inner));
	registry_manifest_done(manifest);
	*manifest = TAKE_VALUE(inner);
	return NULL;
}

static FALLIBLE read_index(struct cache_home *home, struct cached_steps *ret)
{
	struct registry_home *self = (struct registry_home *)home;
	AUTO(registry_manifest) struct registry_manifest manifest = { 0 };
	AUTO_FREE char *json = NULL, *what = reference_text(&self->index);

	TRY(get_manifest(self, &self->index, &manifest));
	/* The document itself may be an index (image-manifest=false). */
	struct error *error =
			take_document(&manifest, CACHE_ANNOTATION, what, &json, &home->is_image);
	if (error_is(error, ERR_NOT_FOUND)) {
		error_free(error);
		TRY(pick_platform(self, &manifest));
		error = take_document(&manifest, CACHE_ANNOTATION, what, &json, &home->is_image);
	}
	TRY(error);
	return cached_steps_parse(str_of(json), what, ret);
}

static void tag_of_key(const struct registry_home *self, const char *prefix,
		const struct digest *key, struct reference *ret)
{
	char hex[DIGEST_HEX];

	*ret = (struct reference){ .host = xstrdup(self->index.host),
		.repository = xstrdup(self->index.repository),
		.tag = xasprintf("%s-%s", prefix, digest_hex(key, hex)) };
}

static FALLIBLE read_step(
		struct cache_home *home, const struct digest *key, struct cached_steps *ret)
{
	struct registry_home *self = (struct registry_home *)home;
	AUTO(registry_manifest) struct registry_manifest manifest = { 0 };
	AUTO(reference) struct reference reference = { 0 };
	AUTO_FREE char *json = NULL;
	bool is_image = false;

	tag_of_key(self, "kiln", key, &reference);
	TRY(get_manifest(self, &reference, &manifest));
	TRY(take_document(&manifest, CACHE_ANNOTATION, reference.tag, &json, &is_image));
	return cached_steps_parse(str_of(json), reference.tag, ret);
}

static FALLIBLE read_mount(
		struct cache_home *home, const struct digest *name, struct mount_record *ret)
{
	struct registry_home *self = (struct registry_home *)home;
	AUTO(registry_manifest) struct registry_manifest manifest = { 0 };
	AUTO(reference) struct reference reference = { 0 };
	AUTO_FREE char *json = NULL;
	bool is_image = false;

	tag_of_key(self, "kiln-mount", name, &reference);
	TRY(get_manifest(self, &reference, &manifest));
	TRY(take_document(&manifest, MOUNT_ANNOTATION, reference.tag, &json, &is_image));
	return mount_record_parse(str_of(json), reference.tag, ret);
}

static FALLIBLE open_blob(
		struct cache_home *home, const struct cached_blob *blob, struct reader **ret)
{
	struct registry_home *self = (struct registry_home *)home;
	struct descriptor descriptor = { .digest = blob->digest, .size = blob->bytes };

	return registry_open_blob(self->means->reader, &self->index, &descriptor, ret);
}

/* --- writing --- */

static FALLIBLE put_blob(struct cache_home *home, const struct registry_blob *blob)
{
	struct registry_home *self = (struct registry_home *)home;

	return registry_put_blob(self->means->registry, &self->index, blob, NULL);
}

static struct error *open_empty(void *user, uint64_t offset, struct reader **ret)
{
	(void)user;
	*ret = reader_from_bytes(empty_json + offset, sizeof(empty_json) - 1 - (size_t)offset);
	return NULL;
}

/* Once for all manifests of a build. */
static FALLIBLE need_config(struct registry_home *self)
{
	struct registry_blob blob = { .digest = digest_of(empty_json, sizeof(empty_json) - 1),
		.size = sizeof(empty_json) - 1,
		.open = open_empty };
	struct error *error = NULL;

	pthread_mutex_lock(&self->lock);
	if (!self->has_config)
		error = put_blob(&self->home, &blob);
	self->has_config = !error;
	pthread_mutex_unlock(&self->lock);
	return error;
}

static void add_layer(
		struct manifest *manifest, const char *media_type, const struct cached_blob *blob)
{
	if (!digest_known(&blob->digest))
		return;
	for (size_t i = 0; i < manifest->layers.n; i++)
		if (digest_equal(&manifest->layers.p[i].digest, &blob->digest))
			return;
	*vec_add(&manifest->layers) = descriptor_make(media_type, blob->digest, blob->bytes);
}

static struct cached_blob empty_blob(void)
{
	return (struct cached_blob){ digest_of(empty_json, sizeof(empty_json) - 1),
		sizeof(empty_json) - 1 };
}

static void begin_manifest(struct manifest *manifest, const char *artifact_type)
{
	struct cached_blob empty = empty_blob();

	manifest->media_type = xstrdup(MEDIA_OCI_MANIFEST);
	manifest->artifact_type = xstrdup(artifact_type);
	manifest->config = descriptor_make(MEDIA_OCI_EMPTY, empty.digest, empty.bytes);
}

/* As BuildKit's indexes of caches: what it lists are blobs. New; free(). */
static char *print_as_index(const struct manifest *manifest)
{
	AUTO(image_index)
	struct image_index index = { .format = FORMAT_OCI,
		.artifact_type = xstrdup(manifest->artifact_type) };

	for (size_t i = 0; i < manifest->layers.n; i++) {
		const struct descriptor *layer = &manifest->layers.p[i];

		*vec_add(&index.manifests) =
				descriptor_make(layer->media_type, layer->digest, layer->size);
	}
	list_add_all(&index.annotations, &manifest->annotations);
	return image_index_print(&index);
}

/* json: of the document. */
static FALLIBLE put_manifest(struct registry_home *self, const struct reference *to,
		struct manifest *manifest, const char *annotation, const char *json)
{
	struct cached_blob empty = empty_blob();

	/* Some registries take no manifest without layers. */
	if (!manifest->layers.n)
		add_layer(manifest, MEDIA_OCI_EMPTY, &empty);
	list_addf(&manifest->annotations, "%s=%s", annotation, json);
	AUTO_FREE char *text = self->home.writes_indexes ? print_as_index(manifest)
							 : manifest_print(manifest);
	TRY(need_config(self));
	struct retry retry = { .tries = TORN_TRIES, .base_ms = TORN_MS };
	bool again = true;
	while (again)
		TRY(try_again(self,
				registry_put_manifest(self->means->registry, to,
						self->home.writes_indexes ? MEDIA_OCI_INDEX
									  : MEDIA_OCI_MANIFEST,
						str_of(text), NULL),
				&retry, &again));
	return NULL;
}

static FALLIBLE put_document(struct registry_home *self, const struct reference *to,
		const struct cached_steps *steps)
{
	AUTO(manifest) struct manifest manifest = { .format = FORMAT_OCI };
	AUTO_FREE char *json = cached_steps_print(steps);

	begin_manifest(&manifest, CACHE_ARTIFACT_TYPE);
	for (size_t i = 0; i < steps->n; i++) {
		const struct cached_step *step = &steps->p[i];

		if (step->kind == CACHED_LAYER)
			add_layer(&manifest, mediatype_layer(FORMAT_OCI, step->compression),
					&step->blob);
		add_layer(&manifest, TOC_TYPE, &step->toc);
	}
	return put_manifest(self, to, &manifest, CACHE_ANNOTATION, json);
}

static FALLIBLE put_step(
		struct cache_home *home, const struct digest *key, const struct cached_steps *one)
{
	struct registry_home *self = (struct registry_home *)home;
	AUTO(reference) struct reference reference = { 0 };

	tag_of_key(self, "kiln", key, &reference);
	return put_document(self, &reference, one);
}

static FALLIBLE put_index(struct cache_home *home, const struct cached_steps *steps)
{
	struct registry_home *self = (struct registry_home *)home;

	return put_document(self, &self->index, steps);
}

/* Each blob once: there may be thousands. */
static FALLIBLE put_mount(struct cache_home *home, const struct digest *name,
		const struct mount_record *record, const struct mount_list *list)
{
	struct registry_home *self = (struct registry_home *)home;
	AUTO(manifest) struct manifest manifest = { .format = FORMAT_OCI };
	AUTO(reference) struct reference reference = { 0 };
	AUTO(map) struct map *seen = map_new(NULL);
	AUTO_FREE char *json = mount_record_print(record);
	char text[DIGEST_TEXT];

	begin_manifest(&manifest, MOUNT_ARTIFACT_TYPE);
	*vec_add(&manifest.layers) =
			descriptor_make(LIST_TYPE, record->list.digest, record->list.bytes);
	for (size_t i = 0; i < list->chunks.n; i++) {
		const struct cached_blob *blob = &list->chunks.p[i].blob;

		if (map_has(seen, digest_text(&blob->digest, text)))
			continue;
		map_set(seen, text, self);
		*vec_add(&manifest.layers) = descriptor_make(CHUNK_TYPE, blob->digest, blob->bytes);
	}
	tag_of_key(self, "kiln-mount", name, &reference);
	return put_manifest(self, &reference, &manifest, MOUNT_ANNOTATION, json);
}

static const char *repository(const struct cache_home *home)
{
	return ((const struct registry_home *)home)->repository;
}

static void home_free(struct cache_home *home)
{
	struct registry_home *self = (struct registry_home *)home;

	reference_done(&self->index);
	pthread_mutex_destroy(&self->lock);
	free(self->repository);
	free(self->home.scope);
	free(self->home.name);
	free(self);
}

static const struct cache_home_ops ops = { read_index, read_step, open_blob, put_blob, put_step,
	put_index, read_mount, put_mount, repository, home_free };

/* A reference without a tag of its own gets the index of this Dockerfile. */
static bool has_tag(const char *where)
{
	const char *slash = strrchr(where, '/');

	return strchr(slash ? slash : where, ':') != NULL;
}

FALLIBLE cache_home_registry(const struct cache_spec *spec, const struct cache_means *means,
		struct cache_home **ret)
{
	AUTO(reference) struct reference reference = { 0 };

	TRY_WRAP(reference_parse(str_of(spec->where), &reference), "cache '%s'", spec->where);
	if (!means->registry)
		return error_new(ERR_UNSUPPORTED, "cache '%s': no registry can be reached",
				spec->where);
	struct registry_home *self = xcalloc(1, sizeof(*self));
	self->means = means;
	self->index = TAKE_VALUE(reference);
	bool is_named = has_tag(spec->where) || digest_known(&self->index.digest);
	if (!is_named) {
		free(self->index.tag);
		self->index.tag = xasprintf("kiln-index-%s", means->index_name);
	}
	self->repository = reference_name(&self->index);
	AUTO_FREE char *text = reference_text(&self->index);
	self->home = (struct cache_home){ .ops = &ops,
		.name = xasprintf("registry cache '%s'", text),
		.scope = is_named ? xstrdup(self->index.tag) : NULL };
	pthread_mutex_init(&self->lock, NULL);
	*ret = &self->home;
	return NULL;
}
