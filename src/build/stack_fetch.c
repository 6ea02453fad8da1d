/*
 * The bytes of a layer that the store has as a blob, or not yet: from its home, kept as a blob of
 * the store on the way, and poured into a sink by the same read.
 */
#include "build/stack_inner.h"
#include "cache/homes.h"
#include "cache/toc.h"
#include "store/blob.h"

#include <stdio.h>

enum { READ_BYTES = 64 * 1024 };

/* Everything read goes to a writer as well. */
struct copying_reader {
	struct reader reader;
	struct reader *below;
	struct writer *to; /* borrowed */
};

static struct error *copying_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct copying_reader *copying = (struct copying_reader *)reader;

	TRY(reader_read(copying->below, buf, n, ret_n));
	return *ret_n ? writer_write(copying->to, buf, *ret_n) : NULL;
}

static void copying_free(struct reader *reader)
{
	reader_free(((struct copying_reader *)reader)->below);
	free(reader);
}

static struct reader *copying_reader(struct reader *below, struct writer *to)
{
	static const struct reader_ops ops = { .read = copying_read, .free = copying_free };
	struct copying_reader *copying = xcalloc(1, sizeof(*copying));

	*copying = (struct copying_reader){ { &ops }, below, to };
	return &copying->reader;
}

/* Bytes so far, told as progress. */
struct telling_reader {
	struct reader reader;
	struct reader *below;
	struct progress *progress;
	unsigned vertex;
	char what[32];
	uint64_t done, total;
};

static struct error *telling_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct telling_reader *telling = (struct telling_reader *)reader;

	TRY(reader_read(telling->below, buf, n, ret_n));
	telling->done += *ret_n;
	progress_bytes(telling->progress, telling->vertex, telling->what, telling->done,
			telling->total);
	return NULL;
}

static void telling_free(struct reader *reader)
{
	reader_free(((struct telling_reader *)reader)->below);
	free(reader);
}

static struct reader *telling_reader(const struct layer_set *set, struct reader *below,
		unsigned vertex, const struct layer_blob *blob)
{
	static const struct reader_ops ops = { .read = telling_read, .free = telling_free };
	struct telling_reader *telling = xcalloc(1, sizeof(*telling));
	char text[DIGEST_TEXT];

	*telling = (struct telling_reader){ .reader = { &ops },
		.below = below,
		.progress = set->options->progress,
		.vertex = vertex,
		.total = blob->bytes };
	(void)snprintf(telling->what, sizeof(telling->what), "%.19s",
			digest_text(&blob->digest, text));
	return &telling->reader;
}

/*
 * Where the bytes of a layer come from; *ret_blob is set when they are to be kept on the way,
 * *ret_stored when they are a blob of the store.
 */
static FALLIBLE open_source(struct layer_set *set, struct build_layer *layer, unsigned vertex,
		struct reader **ret, struct blob_writer **ret_blob, struct digest *ret_stored)
{
	struct store *store = set->options->store;

	if (layer->source.here) {
		*ret_stored = layer->source.digest;
		return blob_open(store, ret_stored, ret, NULL);
	}
	struct layer_blob from = { 0 };
	if (!layer_origin(layer, &from))
		return error_new(ERR_NOT_FOUND, "layer '%s' is gone from the store", layer->id);
	bool here = false;
	TRY(blob_has(store, &from.digest, &here, NULL));
	if (here) {
		*ret_stored = from.digest;
		return blob_open(store, ret_stored, ret, NULL);
	}
	struct reader *reader = NULL;
	TRY(layer_open_origin(set, layer, &reader));
	reader = telling_reader(set, reader, vertex, &from);
	if (!store_is_read_only(store)) {
		struct error *error = blob_writer_open(store, BLOB_HASHED_BY_CALLER, ret_blob);

		if (error) {
			reader_free(reader);
			return error;
		}
		reader = copying_reader(reader, blob_writer_stream(*ret_blob));
	}
	*ret = reader;
	return NULL;
}

/* The blob that came along is the store's from now on. */
static FALLIBLE keep_blob(struct layer_set *set, struct build_layer *layer,
		struct blob_writer *blob_taken, const struct digest *diff_id)
{
	AUTO(blob_writer) struct blob_writer *blob = blob_taken;
	struct layer_blob known = { 0 };

