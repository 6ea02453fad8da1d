/*
 * Counter mode keeps the number of bytes, and the envelope of a layer names its digest: so the
 * plain manifest is known before any layer is read, and a layer that nobody needs is not fetched.
 */
#include "image/decrypt.h"

#include "base/limits.h"
#include "store/blob.h"
#include "store/layers.h"
#include "stream/plain.h"
#include "trust/seal.h"

#include <string.h>

struct sealed_layer {
	struct descriptor encrypted;
	struct digest plain;
	struct seal_secret secret;
};

struct decrypting {
	struct image_source source;
	struct image_source *below;
	struct sealed_layer *p;
	size_t n, capacity;
};

static const struct sealed_layer *find(const struct decrypting *self, const struct digest *digest)
{
	for (size_t i = 0; i < self->n; i++)
		if (digest_equal(&self->p[i].plain, digest))
			return &self->p[i];
	return NULL;
}

static FALLIBLE open_plain(struct image_source *below, const struct descriptor *encrypted,
		const struct seal_secret *secret, struct reader **ret)
{
	struct reader *raw = NULL;

	TRY(below->ops->open_blob(below, encrypted, &raw));
	*ret = decrypt_reader(raw, &secret->key, secret->mac);
	return NULL;
}

static struct error *open_blob(
		struct image_source *source, const struct descriptor *blob, struct reader **ret)
{
	struct decrypting *self = (struct decrypting *)source;
	const struct sealed_layer *layer = find(self, &blob->digest);
	struct reader *plain = NULL;

	if (!layer)
		return self->below->ops->open_blob(self->below, blob, ret);
	TRY(open_plain(self->below, &layer->encrypted, &layer->secret, &plain));
	*ret = verify_reader(plain, &layer->plain, blob->size);
	return NULL;
}

static struct error *open_raw(struct image_source *source, const struct descriptor *blob,
		uint64_t offset, struct reader **ret)
{
	struct decrypting *self = (struct decrypting *)source;

	if (find(self, &blob->digest) || !self->below->ops->open_raw)
		return error_new(ERR_UNSUPPORTED, "not offered");
	return self->below->ops->open_raw(self->below, blob, offset, ret);
}

static const char *repository(const struct image_source *source)
{
	const struct decrypting *self = (const struct decrypting *)source;

	return self->below->ops->repository(self->below);
}

/* Where the encrypted layer lies the plain one does not. */
static const char *repository_of(
		const struct image_source *source, const struct digest *digest, bool *ret_sure)
{
	const struct decrypting *self = (const struct decrypting *)source;

	*ret_sure = false;
	return find(self, digest) ? NULL : image_source_repository(self->below, digest, ret_sure);
}

static void doubt(
		struct image_source *source, const struct descriptor *blob, const struct error *why)
{
	struct decrypting *self = (struct decrypting *)source;
	const struct sealed_layer *layer = find(self, &blob->digest);

	image_source_doubt(self->below, layer ? &layer->encrypted : blob, why);
}

static void decrypting_free(struct image_source *source)
{
	struct decrypting *self = (struct decrypting *)source;

	image_source_unref(self->below);
	for (size_t i = 0; i < self->n; i++) {
		descriptor_done(&self->p[i].encrypted);
		seal_secret_done(&self->p[i].secret);
	}
	free(self->p);
	free(self);
}

static struct decrypting *decrypting_new(struct image_source *below, size_t layers)
{
	static const struct image_source_ops ops = { .open_blob = open_blob,
		.open_raw = open_raw,
		.repository = repository,
		.repository_of = repository_of,
		.doubt = doubt,
		.free = decrypting_free };
	struct decrypting *self = xcalloc(1, sizeof(*self));

	self->source = (struct image_source){ &ops, 1 };
	self->below = image_source_ref(below);
	/* Room for all: memory with keys in it does not move. */
	self->p = xcalloc(layers, sizeof(*self->p));
	return self;
}

bool image_is_encrypted(const struct image *image)
{
	for (size_t i = 0; i < image->manifest.layers.n; i++)
		if (mediatype_is_encrypted(image->manifest.layers.p[i].media_type))
			return true;
	return false;
}

FALLIBLE image_check_plain(const struct image *image)
{
	static const struct seal_keys none = { 0 };

	for (size_t i = 0; i < image->manifest.layers.n; i++) {
		const struct descriptor *layer = &image->manifest.layers.p[i];
		AUTO(seal_secret) struct seal_secret secret = { 0 };
		char text[DIGEST_TEXT];

		if (mediatype_is_encrypted(layer->media_type))
			TRY_WRAP(seal_read(&layer->annotations, &none, &secret),
					"decrypting layer %s", digest_text(&layer->digest, text));
	}
	return NULL;
}

/* What the digest in the envelope is of: of these bytes, or only of what they decompress to. */
static bool names_the_bytes(const struct image *image, size_t i, const char *media_type,
		const struct seal_secret *secret)
{
	bool is_diff_id = digest_equal(&secret->digest, &image->config.diff_ids.p[i]);

	return digest_known(&secret->digest) &&
	       (!is_diff_id || mediatype_compression(media_type) == COMPRESSION_NONE);
}

