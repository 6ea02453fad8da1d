/*
 * mediatype: what the bytes behind a descriptor are. One table of the OCI and Docker names.
 *
 * Floor: oci (pure).
 * Spec: OCI image-spec v1.1, media-types.md; Docker image manifest v2 schema 2.
 */
#pragma once
#include <stdbool.h>

enum media_role {
	MEDIA_OTHER = 0,
	MEDIA_INDEX,
	MEDIA_MANIFEST,
	MEDIA_CONFIG,
	MEDIA_LAYER, /* tar, gzip or zstd */
	MEDIA_EMPTY,
};

enum image_format { FORMAT_OCI = 1, FORMAT_DOCKER };

enum compression { COMPRESSION_NONE = 1, COMPRESSION_GZIP, COMPRESSION_ZSTD };

#define MEDIA_OCI_INDEX         "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_MANIFEST      "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_CONFIG        "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_LAYER         "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_OCI_LAYER_GZIP    "application/vnd.oci.image.layer.v1.tar+gzip"
#define MEDIA_OCI_LAYER_ZSTD    "application/vnd.oci.image.layer.v1.tar+zstd"
#define MEDIA_OCI_EMPTY         "application/vnd.oci.empty.v1+json"
#define MEDIA_DOCKER_LIST       "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_MANIFEST   "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_CONFIG     "application/vnd.docker.container.image.v1+json"
#define MEDIA_DOCKER_LAYER      "application/vnd.docker.image.rootfs.diff.tar"
#define MEDIA_DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"

/* Behind the name of a layer that ocicrypt encrypted. */
#define MEDIA_ENCRYPTED "+encrypted"

enum media_role mediatype_role(const char *name);
enum image_format mediatype_format(const char *name); /* of index, manifest, config, layer */
/* Foreign and non-distributable layer types count as layers; compression by suffix. */
enum compression mediatype_compression(const char *layer_name);
/* The name for a role; docker + zstd has none and gives NULL. */
const char *mediatype_layer(enum image_format format, enum compression compression);
bool mediatype_is_encrypted(const char *name);
const char *mediatype_manifest(enum image_format format);
const char *mediatype_config(enum image_format format);
const char *mediatype_index(enum image_format format);
const char *compression_name(enum compression compression); /* "none", "gzip", "zstd" */
