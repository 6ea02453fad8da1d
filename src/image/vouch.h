/*
 * vouch: may this image be used? The door between an image that was found and its first byte. What
 * comes from outside is asked of the signature policy (trust/trust.h), by the name that it was
 * asked for; what is in the store and was fetched, by the names that it was fetched under; what was
 * made here needs nobody's word. A verdict is kept, so that the next use asks no registry.
 *
 * Floor: image. Private to image/.
 */
#pragma once
#include "image/image.h"
#include "trust/trust.h"

/* Where an image was found. Zeroed: in the store. */
struct image_origin {
	const char *transport; /* NULL: the store */
	bool has_reference;
	struct reference reference;
	char *path, *name;
	struct list scopes; /* of containers-storage */
};

void image_origin_done(struct image_origin *origin);
struct image_origin image_origin_registry(const struct reference *reference);
/* path is made absolute, links followed. name may be NULL. */
struct image_origin image_origin_file(const char *transport, const char *path, const char *name);
/* An image of Podman's store in root, by its name there or by its ID; either may be NULL. */
struct image_origin image_origin_podman(const char *root, const char *name, const char *id);
void image_origin_copy(const struct image_origin *from, struct image_origin *ret);

/*
 * digests: the manifest's, and that of the index that it is from. trust may be NULL for what is in
 * the store, and for nothing else (ERR_DENIED).
 */
FALLIBLE image_vouch(struct trust *trust, struct store *store, const struct image_origin *origin,
		const struct digest *digests, size_t n);

/*
 * digest: of what was made here of the image from, which was vouched for, and says the same. It is
 * asked about under the same names, and has no signature of its own.
 */
FALLIBLE image_vouch_derived(struct trust *trust, struct store *store,
		const struct image_origin *origin, const struct digest *from,
		const struct digest *digest);

/* Refuses what the policy rejects whoever signed it, before any of it is brought into the store. */
FALLIBLE image_vouch_ahead(struct trust *trust, const struct image_origin *origin);

DEFINE_AUTO_VALUE(image_origin)
