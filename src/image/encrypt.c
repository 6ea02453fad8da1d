/*
 * One pass over each layer: read and verified, encrypted, hashed, written to a blob of the store.
 * Nobody will ever ask for these bytes again, for their key is new: they go with the image.
 */
#include "image/encrypt.h"

#include "base/limits.h"
#include "store/blob.h"
#include "stream/group.h"
#include "trust/seal.h"

#include <pthread.h>
#include <string.h>

enum { COPIES = 4 };

/* Blobs of the store that are dropped with it, else of below. */
struct passing {
	struct image_source source;
	struct image_source *below;
	struct store *store;
	VEC(struct digest) dropped; /* guarded by the lock of struct encrypting */
};

static struct error *open_blob(
		struct image_source *source, const struct descriptor *blob, struct reader **ret)
{
	struct image_source *below = ((struct passing *)source)->below;

	return below->ops->open_blob(below, blob, ret);
}

static struct error *open_raw(struct image_source *source, const struct descriptor *blob,
		uint64_t offset, struct reader **ret)
{
	struct image_source *below = ((struct passing *)source)->below;

	return below->ops->open_raw(below, blob, offset, ret);
}

static const char *repository(const struct image_source *source)
{
	const struct image_source *below = ((const struct passing *)source)->below;

	return below->ops->repository(below);
}

static bool is_own(const struct passing *self, const struct digest *digest)
{
	for (size_t i = 0; i < self->dropped.n; i++)
		if (digest_equal(&self->dropped.p[i], digest))
			return true;
	return false;
}

static const char *repository_of(
		const struct image_source *source, const struct digest *digest, bool *ret_sure)
{
	const struct passing *self = (const struct passing *)source;

	*ret_sure = false;
	return is_own(self, digest) ? NULL : image_source_repository(self->below, digest, ret_sure);
}

static void doubt(
		struct image_source *source, const struct descriptor *blob, const struct error *why)
{
	image_source_doubt(((struct passing *)source)->below, blob, why);
}

static void passing_free(struct image_source *source)
{
	struct passing *self = (struct passing *)source;

	for (size_t i = 0; i < self->dropped.n; i++)
		error_ignore(blob_drop(self->store, &self->dropped.p[i]), "prune will find it");
	vec_done(&self->dropped);
	image_source_unref(self->below);
	free(self);
}

static struct passing *passing_new(struct store *store, struct image_source *below)
{
	static const struct image_source_ops ops = { .open_blob = open_blob,
		.open_raw = open_raw,
		.repository = repository,
		.repository_of = repository_of,
		.doubt = doubt,
		.free = passing_free };
	struct passing *self = xcalloc(1, sizeof(*self));

	self->source = (struct image_source){ &ops, 1 };
	self->below = image_source_store(store, below);
	self->store = store;
	return self;
}

struct encrypting {
	const struct image *image;
	const struct image_sealing *sealing;
	struct store *store;
	struct cancel *cancel;
	struct passing *source;
	struct manifest *manifest; /* the new one */
	bool *is_wanted;           /* by layer */
	pthread_mutex_t lock;
	size_t next; /* guarded by lock */
};

static FALLIBLE choose_layers(const struct encrypting *encrypting)
{
	const struct image_sealing *sealing = encrypting->sealing;
	size_t n = encrypting->image->manifest.layers.n;

	for (size_t i = 0; i < n && !sealing->layer_count; i++)
		encrypting->is_wanted[i] = true;
	for (size_t i = 0; i < sealing->layer_count; i++) {
		int64_t index = sealing->layers[i];
		int64_t at = index < 0 ? index + (int64_t)n : index;

		if (at < 0 || at >= (int64_t)n)
			return error_new(ERR_INVALID,
					"when choosing layers to encrypt, layer index %lld out of "
					"range (%zu layers exist)",
					(long long)index, n);
		encrypting->is_wanted[at] = true;
	}
	/* Silence would be taken for a lock that these recipients can open. */
	for (size_t i = 0; i < n; i++)
		if (encrypting->is_wanted[i] &&
				mediatype_is_encrypted(
						encrypting->image->manifest.layers.p[i].media_type))
			return error_hint(error_new(ERR_INVALID,
							  "layer %zu of %zu is encrypted already, "
							  "for whom is not known",
							  i + 1, n),
					"'kiln image copy' opens it with --decryption-key; "
					"--encrypt-layer chooses others");
	return NULL;
}

static FALLIBLE encrypt_bytes(struct encrypting *encrypting, size_t i, struct seal_secret *secret,
		struct digest *ret)
{
	const struct descriptor *from = &encrypting->image->manifest.layers.p[i];
	AUTO(reader) struct reader *encrypted = NULL;
	AUTO(blob_writer) struct blob_writer *blob = NULL;
	struct reader *plain = NULL;

