/*
 * write: an image on its way into Podman's store. Layers are unpacked in a scratch directory,
 * without any lock, lowest first; then everything becomes visible under Podman's own locks in a
 * moment:
 *
 *	layers are listed as incomplete, moved into their places, listed as complete;
 *	the image's data are written, and the image is listed.
 *
 * Whoever is killed leaves incomplete layers, which Podman removes when it next writes, or a
 * scratch directory, which the next kiln removes.
 *
 * IDs are those that containers/image gives, so what is there is found and used: a layer's is its
 * diffID, or of one on others sha256(ID below "+" diffID); an image's is the digest of its config.
 *
 * Floor: podman. One thread at a time. Spec: containers/storage 1.43 (layers.go, overlay.go);
 * containers/image 5.23 (storage_dest.go).
 */
#pragma once
#include "base/str.h"
#include "oci/digest.h"
#include "oci/mediatype.h"
#include "podman/place.h"
#include "stream/reader.h"
#include "sys/cancel.h"

struct podman_writer;

/* A layer as the image has it. */
struct podman_new_layer {
	struct digest diff_id, digest;
	uint64_t bytes; /* of the blob */
	enum compression compression;
};

struct podman_new_image {
	struct str manifest, config;
	struct digest manifest_digest, config_digest;
	bool has_created;
	int64_t created;          /* Unix seconds; else now */
	const struct list *names; /* complete references; they leave whatever image has them */
};

/* The store is made when there is none. ERR_UNSUPPORTED: fuse-overlayfs works there. */
FALLIBLE podman_writer_open(const struct podman_place *place,
		const struct podman_settings *settings, struct cancel *cancel,
		struct podman_writer **ret);
/* True when the store has the next layer: it is taken from there, and the one after it is next. */
FALLIBLE podman_writer_has(
		struct podman_writer *writer, const struct podman_new_layer *layer, bool *ret);
/*
 * The next layer, unpacked from its blob (takes it). ERR_DIGEST: it is another. ERR_UNSUPPORTED:
 * ids that this user has not, or a name that comes twice.
 */
FALLIBLE podman_writer_add(struct podman_writer *writer, const struct podman_new_layer *layer,
		struct reader *blob);
/*
 * Make it visible. ERR_BUSY: a layer that was there is gone, begin anew. *ret_id (new) is the
 * image's.
 */
FALLIBLE podman_writer_commit(
		struct podman_writer *writer, const struct podman_new_image *image, char **ret_id);
void podman_writer_free(struct podman_writer *writer);

DEFINE_AUTO_PTR(podman_writer, podman_writer_free)
