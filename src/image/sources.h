/*
 * sources: images that hold what other images were made from, as 'buildah source' has them: an OCI
 * layout with one manifest, a config of its own media type, and a gzipped tar for each thing that
 * was added. They are no images to run: they travel as a set does.
 *
 * where is "DIR", or "DIR:TAG" for a layout with several.
 *
 * Floor: image. One process at a time in one layout.
 * Spec: OCI image-spec v1.1, image-layout.md; the config is Buildah's ("created", "author").
 */
#pragma once
#include "image/set.h"
#include "sys/owner.h"

#define MEDIA_SOURCES_CONFIG "application/vnd.oci.source.image.config.v1+json"

/* A new one without layers. author and created (RFC 3339) may be NULL, tag too. */
FALLIBLE sources_create(const char *dir, const char *tag, const char *author, const char *created);

struct sources_artifact {
	const char *path;                  /* a directory: what is in it; else the file itself */
	const struct list *annotations;    /* "key=value", of its layer */
	const struct owner_policy *policy; /* whose the files are */
	struct cancel *cancel;
};

/* What is no layout, or no image of sources, is refused; after an error the image is as it was.
 */
FALLIBLE sources_add(const char *where, const struct sources_artifact *artifact);

/* ERR_INVALID with Buildah's words: the set is no OCI manifest, or its config is another. */
FALLIBLE sources_check(const struct image_set *set);
