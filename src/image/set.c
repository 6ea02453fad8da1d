#include "image/set.h"
#include "base/limits.h"
#include "base/map.h"
#include "image/set_sink.h"
#include "image/source.h"
#include "image/vouch.h"
#include "stream/group.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { COPIES = 4, DEEPEST_INDEX = 4 };

void image_set_done(struct image_set *set)
{
	free(set->name);
	free(set->json);
	free(set->media_type);
	image_source_unref(set->source);
	if (set->origin)
		image_origin_done(set->origin);
	free(set->origin);
	free(set->fetched_as);
	list_done(&set->entry_annotations);
	*set = (struct image_set){ 0 };
}

/* *ret_is_one stays false for names that are no archive's. */
static FALLIBLE open_archive(const struct image_homes *homes, const char *name,
		struct document *document, struct image_source **source,
		struct image_origin *origin, bool *ret_is_one)
{
	static const struct {
		const char *prefix;
		enum archive_kind kind;
	} archives[] = { { "oci-archive:", IMPORT_OCI }, { "docker-archive:", IMPORT_DOCKER },
		{ "rootfs:", IMPORT_ROOTFS } };

	for (size_t i = 0; i < COUNT(archives); i++) {
		const char *where = text_starts(name, archives[i].prefix)
						    ? name + strlen(archives[i].prefix)
						    : NULL;

		if (!where)
			continue;
		*ret_is_one = true;
		return source_archive_document(
				homes, archives[i].kind, where, document, source, origin);
	}
	return NULL;
}

static FALLIBLE open_reference(const struct image_homes *homes, const char *name,
		enum pull_policy policy, struct document *document, struct image_source **source,
		struct image_origin *origin)
{
	AUTO(reference) struct reference reference = { 0 };

	TRY(reference_parse(str_of(name), &reference));
	AUTO_FREE char *full = reference_text(&reference);
	if (policy == PULL_MISSING || policy == PULL_NEVER) {
		struct error *error = source_store_document(homes, full, false, document, source);

		if (!error_is(error, ERR_NOT_FOUND) || policy == PULL_NEVER)
			return error;
		error_free(error);
		if (!digest_known(&reference.digest))
			TRY(source_store_lost(homes, full, &reference.digest));
	}
	if (!homes->registry)
		return error_new(ERR_NOT_FOUND, "'%s' is not in the store", full);
	struct error *error = source_registry_document(homes, &reference, document, source);
	if (!error)
		*origin = image_origin_registry(&reference);
	if (!error || policy != PULL_NEWER || error_is(error, ERR_CANCELED))
		return error;
	struct error *worse = source_store_document(homes, full, false, document, source);
	if (worse) {
		error_free(worse);
		return error;
	}
	error_ignore(error, "what is here will do");
	return NULL;
}

static FALLIBLE open_document(const struct image_homes *homes, const char *name,
		enum pull_policy policy, struct document *document, struct image_source **source,
		struct image_origin *origin)
{
	bool is_archive = false;

	TRY(open_archive(homes, name, document, source, origin, &is_archive));
	if (is_archive)
		return NULL;
	if (text_starts(name, "oci:"))
		return source_layout_document(
				homes, name + strlen("oci:"), document, source, origin);
	if (text_starts(name, "dir:"))
		return source_dir_document(name + strlen("dir:"), document, source, origin);
	if (text_starts(name, "store:"))
		return source_store_document(
				homes, name + strlen("store:"), true, document, source);
	if (text_starts(name, "containers-storage:"))
		return source_podman_document(homes, name + strlen("containers-storage:"), document,
				source, origin);
	if (text_starts(name, "docker://"))
		return open_reference(homes, name + strlen("docker://"), PULL_ALWAYS, document,
				source, origin);
	return open_reference(homes, name, policy, document, source, origin);
}

/* What kind of document it is, and the bytes of which it is made. */
static FALLIBLE fill(const char *name, struct document *document, struct image_set *ret)
{
	struct str json = { document->json, document->n };
	enum media_role role = manifest_sniff(json, document->media_type);
	AUTO(image_index) struct image_index index = { 0 };
	AUTO(manifest) struct manifest manifest = { 0 };

	ret->name = xstrdup(name);
	ret->is_index = role == MEDIA_INDEX;
	if (ret->is_index)
		TRY(image_index_parse(json, document->media_type, &index));
	else
		TRY(manifest_parse(json, document->media_type, &manifest));
	ret->media_type = xstrdup(ret->is_index ? index.format == FORMAT_DOCKER ? MEDIA_DOCKER_LIST
										: MEDIA_OCI_INDEX
						: manifest.media_type);
	ret->n = document->n;
	ret->digest = document->digest;
	ret->json = TAKE(document->json);
	return NULL;
}

