/*
 * lower_store: stores that lie below ours and are only read: a volume that many builds share,
 * filled by kiln warm. Base images are found there before a registry is asked, their layers'
 * directories are stacked from where they are, and blobs are read from there.
 *
 * What a lower store cannot give (it is damaged, its trees are for other ids) is looked for further
 * on, as if it were not there: in the next one, in our store, in the image's registry. Damage is a
 * warning that names the folder.
 *
 * Floor: build.
 */
#pragma once
#include "build/stack.h"

/*
 * As image_open(): our store, the lower ones, then whatever else homes has. Blobs come from the
 * lower stores where they have them.
 */
FALLIBLE lower_open_image(const struct build_options *options, const struct image_homes *homes,
		const char *name, enum pull_policy policy, struct image **ret);
/* Use a lower store's directory of this layer: dir and lower_fd. Under the layer's lock. */
void lower_find_dir(struct layer_set *set, struct build_layer *layer, const struct digest *chain);

/*
 * Put an image into options->store for others to build on: its blobs, and with unpack the
 * directories of its layers. keep_as: its name there, or NULL.
 */
FALLIBLE lower_fill(const struct build_options *options, const struct image *image,
		const char *keep_as, bool unpack, const struct image_progress *copies,
		unsigned vertex);