	TRY(image_open_layer(encrypting->image, i, &plain));
	encrypted = encrypt_reader(plain, &secret->key, secret->mac);
	TRY(blob_writer_open(encrypting->store, BLOB_HASH, &blob));
	TRY(stream_copy(encrypted, blob_writer_stream(blob), NULL));
	TRY(writer_close(blob_writer_stream(blob)));
	return blob_commit(TAKE(blob), NULL, from->size, ret, NULL);
}

static FALLIBLE encrypt_layer(struct encrypting *encrypting, size_t i)
{
	struct descriptor *layer = &encrypting->manifest->layers.p[i];
	AUTO(seal_secret) struct seal_secret secret = { .digest = layer->digest };
	AUTO_FREE char *media_type = xasprintf("%s" MEDIA_ENCRYPTED, layer->media_type);

	TRY(seal_secret_new(&secret));
	TRY(encrypt_bytes(encrypting, i, &secret, &layer->digest));
	(void)pthread_mutex_lock(&encrypting->lock);
	vec_push(&encrypting->source->dropped, layer->digest);
	(void)pthread_mutex_unlock(&encrypting->lock);
	free(layer->media_type);
	layer->media_type = TAKE(media_type);
	seal_strip(&layer->annotations);
	/* Where the plain bytes can be had: that is not for everybody, nor true of these. */
	list_done(&layer->urls);
	return seal_write(encrypting->sealing->recipients, &secret, &layer->annotations);
}

static struct error *encrypt_some(void *argument)
{
	struct encrypting *encrypting = argument;

	for (;;) {
		(void)pthread_mutex_lock(&encrypting->lock);
		size_t i = encrypting->next++;
		(void)pthread_mutex_unlock(&encrypting->lock);
		if (i >= encrypting->manifest->layers.n)
			return NULL;
		TRY(cancel_check(encrypting->cancel));
		if (encrypting->is_wanted[i])
			TRY_WRAP(encrypt_layer(encrypting, i), "encrypting layer %zu of %zu", i + 1,
					encrypting->manifest->layers.n);
	}
}

static FALLIBLE encrypt_all(struct encrypting *encrypting)
{
	AUTO(group) struct group *group = group_new();

	for (size_t i = 0; i < encrypting->manifest->layers.n && i < COPIES; i++)
		group_start(group, "encrypt", encrypt_some, encrypting);
	return group_join(group);
}

static void copy_manifest(const struct manifest *from, struct manifest *ret)
{
	ret->format = from->format;
	ret->media_type = xstrdup(from->media_type);
	ret->artifact_type = xstrdup(from->artifact_type);
	descriptor_copy(&from->config, &ret->config);
	for (size_t i = 0; i < from->layers.n; i++)
		descriptor_copy(&from->layers.p[i], vec_add(&ret->layers));
	ret->has_subject = from->has_subject;
	if (ret->has_subject)
		descriptor_copy(&from->subject, &ret->subject);
	list_add_all(&ret->annotations, &from->annotations);
}

static FALLIBLE make(const struct encrypting *encrypting, struct image **ret)
{
	const struct image *image = encrypting->image;
	AUTO_FREE char *json = manifest_print(encrypting->manifest);
	AUTO_FREE char *config = xstrndup(image->config_json, image->config_bytes);

	if (strlen(json) > LIMIT_MANIFEST_BYTES)
		return error_new(ERR_LIMIT, "the manifest would have %zu bytes (at most %d)",
				strlen(json), LIMIT_MANIFEST_BYTES);
	TRY(image_make(image->name, json, config, &encrypting->source->source, ret));
	list_add_all(&(*ret)->entry_annotations, &image->entry_annotations);
	return NULL;
}

FALLIBLE image_encrypt(const struct image *image, const struct image_sealing *sealing,
		struct store *store, struct cancel *cancel, struct image **ret)
{
	AUTO(manifest) struct manifest manifest = { 0 };
	AUTO_FREE bool *is_wanted = xcalloc(image->manifest.layers.n + 1, sizeof(*is_wanted));
	struct encrypting encrypting = { .image = image,
		.sealing = sealing,
		.store = store,
		.cancel = cancel,
		.manifest = &manifest,
		.is_wanted = is_wanted,
		.lock = PTHREAD_MUTEX_INITIALIZER };

	if (image->manifest.format != FORMAT_OCI)
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "Docker's format has no encrypted layers"),
				"use the format oci");
	TRY(choose_layers(&encrypting));
	copy_manifest(&image->manifest, &manifest);
	encrypting.source = passing_new(store, image->source);
	struct error *error = encrypt_all(&encrypting);
	if (!error)
		error = make(&encrypting, ret);
	image_source_unref(&encrypting.source->source);
	return error;
}