FALLIBLE image_set_open(const struct image_homes *homes, const char *name, enum pull_policy policy,
		struct image_set *ret)
{
	AUTO(document) struct document document = { 0 };
	AUTO(image_origin) struct image_origin origin = { 0 };

	TRY(open_document(homes, name, policy, &document, &ret->source, &origin));
	TRY(fill(name, &document, ret));
	ret->trust = homes->trust;
	ret->store = homes->store;
	ret->origin = xcalloc(1, sizeof(*ret->origin));
	if (origin.has_reference)
		ret->fetched_as = reference_text(&origin.reference);
	*ret->origin = TAKE_VALUE(origin);
	return NULL;
}

FALLIBLE image_set_make(const char *name, const char *json, struct image_source *source,
		struct image_set *ret)
{
	AUTO(document)
	struct document document = { .json = xstrdup(json), .n = strlen(json) };

	document.digest = digest_of(json, document.n);
	ret->source = image_source_ref(source);
	return fill(name, &document, ret);
}

FALLIBLE image_set_of(const struct image *image, struct image_set *ret)
{
	ret->fetched_as = xstrdup(image->fetched_as);
	ret->index_digest = image->index_digest;
	return image_set_make(image->name, image->manifest_json, image->source, ret);
}

/* --- copying --- */

struct copying {
	const struct image_set *set;
	struct set_sink *sink;
	struct cancel *cancel;
	struct map *seen; /* digests and sizes of the blobs so far */
	bool is_vouched;  /* by the index above */
	struct {
		struct descriptor *p;
		size_t n, capacity;
	} blobs;
	struct {
		struct nested {
			struct descriptor what;
			char *json;
			size_t n;
		} * p;
		size_t n, capacity;
	} documents; /* those an index is made of in front of it */
	pthread_mutex_t lock;
	size_t next; /* guarded by lock */
};

static void copying_done(struct copying *copying)
{
	for (size_t i = 0; i < copying->blobs.n; i++)
		descriptor_done(&copying->blobs.p[i]);
	vec_done(&copying->blobs);
	for (size_t i = 0; i < copying->documents.n; i++) {
		descriptor_done(&copying->documents.p[i].what);
		free(copying->documents.p[i].json);
	}
	vec_done(&copying->documents);
	map_free(copying->seen);
	(void)pthread_mutex_destroy(&copying->lock);
}

DEFINE_AUTO_VALUE(copying)

/* The same digest with another size is another one: whoever copies it finds which is wrong. */
static bool is_new(struct copying *copying, const struct descriptor *what)
{
	char text[DIGEST_TEXT];
	AUTO_FREE char *key = xasprintf("%s %llu", digest_text(&what->digest, text),
			(unsigned long long)what->size);

	if (map_has(copying->seen, key))
		return false;
	map_set(copying->seen, key, copying);
	return true;
}

static void want_blob(struct copying *copying, const struct descriptor *blob)
{
	if (is_new(copying, blob))
		descriptor_copy(blob, vec_add(&copying->blobs));
}

static FALLIBLE want_all(
		struct copying *copying, struct str json, const char *media_type, unsigned depth);

static FALLIBLE vouch(const struct copying *copying, const struct digest *digest)
{
	const struct image_set *set = copying->set;

	return image_vouch(set->trust, set->store, set->origin, digest, 1);
}

/* A signed index speaks for all below it; else each of its images has to speak for itself. */
static FALLIBLE vouch_document(struct copying *copying, const struct digest *digest, bool is_index)
{
	if (!copying->set->origin || copying->is_vouched)
		return NULL;
	struct error *error = vouch(copying, digest);
	/* In the store the names that it came under are the index's alone. */
	bool is_stored = !copying->set->origin->transport;
	if (is_index && !is_stored && error_is(error, ERR_DENIED)) {
		error_ignore(error, "its images are asked about");
		return NULL;
	}
	copying->is_vouched = !error && is_index;
	return error;
}

static FALLIBLE want_nested(struct copying *copying, const struct descriptor *what, unsigned depth)
{
	AUTO(reader) struct reader *reader = NULL;
	AUTO_FREE char *json = NULL;
	char text[DIGEST_TEXT];
	size_t n = 0;

	if (!is_new(copying, what))
		return NULL;
	if (what->size > LIMIT_MANIFEST_BYTES)
		return error_new(ERR_LIMIT, "manifest '%s' has %llu bytes (at most %d)",
				digest_text(&what->digest, text), (unsigned long long)what->size,
				LIMIT_MANIFEST_BYTES);
	TRY_WRAP(copying->set->source->ops->open_blob(copying->set->source, what, &reader),
			"manifest '%s'", digest_text(&what->digest, text));
	TRY(reader_read_all(reader, LIMIT_MANIFEST_BYTES, &json, &n));
	struct str bytes = { json, n };
	bool outside = copying->is_vouched;
	TRY(vouch_document(copying, &what->digest,
			manifest_sniff(bytes, what->media_type) == MEDIA_INDEX));
	TRY(want_all(copying, bytes, what->media_type, depth + 1));
	copying->is_vouched = outside;
	struct nested *nested = vec_add(&copying->documents);
	descriptor_copy(what, &nested->what);
	nested->n = n;
	nested->json = TAKE(json);
	return NULL;
}

