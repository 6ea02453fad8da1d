/*
 * layout_json: the small documents of an OCI layout and of docker save, as text. Private to image/.
 *
 * Floor: image. Spec: OCI image-spec v1.1, image-layout.md; Docker image spec 1.2, "manifest.json".
 */
#pragma once
#include "image/set.h"

/* The annotation of an entry that is its tag. */
#define LAYOUT_NAME "org.opencontainers.image.ref.name"
/* The whole name, by which containerd and docker load know it. */
#define LAYOUT_IMAGE_NAME "io.containerd.image.name"
#define LAYOUT_MARK       "{\"imageLayoutVersion\":\"1.0.0\"}"

/* The entry of an index.json for the image, without a name. Free with descriptor_done(). */
struct descriptor layout_entry(const struct image *image);
/* The same for a set. */
struct descriptor layout_set_entry(const struct image_set *set);
/* Append the entry (takes it), once for each name; names may be NULL. */
void layout_add_entries(struct descriptor *entry, const struct layout_names *names,
		struct image_index *index);
/* index.json with these alone (takes entry). New; free(). */
char *layout_index(struct descriptor *entry, const struct layout_names *names);
/* manifest.json of docker save: names as docker load shows them. New; free(). */
char *docker_manifest(const struct image *image, const struct list *names);
