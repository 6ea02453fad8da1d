/*
 * layout_json: the small documents of an OCI layout and of docker save, as text. Private to image/.
 *
 * Floor: image. Spec: OCI image-spec v1.1, image-layout.md; Docker image spec 1.2, "manifest.json".
 */
#pragma once
#include "image/set.h"

/* The annotation of an entry that is its tag. */
#define LAYOUT_NAME "org.opencontainers.image.ref.name"
#define LAYOUT_MARK "{\"imageLayoutVersion\":\"1.0.0\"}"

/* The entry of an index.json for the image; tag may be NULL. Free with descriptor_done(). */
struct descriptor layout_entry(const struct image *image, const char *tag);
/* The same for a set. */
struct descriptor layout_set_entry(const struct image_set *set, const char *tag);
/* index.json with that entry alone (takes it). New; free(). */
char *layout_index(struct descriptor *entry);
/* manifest.json of docker save: names as docker load shows them. New; free(). */
char *docker_manifest(const struct image *image, const struct list *names);