static FALLIBLE want_all(
		struct copying *copying, struct str json, const char *media_type, unsigned depth)
{
	AUTO(image_index) struct image_index index = { 0 };
	AUTO(manifest) struct manifest manifest = { 0 };

	if (depth > DEEPEST_INDEX)
		return error_new(ERR_LIMIT, "indexes are nested more than %d deep", DEEPEST_INDEX);
	if (manifest_sniff(json, media_type) == MEDIA_INDEX) {
		TRY(image_index_parse(json, media_type, &index));
		for (size_t i = 0; i < index.manifests.n; i++)
			TRY(want_nested(copying, &index.manifests.p[i], depth));
		return NULL;
	}
	TRY(manifest_parse(json, media_type, &manifest));
	want_blob(copying, &manifest.config);
	for (size_t i = 0; i < manifest.layers.n; i++)
		want_blob(copying, &manifest.layers.p[i]);
	return NULL;
}

static FALLIBLE copy_blob(struct copying *copying, const struct descriptor *blob)
{
	const struct image_progress *progress = copying->sink->progress;
	char text[DIGEST_TEXT], what[32];

	TRY_WRAP(copying->sink->put_blob(copying->sink, copying->set->source, blob), "blob '%s'",
			digest_text(&blob->digest, text));
	(void)snprintf(what, sizeof(what), "%.19s", digest_text(&blob->digest, text));
	if (progress)
		progress->report(progress->user, what, blob->size, blob->size, true);
	return NULL;
}

static struct error *copy_some(void *argument)
{
	struct copying *copying = argument;

	for (;;) {
		(void)pthread_mutex_lock(&copying->lock);
		size_t i = copying->next++;
		(void)pthread_mutex_unlock(&copying->lock);
		if (i >= copying->blobs.n)
			return NULL;
		TRY(cancel_check(copying->cancel));
		TRY(copy_blob(copying, &copying->blobs.p[i]));
	}
}

FALLIBLE set_copy(const struct image_set *set, struct set_sink *sink, struct cancel *cancel)
{
	AUTO(copying)
	struct copying copying = { .set = set, .sink = sink, .cancel = cancel };
	AUTO(group) struct group *group = group_new();

	copying.seen = map_new(NULL);
	(void)pthread_mutex_init(&copying.lock, NULL);
	TRY(vouch_document(&copying, &set->digest, set->is_index));
	TRY(want_all(&copying, (struct str){ set->json, set->n }, set->media_type, 0));
	size_t threads = !sink->put_blob ? 0 : sink->in_order ? 1 : COPIES;
	for (size_t i = 0; i < copying.blobs.n && i < threads; i++)
		group_start(group, "copy", copy_some, &copying);
	TRY(group_join(group));
	for (size_t i = 0; i < copying.documents.n; i++) {
		struct nested *nested = &copying.documents.p[i];

		TRY(sink->put_document(
				sink, &nested->what, (struct str){ nested->json, nested->n }));
	}
	return NULL;
}

FALLIBLE set_open_image(const struct image_set *set, const char *media_type, struct str json,
		struct image **ret)
{
	AUTO(manifest) struct manifest manifest = { 0 };
	AUTO(reader) struct reader *reader = NULL;
	AUTO_FREE char *config = NULL;
	AUTO_FREE char *text = str_dup(json);
	size_t n = 0;

	TRY(manifest_parse(json, media_type, &manifest));
	if (mediatype_role(manifest.config.media_type) != MEDIA_CONFIG || manifest.artifact_type)
		return NULL;
	for (size_t i = 0; i < manifest.layers.n; i++)
		if (mediatype_role(manifest.layers.p[i].media_type) != MEDIA_LAYER &&
				!mediatype_is_encrypted(manifest.layers.p[i].media_type))
			return NULL;
	if (manifest.config.size > LIMIT_CONFIG_BYTES)
		return error_new(ERR_LIMIT, "the config has %llu bytes (at most %d)",
				(unsigned long long)manifest.config.size, LIMIT_CONFIG_BYTES);
	TRY(set->source->ops->open_blob(set->source, &manifest.config, &reader));
	TRY(reader_read_all(reader, LIMIT_CONFIG_BYTES, &config, &n));
	return image_make(set->name, text, config, set->source, ret);
}
