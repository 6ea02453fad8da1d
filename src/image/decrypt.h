/*
 * decrypt: an image whose layers ocicrypt encrypted (Buildah's, skopeo's and containerd's
 * --encryption-key), as it was before. The keys of its layers are opened at once; a layer is
 * decrypted while it is read, its HMAC and the digest that it had compared at its end.
 *
 * Floor: image.
 * Spec: ocicrypt; trust/seal.h.
 */
#pragma once
#include "image/image.h"

bool image_is_encrypted(const struct image *image);
/* ERR_DENIED, as Buildah has it, when a layer is encrypted: for homes that must have them open. */
FALLIBLE image_check_plain(const struct image *image);
/*
 * Make it the image of the plain layers: manifest, digest and source are others. ERR_DENIED when
 * no key opens a layer. A layer whose compressed form nobody wrote down (Buildah's pushes) is
 * fetched now, compared with its diffID and kept in store, unless it was before: ERR_DIGEST when it
 * is another.
 */
FALLIBLE image_decrypt(struct image *image, const struct seal_keys *keys, struct store *store);