/* *ret stays unknown unless such a layer was kept before, by us or whoever saw its bytes. */
static FALLIBLE find_kept(struct store *store, const struct digest *diff_id,
		const struct layer_blob *wanted, struct digest *ret)
{
	AUTO(layer_record) struct layer_record record = { 0 };

	TRY(layer_seek_by_diff_id(store, diff_id, NULL, &record));
	for (size_t i = 0; i < record.blobs.n; i++) {
		const struct layer_blob *blob = &record.blobs.p[i];

		if (blob->here && blob->compression == wanted->compression &&
				blob->bytes == wanted->bytes)
			*ret = blob->digest;
	}
	return NULL;
}

/* What is kept for its diffID has it. */
static struct error *check_diff_id(
		void *user, const struct hash_result *plain, enum codec_kind kind)
{
	const struct digest *wanted = user;
	char wanted_text[DIGEST_TEXT], got_text[DIGEST_TEXT];

	(void)kind;
	if (digest_equal(&plain->digest, wanted))
		return NULL;
	return error_new(ERR_DIGEST, "the layer's content is '%s', not '%s'",
			digest_text(&plain->digest, got_text), digest_text(wanted, wanted_text));
}

static FALLIBLE keep_plain(const struct image *image, size_t i, const char *media_type,
		const struct seal_secret *secret, struct store *store, struct digest *ret)
{
	const struct descriptor *encrypted = &image->manifest.layers.p[i];
	struct digest *diff_id = &image->config.diff_ids.p[i];
	struct layer_blob kept = { .bytes = encrypted->size,
		.compression = mediatype_compression(media_type),
		.level = CODEC_LEVEL_DEFAULT,
		.here = true };
	AUTO(reader) struct reader *plain = NULL;
	AUTO(blob_writer) struct blob_writer *blob = NULL;
	char id[LAYER_ID_TEXT];

	TRY(find_kept(store, diff_id, &kept, ret));
	if (digest_known(ret))
		return NULL;
	TRY(open_plain(image->source, encrypted, secret, &plain));
	plain = plain_reader(plain, kept.bytes, LIMIT_LAYER_BYTES, check_diff_id, diff_id);
	TRY(blob_writer_open(store, BLOB_HASH, &blob));
	TRY(stream_copy(plain, blob_writer_stream(blob), NULL));
	TRY(writer_close(blob_writer_stream(blob)));
	TRY(blob_commit(TAKE(blob), NULL, kept.bytes, &kept.digest, NULL));
	*ret = kept.digest;
	TRY(layer_add_blob(store, diff_id, &kept));
	return layer_add(store, &(struct layer_facts){ .diff_id = *diff_id }, id);
}

/* The plain layer's descriptor, from the encrypted one's copy. */
static FALLIBLE decrypt_layer(struct image *image, size_t i, const struct seal_keys *keys,
		struct store *store, struct decrypting *source)
{
	struct descriptor *layer = &image->manifest.layers.p[i];
	AUTO(seal_secret) struct seal_secret secret = { 0 };
	AUTO_FREE char *media_type = xstrndup(
			layer->media_type, strlen(layer->media_type) - strlen(MEDIA_ENCRYPTED));

	if (mediatype_role(media_type) != MEDIA_LAYER)
		return error_new(ERR_UNSUPPORTED, "what is encrypted is no layer but '%s'",
				media_type);
	TRY(seal_read(&layer->annotations, keys, &secret));
	if (names_the_bytes(image, i, media_type, &secret)) {
		struct sealed_layer *sealed = &source->p[source->n++];

		descriptor_copy(layer, &sealed->encrypted);
		sealed->plain = layer->digest = secret.digest;
		sealed->secret = secret;
	} else {
		struct digest plain = { 0 };

		TRY(keep_plain(image, i, media_type, &secret, store, &plain));
		layer->digest = plain;
	}
	free(layer->media_type);
	layer->media_type = TAKE(media_type);
	seal_strip(&layer->annotations);
	list_done(&layer->urls);
	return NULL;
}

/* The manifest in memory says the same as its bytes again. */
static void print_again(struct image *image)
{
	free(image->manifest_json);
	image->manifest_json = manifest_print(&image->manifest);
	image->manifest_bytes = strlen(image->manifest_json);
	image->digest = digest_of(image->manifest_json, image->manifest_bytes);
}

FALLIBLE image_decrypt(struct image *image, const struct seal_keys *keys, struct store *store)
{
	struct image_source *stored = image_source_store(store, image->source);
	struct decrypting *source = decrypting_new(stored, image->manifest.layers.n);
	struct error *error = NULL;
	char text[DIGEST_TEXT];

	image_source_unref(stored);
	for (size_t i = 0; i < image->manifest.layers.n && !error; i++) {
		struct descriptor *layer = &image->manifest.layers.p[i];

		(void)digest_text(&layer->digest, text);
		if (mediatype_is_encrypted(layer->media_type))
			error = decrypt_layer(image, i, keys, store, source);
	}
	if (error) {
		image_source_unref(&source->source);
		return error_wrap(error, "decrypting layer %s", text);
	}
	image_source_unref(image->source);
	image->source = &source->source;
	image->is_decrypted = true;
	print_again(image);
	return NULL;
}
