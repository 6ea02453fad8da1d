/*
 * Each image of a set encrypted, under an index that lists what they are then. The set is walked as
 * for a copy, which asks whether it may be used.
 */
#include "image/convert.h"
#include "image/encrypt.h"
#include "image/set_sink.h"
#include "stream/codec.h"

#include <string.h>

void image_sealed_set_done(struct image_sealed_set *sealed)
{
	image_set_done(&sealed->set);
	for (size_t i = 0; i < sealed->images.n; i++)
		image_free(sealed->images.p[i]);
	vec_done(&sealed->images);
}

struct encrypting_set {
	struct set_sink sink;
	const struct image_set *set;
	const struct image_sealing *sealing;
	struct store *store;
	struct cancel *cancel;
	struct pool *pool;
	struct image_index index; /* of what they are */
	struct image_sealed_set *made;
};

/* *ret (borrowed) stays NULL for what is no image. */
static FALLIBLE encrypt_one(struct encrypting_set *self, const char *media_type, struct str json,
		struct image **ret)
{
	static const struct image_form form = {
		.format = FORMAT_OCI, .compression = COMPRESSION_GZIP, .level = CODEC_LEVEL_DEFAULT
	};
	AUTO(image) struct image *image = NULL;
	AUTO(image) struct image *plain = NULL;
	struct image *sealed = NULL;

	TRY(set_open_image(self->set, media_type, json, &image));
	if (!image)
		return NULL;
	TRY(image_convert(image, self->store, &form, self->pool, self->cancel, &plain));
	TRY(image_encrypt(plain, self->sealing, self->store, self->cancel, &sealed));
	vec_push(&self->made->images, sealed);
	*ret = sealed;
	return NULL;
}

static struct error *put_document(
		struct set_sink *sink, const struct descriptor *what, struct str json)
{
	struct encrypting_set *self = (struct encrypting_set *)sink;
	struct image *sealed = NULL;
	char text[DIGEST_TEXT];

	if (manifest_sniff(json, what->media_type) == MEDIA_INDEX)
		return error_new(ERR_UNSUPPORTED,
				"'%s' is an index within the index, whose images are not encrypted",
				digest_text(&what->digest, text));
	TRY_WRAP(encrypt_one(self, what->media_type, json, &sealed), "manifest '%s'",
			digest_text(&what->digest, text));
	for (size_t i = 0; sealed && i < self->index.manifests.n; i++) {
		struct descriptor *entry = &self->index.manifests.p[i];

		if (!digest_equal(&entry->digest, &what->digest))
			continue;
		free(entry->media_type);
		entry->media_type = xstrdup(sealed->manifest.media_type);
		entry->digest = sealed->digest;
		entry->size = sealed->manifest_bytes;
	}
	return NULL;
}

static FALLIBLE encrypt_index(struct encrypting_set *self)
{
	struct image_sealed_set *made = self->made;

	TRY(image_index_parse((struct str){ self->set->json, self->set->n }, self->set->media_type,
			&self->index));
	TRY(set_copy(self->set, &self->sink, self->cancel));
	if (!made->images.n)
		return error_new(ERR_INVALID, "'%s' has no image that could be encrypted",
				self->set->name);
	self->index.format = FORMAT_OCI;
	AUTO_FREE char *json = image_index_print(&self->index);
	struct image_source *source =
			image_source_joined(made->images.p, made->images.n, self->set->source);
	struct error *error = image_set_make(self->set->name, json, source, &made->set);
	image_source_unref(source);
	return error;
}

static FALLIBLE encrypt_alone(struct encrypting_set *self)
{
	const struct image_set *set = self->set;
	struct image *sealed = NULL;

	TRY(set_copy(set, &self->sink, self->cancel));
	TRY(encrypt_one(self, set->media_type, (struct str){ set->json, set->n }, &sealed));
	return sealed ? image_set_of(sealed, &self->made->set)
		      : error_new(ERR_INVALID, "'%s' is no image that could be encrypted",
					set->name);
}

FALLIBLE image_set_encrypt(const struct image_set *set, const struct image_sealing *sealing,
		struct store *store, struct cancel *cancel, struct image_sealed_set *ret)
{
	struct encrypting_set self = { { .put_document = put_document }, set, sealing, store,
		cancel, pool_new(0), { 0 }, ret };
	struct error *error = set->is_index ? encrypt_index(&self) : encrypt_alone(&self);

	pool_free(self.pool);
	image_index_done(&self.index);
	return error;
}
