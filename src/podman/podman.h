/*
 * podman: images that lie in Podman's store, as they were when it was opened.
 *
 * A layer's tar is made again from its directory and its tar-split, under a shared hold of Podman's
 * own lock on layers: who wants to write there waits, as for Podman itself. What Podman removes
 * between opening and reading is ERR_NOT_FOUND; a record that is half there is not used.
 *
 * Floor: podman. After podman_open() any thread. Spec: containers/storage 1.43; containers/image
 * 5.23, storage_src.go.
 */
#pragma once
#include "oci/digest.h"
#include "podman/place.h"
#include "stream/reader.h"
#include "sys/cancel.h"

struct podman;

struct podman_layer {
	char *id;
	size_t root;           /* which of the stores has it */
	struct digest diff_id; /* known or not */
	uint64_t bytes;        /* of the tar, when diff_id is known */
	bool has_split;        /* it can be made again byte for byte */
};

struct podman_image {
	char *id; /* 64 hex digits; of the config, unless somebody chose it */
	size_t root;
	char *name; /* the one it was found by, else its first; NULL: none */
	/* What the caller pinned, known or not: the lists claim it, the manifest has to be it. */
	struct digest wanted;
	struct {
		struct podman_layer *p;
		size_t n, capacity;
	} layers; /* lowest first */
};

/* ERR_NOT_FOUND: there is no store; what additional stores lack is passed over. */
FALLIBLE podman_open(const struct podman_place *place, struct cancel *cancel, struct podman **ret);
void podman_free(struct podman *podman);

/*
 * By name ("app" is localhost/app:latest, else docker.io/library/app:latest), name@sha256:…, ID,
 * the first digits of one, or "@ID". ERR_NOT_FOUND; ERR_INVALID: several IDs begin so, or layers
 * are missing.
 */
FALLIBLE podman_find(const struct podman *podman, const char *text, struct podman_image *ret);
/* An image that has that manifest, whatever it is called. ERR_NOT_FOUND. */
FALLIBLE podman_find_manifest(const struct podman *podman, const struct digest *manifest,
		struct podman_image *ret);
void podman_image_done(struct podman_image *image);

/* The graph root that the image, or a layer of one, is in. Borrowed. */
const char *podman_path(const struct podman *podman, const struct podman_image *image);
const char *podman_layer_root(const struct podman *podman, const struct podman_layer *layer);
/* A datum that an image has by name ("manifest", "sha256:…" of its config). free(). */
FALLIBLE podman_datum(const struct podman *podman, const struct podman_image *image,
		const char *name, size_t limit, char **ret, size_t *ret_n);
/* Layer i's tar; not verified. Needs has_split. */
FALLIBLE podman_open_layer(const struct podman *podman, const struct podman_image *image, size_t i,
		struct reader **ret);
/* The directories that layers [0, i] are in, topmost first, for reading: new, the caller closes. */
FALLIBLE podman_layer_dirs(const struct podman *podman, const struct podman_image *image, size_t i,
		int **ret, size_t *ret_n);
/* As long as this fd is open nobody removes or adds layers; -1 where nobody can. */
FALLIBLE podman_hold(const struct podman *podman, const struct podman_image *image, size_t i,
		int *ret_fd);

DEFINE_AUTO_PTR(podman, podman_free)
DEFINE_AUTO_VALUE(podman_image)
