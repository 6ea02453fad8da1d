/*
 * manifest, index: the documents between a tag and the blobs. Parsed forms are for reading facts;
 * the bytes that were digested travel beside them (the raw bytes are the truth and are never
 * re-made).
 *
 * Parsing checks: schemaVersion 2, roles of media types, digests, sizes, no duplicate keys, bounded
 * counts and depth; anything else is ERR_INVALID or ERR_LIMIT naming the field. A Docker schema 1
 * manifest is ERR_UNSUPPORTED. A document that is both a manifest and an index is refused
 * (image-spec "mediaType" ambiguity, CVE-2021-41190).
 *
 * Floor: oci (pure).
 * Spec: OCI image-spec v1.1, manifest.md and image-index.md; Docker manifest v2 schema 2.
 */
#pragma once
#include "oci/descriptor.h"
#include "oci/mediatype.h"

struct manifest {
	enum image_format format;
	char *media_type; /* as stated or derived */
	char *artifact_type;
	struct descriptor config;
	struct {
		struct descriptor *p;
		size_t n, capacity;
	} layers;
	bool has_subject;
	struct descriptor subject;
	struct list annotations;
};

struct image_index {
	enum image_format format;
	struct {
		struct descriptor *p;
		size_t n, capacity;
	} manifests;
	char *artifact_type; /* or NULL */
	bool has_subject;
	struct descriptor subject;
	struct list annotations;
};

/* media_type: what the transport said (Content-Type, descriptor), or NULL; must not contradict. */
FALLIBLE manifest_parse(struct str json, const char *media_type, struct manifest *ret);
void manifest_done(struct manifest *manifest);
/* Canonical bytes: fixed key order, no spaces. New; free(). */
char *manifest_print(const struct manifest *manifest);

/*
 * The config of a manifest whose layers are no file systems (signatures, attestations), so that
 * registries and tools of old take it for an image: of that platform, on these layers. New; free().
 */
char *manifest_print_config(const char *platform, const struct manifest *manifest);

FALLIBLE image_index_parse(struct str json, const char *media_type, struct image_index *ret);
void image_index_done(struct image_index *index);
char *image_index_print(const struct image_index *index);
/*
 * May the entry be an image, or an index of some? Attestations and what is of an unknown type are
 * to be passed over (image-index.md, "manifests").
 */
bool image_index_is_image(const struct descriptor *entry);
/*
 * The best of these for a platform; NULL when none fits. One index inside may have no platform: it
 * is chosen when nothing else fits.
 */
const struct descriptor *image_index_select(
		const struct image_index *index, const struct platform *want);

/* What a document is, by media_type or, when NULL, by its fields; MEDIA_OTHER when neither. */
enum media_role manifest_sniff(struct str json, const char *media_type);

DEFINE_AUTO_VALUE(manifest)
DEFINE_AUTO_VALUE(image_index)
