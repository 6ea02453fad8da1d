/*
 * encrypt: the same image with layers that only the holders of some keys can read, as ocicrypt has
 * it. Config and diffIDs stay, and can be read by all; the manifest is another.
 *
 * Floor: image.
 * Spec: ocicrypt; trust/seal.h.
 */
#pragma once
#include "image/image.h"

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
