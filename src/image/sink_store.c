#include "image/set_sink.h"
#include "store/blob.h"
#include "store/tag.h"
#include "store/vouch.h"

struct store_sink {
	struct set_sink sink;
	struct store *store;
	const char *fetched_as;     /* or NULL */
	const struct digest *index; /* known: what the manifests are from */
};

FALLIBLE store_keep_blob(
		struct image_source *source, struct store *store, const struct descriptor *blob)
{
	AUTO(reader) struct reader *reader = NULL;
	AUTO(blob_writer) struct blob_writer *writer = NULL;
	uint64_t bytes = 0;
	bool here = false;

	TRY(blob_has(store, &blob->digest, &here, &bytes));
	if (here)
		return image_source_check_size(source, blob, bytes);
	TRY(source->ops->open_blob(source, blob, &reader));
	TRY(blob_writer_open(store, BLOB_HASHED_BY_CALLER, &writer));
	TRY(stream_copy(reader, blob_writer_stream(writer), NULL));
	TRY(writer_close(blob_writer_stream(writer)));
	return blob_commit(TAKE(writer), &blob->digest, blob->size, NULL, NULL);
}

static struct error *put_blob(
		struct set_sink *sink, struct image_source *source, const struct descriptor *blob)
{
	return store_keep_blob(source, ((struct store_sink *)sink)->store, blob);
}

static struct error *put_document(
		struct set_sink *sink, const struct descriptor *what, struct str json)
{
	struct store_sink *self = (struct store_sink *)sink;

	TRY(blob_put(self->store, json.p, json.n, NULL));
	return self->fetched_as ? vouch_add_name(self->store, &what->digest, self->fetched_as,
						  self->index)
				: NULL;
}

FALLIBLE image_set_keep(const struct image_set *set, struct store *store, struct cancel *cancel,
		const struct image_progress *progress)
{
	const char *name = set->fetched_as;
	struct store_sink sink = { { put_blob, put_document, progress }, store, name,
		set->is_index ? &set->digest : &set->index_digest };

	TRY(set_copy(set, &sink.sink, cancel));
	TRY(blob_put(store, set->json, set->n, NULL));
	return name ? vouch_add_name(store, &set->digest, name, &set->index_digest) : NULL;
}

FALLIBLE image_set_save_store(const struct image_set *set, struct store *store, const char *name,
		struct cancel *cancel, const struct image_progress *progress)
{
	TRY(image_set_keep(set, store, cancel, progress));
	return tag_put(store, name, &set->digest, set->media_type);
}

/* An image's layers are fetched side by side as those of a set; its config is here already. */
FALLIBLE image_save_store(const struct image *image, struct store *store, const char *name,
		struct cancel *cancel, const struct image_progress *progress)
{
	AUTO(image_set) struct image_set set = { 0 };

	TRY(blob_put(store, image->config_json, image->config_bytes, NULL));
	TRY(image_set_of(image, &set));
	return image_set_save_store(&set, store, name, cancel, progress);
}