	(void)layer_origin(layer, &known);
	TRY(writer_close(blob_writer_stream(blob)));
	TRY(blob_commit(TAKE(blob), &known.digest, known.bytes, NULL, NULL));
	if (diff_id)
		TRY(layer_add_blob(set->options->store, diff_id, &known));
	layer->source = known;
	layer->source.here = true;
	return NULL;
}

/*
 * A blob of the store that is no layer may be damaged: the unpacking stops where it notices, before
 * the bytes are hashed to their end. Hashing them puts a damaged one away.
 */
static struct error *blame_store(
		struct layer_set *set, const struct digest *digest, struct error *error)
{
	AUTO(reader) struct reader *reader = NULL;
	struct error *found = blob_open(set->options->store, digest, &reader, NULL);

	if (!found)
		found = reader_drain(reader);
	bool was_put_away = error_is(found, ERR_NOT_FOUND); /* by who read it just now */
	if (!error_is(found, ERR_DIGEST)) {
		error_ignore(found, "what the unpacking said counts");
		return was_put_away ? error_hint(error, "try again: the layer was damaged in the "
							"store, and is fetched anew")
				    : error;
	}
	error_free(error);
	return found;
}

/* Who exports the cache needs the table of contents, and no home has it: see remote_export.c. */
static bool wants_toc(struct layer_set *set, const struct build_layer *layer)
{
	const struct build_options *options = set->options;

	if (!layer->image || !options->cache_to || !options->cache_to->n || !set->homes ||
			store_is_read_only(options->store))
		return false;
	struct digest key = cached_toc_key(&layer->diff_id);
	return !cache_homes_know(set->homes, &key);
}

static FALLIBLE keep_toc(
		struct layer_set *set, struct build_layer *layer, const char *packed, size_t n)
{
	struct digest digest = { 0 };

	if (!packed)
		return NULL;
	TRY(blob_put(set->options->store, packed, n, &digest));
	pthread_mutex_lock(&set->lock);
	layer->toc = digest;
	layer->toc_bytes = n;
	pthread_mutex_unlock(&set->lock);
	return NULL;
}

FALLIBLE layer_pour(struct layer_set *set, struct build_layer *layer, unsigned vertex,
		struct entry_sink *to, struct layer_result *ret)
{
	AUTO(entry_sink) struct entry_sink *sink = to;
	AUTO(reader) struct reader *reader = NULL;
	AUTO(blob_writer) struct blob_writer *blob = NULL;
	AUTO_FREE char *toc = NULL;
	size_t toc_bytes = 0;
	struct digest stored = { 0 };
	struct layer_unpack_options options = {
		.diff_id = digest_known(&layer->source_diff_id) ? &layer->source_diff_id : NULL,
		.cancel = set->options->cancel,
	};

	TRY(open_source(set, layer, vertex, &reader, &blob, &stored));
	if (wants_toc(set, layer))
		sink = entry_sink_tee(TAKE(sink), toc_sink(&toc, &toc_bytes));
	struct error *error = layer_unpack_into(TAKE(reader), TAKE(sink), &options, ret);
	if (digest_known(&stored) &&
			(error_is(error, ERR_INVALID) || error_is(error, ERR_LIMIT) ||
					error_is(error, ERR_UNSUPPORTED)) &&
			!apply_needs_lowers(error))
		error = blame_store(set, &stored, error);
	/* Bytes that are what the record says, and no layer or another one. */
	if (error && layer->cached && !apply_needs_lowers(error) && !error_is(error, ERR_SYS))
		cache_homes_distrust(set->homes, layer->cached, error_copy(error));
	TRY(error);
	TRY(keep_toc(set, layer, toc, toc_bytes));
	return blob ? keep_blob(set, layer, TAKE(blob), &ret->diff_id) : NULL;
}

FALLIBLE layer_need_source(struct layer_set *set, struct build_layer *layer, unsigned vertex)
{
	AUTO(reader) struct reader *reader = NULL;
	AUTO(blob_writer) struct blob_writer *blob = NULL;
	AUTO_FREE char *buf = NULL;
	struct digest stored = { 0 };
	size_t n = 1;

	if (layer->source.here)
		return NULL;
	TRY(open_source(set, layer, vertex, &reader, &blob, &stored));
	if (!blob)
		return NULL;
	buf = xmalloc(READ_BYTES);
	while (n) {
		TRY(cancel_check(set->options->cancel));
		TRY(reader_read(reader, buf, READ_BYTES, &n));
	}
	return keep_blob(set, layer, TAKE(blob), NULL);
}
