/*
 * Layers that come from elsewhere, a base image's or a cache home's: what they are there, and their
 * bytes.
 */
#include "build/stack_inner.h"
#include "cache/homes.h"
#include "store/blob.h"

bool layer_is_wanted_form(const struct layer_set *set, enum compression compression, int level)
{
	return compression == set->options->compression && level == set->options->compression_level;
}

struct build_layer *layer_from_home(
		struct layer_set *set, const struct cached_step *step, struct cache_home *home)
{
	AUTO(layer_record) struct layer_record record = { 0 };
	struct build_layer *layer = layer_new(set);
	struct error *error =
			layer_find_by_diff_id(set->options->store, &step->diff_id, NULL, &record);

	layer->diff_id = step->diff_id;
	layer->source_diff_id = step->diff_id;
	layer->created = step->created;
	layer->cached = step;
	layer->home = home;
	if (layer_is_wanted_form(set, step->compression, step->level))
		layer->blob = (struct layer_blob){ step->blob.digest, step->blob.bytes,
			step->compression, step->level, false };
	if (!error)
		layer_learn(set, layer, &record);
	error_ignore(error, "the store does not have it");
	return layer;
}

bool layer_origin(const struct build_layer *layer, struct layer_blob *ret)
{
	if (layer->image) {
		const struct descriptor *from =
				&layer->image->manifest.layers.p[layer->image_index];

		*ret = (struct layer_blob){ from->digest, from->size,
			mediatype_compression(from->media_type), CODEC_LEVEL_DEFAULT, true };
	} else if (layer->cached) {
		*ret = (struct layer_blob){ layer->cached->blob.digest, layer->cached->blob.bytes,
			layer->cached->compression, layer->cached->level, true };
	}
	return layer->image || layer->cached;
}

FALLIBLE layer_open_origin(
		struct layer_set *set, const struct build_layer *layer, struct reader **ret)
{
	if (layer->image)
		return image_open_layer(layer->image, layer->image_index, ret);
	return cache_homes_open(set->homes, layer->cached, layer->home, &layer->cached->blob, ret);
}

FALLIBLE layer_fetch(struct layer_set *set, struct build_layer *layer)
{
	struct store *store = set->options->store;
	AUTO(reader) struct reader *reader = NULL;
	AUTO(blob_writer) struct blob_writer *blob = NULL;
	struct layer_blob from = { 0 };
	bool here = false;

	if (!layer_origin(layer, &from))
		return error_new(ERR_NOT_FOUND, "layer '%s' is gone from the store", layer->id);
	TRY(blob_has(store, &from.digest, &here, NULL));
	if (!here) {
		TRY(layer_open_origin(set, layer, &reader));
		TRY(blob_writer_open(store, BLOB_HASHED_BY_CALLER, &blob));
		TRY(stream_copy(reader, blob_writer_stream(blob), NULL));
		TRY(writer_close(blob_writer_stream(blob)));
		TRY(blob_commit(TAKE(blob), &from.digest, from.bytes, NULL, NULL));
	}
	layer->source = from;
	return NULL;
}
