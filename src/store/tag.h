/*
 * tag: names of images, and the images that are kept without one. (What an image is and how it is
 * read: image/image.h.)
 *
 * An image is a manifest or index blob with everything that it reaches; tag_put() follows it, so
 * that prune keeps the whole. index.json always lists the same images (annotations
 * org.opencontainers.image.ref.name and io.containerd.image.name), for any OCI tool.
 *
 * Floor: store. Any thread.
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "oci/digest.h"
#include "store/store.h"

struct tag_record {
	char *name;             /* as given to tag_put; NULL: an image without a name */
	struct digest manifest; /* or index */
	struct digest config;   /* of a manifest: what people call the image ID; known or not */
	char *media_type;       /* of manifest */
	uint64_t bytes;         /* of all its blobs, as its manifests say */
	int64_t created;        /* Unix seconds: when the image was put here */
};

struct tag_list {
	struct tag_record *p;
	size_t n, capacity;
};

/*
 * Keep the image under name (a normalised reference text; NULL: without a name). manifest must be a
 * blob here; manifests of an index that are not here are left out. A name that was on another image
 * moves; that image stays without a name until it is pruned. media_type may be NULL.
 */
FALLIBLE tag_put(struct store *store, const char *name, const struct digest *manifest,
		const char *media_type);
/* ERR_NOT_FOUND. */
FALLIBLE tag_get(struct store *store, const char *name, struct tag_record *ret);
/* By digest of manifest or config, or at least 4 leading hex digits of one ("sha256:" allowed).
 * The newest of several manifests with that config. ERR_NOT_FOUND; ERR_INVALID when several images
 * match. ret->name is one of its names or NULL. */
FALLIBLE tag_find(struct store *store, const char *id, struct tag_record *ret);
/* Every name, then every image without one; each by age, newest first. Nothing is leased. */
FALLIBLE tag_list(struct store *store, struct tag_list *ret);
/* Names of one image. */
FALLIBLE tag_names(struct store *store, const struct digest *manifest, struct list *ret);
/* Take a name away; the image stays (without a name, if that was its last). ERR_NOT_FOUND. */
FALLIBLE tag_remove(struct store *store, const char *name);
/*
 * Forget an image and all its names; its blobs are for prune. ERR_NOT_FOUND; ERR_BUSY when a
 * working container stands on it.
 */
FALLIBLE tag_drop_image(struct store *store, const struct digest *manifest);

void tag_record_done(struct tag_record *record);
void tag_list_done(struct tag_list *list);

DEFINE_AUTO_VALUE(tag_record)
DEFINE_AUTO_VALUE(tag_list)
