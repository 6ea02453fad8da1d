/*
 * write_inner: what write.c and commit.c share. Private to the two.
 *
 * Floor: podman.
 */
#pragma once
#include "base/vec.h"
#include "podman/root.h"
#include "podman/scratch.h"
#include "podman/write.h"

/* Sorted, each once. */
struct ids {
	uint32_t *p;
	size_t n, capacity;
};

struct new_layer {
	char *id;
	char *scratch; /* "N" in the scratch directory; NULL: it was there */
	char *link;    /* its short name in overlay/l */
	char *lower; /* the short paths of those below it, as its file "lower" has them; or NULL */
	size_t root; /* where it was */
	struct podman_new_layer facts;
	uint64_t tar_bytes;
	struct ids uids, gids;
};

/* The text of a file of a layer: "link", "lower". Without must, *ret stays NULL when there is none.
 */
FALLIBLE layer_word(const struct podman_root *root, const char *id, const char *name, bool must,
		char **ret);

struct podman_writer {
	struct podman_root *roots; /* ours first */
	size_t n_roots;
	struct podman_scratch scratch;
	bool is_mapped, has_one_id; /* as struct podman_settings has them */
	struct cancel *cancel;
	struct {
		struct new_layer *p;
		size_t n, capacity;
	} layers;
	struct {
		int *p; /* directories of the layers so far, topmost last */
		size_t n, capacity;
	} dirs;
};
