/*
 * encrypt: the same image with layers that only the holders of some keys can read, as ocicrypt has
 * it. Config and diffIDs stay, and can be read by all; the manifest is another.
 *
 * Floor: image.
 * Spec: ocicrypt; trust/seal.h.
 */
#pragma once
#include "image/set.h"

/* Borrowed. */
struct image_sealing {
	const struct seal_keys *recipients; /* NULL or empty: nothing is encrypted */
	/* Which layers: 0 is the first, -1 the last; none said: all. */
	const int64_t *layers;
	size_t layer_count;
};

/*
 * *ret is new. What is encrypted lies in the store for as long as *ret does. ERR_UNSUPPORTED for an
 * image in Docker's format; ERR_INVALID for a layer that there is not, or that is encrypted
 * already.
 */
FALLIBLE image_encrypt(const struct image *image, const struct image_sealing *sealing,
		struct store *store, struct cancel *cancel, struct image **ret);

/* A set of encrypted images, which it borrows. */
struct image_sealed_set {
	struct image_set set;
	VEC(struct image *) images;
};

/*
 * The same for each image of an index (or the one that a set is), which is then in OCI's format;
 * what of it is no image stays as it is. Of a set from elsewhere it is asked whether it may be
 * used. ERR_INVALID: there is no image in it. set must outlive *ret.
 */
FALLIBLE image_set_encrypt(const struct image_set *set, const struct image_sealing *sealing,
		struct store *store, struct cancel *cancel, struct image_sealed_set *ret);
void image_sealed_set_done(struct image_sealed_set *sealed);

DEFINE_AUTO_VALUE(image_sealed_set)
