#include "oci/manifest.h"

#include "base/limits.h"
#include "oci/document.h"

#include <string.h>

void image_index_done(struct image_index *index)
{
	for (size_t i = 0; i < index->manifests.n; i++)
		descriptor_done(&index->manifests.p[i]);
	vec_done(&index->manifests);
	free(index->artifact_type);
	descriptor_done(&index->subject);
	list_done(&index->annotations);
	*index = (struct image_index){ 0 };
}

static FALLIBLE parse_manifests(const struct json_field *root, struct image_index *index)
{
	struct json_field manifests;

	TRY(json_get_array(root, "manifests", JSON_MUST, &manifests));
	for (size_t i = 0; i < json_count(&manifests); i++) {
		struct json_field item;

		TRY(json_item_object(&manifests, i, &item));
		struct descriptor *entry = vec_add(&index->manifests);
		TRY(descriptor_from_json(&item, entry));
		enum media_role role = mediatype_role(entry->media_type);
		if (role == MEDIA_LAYER || role == MEDIA_CONFIG)
			return json_complain(&item, "has the media type '%s', which is no manifest",
					entry->media_type);
	}
	return NULL;
}

/* CVE-2021-41190, the other way round. */
static FALLIBLE check_unambiguous(const struct json_field *root)
{
	static const char *const others[] = { "config", "layers", "fsLayers" };

	for (size_t i = 0; i < COUNT(others); i++)
		if (json_has(root, others[i]))
			return error_new(ERR_INVALID,
					"image index: it has '%s' too, so it could be read as a "
					"manifest",
					others[i]);
	return NULL;
}

FALLIBLE image_index_parse(struct str json, const char *media_type, struct image_index *ret)
{
	AUTO(image_index) struct image_index index = { 0 };
	AUTO_FREE char *stated = NULL;
	json_auto_t *value = NULL;
	struct json_field root, subject;

	TRY(json_parse(json, LIMIT_MANIFEST_BYTES, "image index", &value));
	TRY(json_root(value, "image index", &root));
	TRY(document_check(&root, media_type, MEDIA_INDEX, &stated));
	TRY(check_unambiguous(&root));
	TRY(parse_manifests(&root, &index));
	TRY(json_get_text(&root, "artifactType", JSON_MAY, &index.artifact_type));
	TRY(json_get_object(&root, "subject", JSON_MAY, &subject));
	index.has_subject = subject.value != NULL;
	if (index.has_subject)
		TRY(descriptor_from_json(&subject, &index.subject));
	TRY(json_get_pairs(&root, "annotations", &index.annotations));
	index.format = mediatype_format(stated);
	*ret = TAKE_VALUE(index);
	return NULL;
}

char *image_index_print(const struct image_index *index)
{
	AUTO(json_out) struct json_out out = { 0 };

	json_out_open(&out, NULL, '{');
	json_out_i64(&out, "schemaVersion", 2);
	json_out_text(&out, "mediaType", mediatype_index(index->format));
	json_out_text(&out, "artifactType", index->artifact_type);
	json_out_open(&out, "manifests", '[');
	for (size_t i = 0; i < index->manifests.n; i++)
		descriptor_to_json(&index->manifests.p[i], NULL, &out);
	json_out_close(&out, ']');
	if (index->has_subject)
		descriptor_to_json(&index->subject, "subject", &out);
	json_out_pairs(&out, "annotations", &index->annotations);
	json_out_close(&out, '}');
	return json_out_take(&out);
}

/* BuildKit's provenance and SBOM manifests have this annotation and the platform unknown/unknown.
 */
static bool is_attestation(const struct descriptor *entry)
{
	const char *type = list_env_get(&entry->annotations, "vnd.docker.reference.type");

	return (type && strcmp(type, "attestation-manifest") == 0) ||
	       (entry->has_platform && strcmp(entry->platform.os, "unknown") == 0);
}

bool image_index_is_image(const struct descriptor *entry)
{
	enum media_role role = mediatype_role(entry->media_type);

	return (role == MEDIA_MANIFEST || role == MEDIA_INDEX) && !is_attestation(entry) &&
	       !entry->artifact_type;
}

const struct descriptor *image_index_select(
		const struct image_index *index, const struct platform *want)
{
	const struct descriptor *best = NULL, *unlabelled = NULL, *nested = NULL;
	int best_match = 0;
	size_t images = 0, nests = 0;

	for (size_t i = 0; i < index->manifests.n; i++) {
		const struct descriptor *entry = &index->manifests.p[i];

		if (!image_index_is_image(entry))
			continue;
		images++;
		if (!entry->has_platform)
			unlabelled = entry;
		if (!entry->has_platform && mediatype_role(entry->media_type) == MEDIA_INDEX) {
			nested = entry;
			nests++;
		}
		int match = entry->has_platform ? platform_match(want, &entry->platform) : 0;
		if (match > best_match) {
			best = entry;
			best_match = match;
		}
	}
	if (best)
		return best;
	/* An index around a single image need not say its platform; an index inside has none. */
	return images == 1 ? unlabelled : nests == 1 ? nested : NULL;
}
