/*
 * lower_source: blobs of an image from lower stores (build/lower_store.h), else from below.
 *
 * A lower store is other hands' work on a disk of its own: each blob is hashed once before the
 * first byte of it is handed out, since what was handed out cannot be taken back. A damaged one is
 * a warning that names the folder; the bytes then come from the next lower store, or from below.
 *
 * Floor: build. As every source: from any thread.
 */
#pragma once
#include "build/build.h"
#include "image/image.h"

/*
 * Borrows options; takes below, which must not be a lower store's. owner: the lower store that has
 * the image, which is told of once when a blob of it is not there; SIZE_MAX: none has.
 */
struct image_source *lower_source_new(
		const struct build_options *options, struct image_source *below, size_t owner);
/* A lower store is done without, this once. Takes error. */
void lower_warn(const struct build_options *options, const struct store *lower,
		struct error *error);
