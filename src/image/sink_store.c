#include "image/image.h"
#include "store/blob.h"
#include "store/tag.h"

#include <stdio.h>

static FALLIBLE keep_blob(const struct image *image, struct store *store,
		const struct descriptor *blob, const struct image_progress *progress)
{
	AUTO(reader) struct reader *reader = NULL;
	AUTO(blob_writer) struct blob_writer *writer = NULL;
	bool here = false;
	char text[DIGEST_TEXT], what[32];

	TRY(blob_has(store, &blob->digest, &here, NULL));
	if (here)
		return NULL;
	(void)snprintf(what, sizeof(what), "%.19s", digest_text(&blob->digest, text));
	TRY(image->source->ops->open_blob(image->source, blob, &reader));
	TRY(blob_writer_open(store, BLOB_HASHED_BY_CALLER, &writer));
	TRY(stream_copy(reader, blob_writer_stream(writer), NULL));
	TRY(writer_close(blob_writer_stream(writer)));
	TRY(blob_commit(TAKE(writer), &blob->digest, blob->size, NULL, NULL));
	if (progress)
		progress->report(progress->user, what, blob->size, blob->size, true);
	return NULL;
}

FALLIBLE image_save_store(const struct image *image, struct store *store, const char *name,
		struct cancel *cancel, const struct image_progress *progress)
{
	for (size_t i = 0; i < image->manifest.layers.n; i++) {
		TRY(cancel_check(cancel));
		TRY_WRAP(keep_blob(image, store, &image->manifest.layers.p[i], progress),
				"layer %zu of %zu", i + 1, image->manifest.layers.n);
	}
	TRY(blob_put(store, image->config_json, image->config_bytes, NULL));
	TRY(blob_put(store, image->manifest_json, image->manifest_bytes, NULL));
	return tag_put(store, name, &image->digest, image->manifest.media_type);
}
