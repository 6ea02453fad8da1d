/*
 * source_podman: what reads an image of Podman's store, and what reads a list there with all of its
 * images. Private to image/source_podman*.c.
 *
 * Floor: image.
 */
#pragma once
#include "image/source.h"
#include "podman/podman.h"

/* The image that has that manifest. podman is borrowed for as long as *ret_source (new) is. */
FALLIBLE source_podman_instance(const struct image_homes *homes, struct podman *podman,
		const struct digest *manifest, struct document *ret,
		struct image_source **ret_source);
/*
 * A list with each of its images. document: the list; where an image comes out of that store with
 * another manifest than it came with, it becomes the list of those. *podman is taken on success.
 */
FALLIBLE source_podman_list(const struct image_homes *homes, struct podman **podman,
		struct document *document, struct image_source **ret_source);
