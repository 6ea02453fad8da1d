#include "oci/manifest.h"

#include "base/limits.h"
#include "oci/document.h"

void manifest_done(struct manifest *manifest)
{
	free(manifest->media_type);
	free(manifest->artifact_type);
	descriptor_done(&manifest->config);
	for (size_t i = 0; i < manifest->layers.n; i++)
		descriptor_done(&manifest->layers.p[i]);
	vec_done(&manifest->layers);
	descriptor_done(&manifest->subject);
	list_done(&manifest->annotations);
	*manifest = (struct manifest){ 0 };
}

static FALLIBLE check_blob(
		const struct json_field *field, const struct descriptor *blob, bool layer)
{
	enum media_role role = mediatype_role(blob->media_type);
	bool is_bad = role == MEDIA_INDEX || role == MEDIA_MANIFEST ||
		      role == (layer ? MEDIA_CONFIG : MEDIA_LAYER);

	if (is_bad)
		return json_complain(field, "has the media type '%s', which is no %s",
				blob->media_type, layer ? "layer" : "config");
	if (role == MEDIA_CONFIG && blob->size > LIMIT_CONFIG_BYTES)
		return error_new(ERR_LIMIT, "manifest: 'config' of %llu bytes is larger than %d",
				(unsigned long long)blob->size, LIMIT_CONFIG_BYTES);
	return NULL;
}

static FALLIBLE parse_layers(const struct json_field *root, struct manifest *manifest)
{
	struct json_field layers;

	TRY(json_get_array(root, "layers", JSON_MAY, &layers));
	if (json_count(&layers) > LIMIT_LAYERS)
		return error_new(ERR_LIMIT, "manifest: 'layers' has %zu entries, more than %d",
				json_count(&layers), LIMIT_LAYERS);
	for (size_t i = 0; i < json_count(&layers); i++) {
		struct json_field item;

		TRY(json_item_object(&layers, i, &item));
		struct descriptor *layer = vec_add(&manifest->layers);
		TRY(descriptor_from_json(&item, layer));
		TRY(check_blob(&item, layer, true));
	}
	return NULL;
}

/* What the two kinds of documents must not both have (CVE-2021-41190). */
static FALLIBLE check_unambiguous(const struct json_field *root)
{
	if (json_has(root, "manifests"))
		return error_new(ERR_INVALID, "manifest: it has 'manifests' too, so it could be "
					      "read as an index");
	if (json_has(root, "fsLayers") || json_has(root, "history"))
		return error_new(ERR_INVALID,
				"manifest: it has fields of Docker schema 1, so it could be read "
				"in two ways");
	return NULL;
}

static FALLIBLE parse_fields(
		const struct json_field *root, const char *media_type, struct manifest *manifest)
{
	struct json_field config, subject;

	TRY(document_check(root, media_type, MEDIA_MANIFEST, &manifest->media_type));
	TRY(check_unambiguous(root));
	TRY(json_get_object(root, "config", JSON_MUST, &config));
	TRY(descriptor_from_json(&config, &manifest->config));
	TRY(check_blob(&config, &manifest->config, false));
	TRY(parse_layers(root, manifest));
	TRY(json_get_text(root, "artifactType", JSON_MAY, &manifest->artifact_type));
	TRY(json_get_object(root, "subject", JSON_MAY, &subject));
	manifest->has_subject = subject.value != NULL;
	if (manifest->has_subject)
		TRY(descriptor_from_json(&subject, &manifest->subject));
	return json_get_pairs(root, "annotations", &manifest->annotations);
}

FALLIBLE manifest_parse(struct str json, const char *media_type, struct manifest *ret)
{
	AUTO(manifest) struct manifest manifest = { 0 };
	json_auto_t *value = NULL;
	struct json_field root;

	TRY(json_parse(json, LIMIT_MANIFEST_BYTES, "manifest", &value));
	TRY(json_root(value, "manifest", &root));
	TRY(parse_fields(&root, media_type, &manifest));
	if (manifest.media_type) {
		manifest.format = mediatype_format(manifest.media_type);
	} else {
		manifest.format = mediatype_format(manifest.config.media_type);
		manifest.media_type = xstrdup(mediatype_manifest(manifest.format));
	}
	*ret = TAKE_VALUE(manifest);
	return NULL;
}

char *manifest_print(const struct manifest *manifest)
{
	AUTO(json_out) struct json_out out = { 0 };

	json_out_open(&out, NULL, '{');
	json_out_i64(&out, "schemaVersion", 2);
	json_out_text(&out, "mediaType",
			manifest->media_type ? manifest->media_type
					     : mediatype_manifest(manifest->format));
	json_out_text(&out, "artifactType", manifest->artifact_type);
	descriptor_to_json(&manifest->config, "config", &out);
	json_out_open(&out, "layers", '[');
	for (size_t i = 0; i < manifest->layers.n; i++)
		descriptor_to_json(&manifest->layers.p[i], NULL, &out);
	json_out_close(&out, ']');
	if (manifest->has_subject)
		descriptor_to_json(&manifest->subject, "subject", &out);
	json_out_pairs(&out, "annotations", &manifest->annotations);
	json_out_close(&out, '}');
	return json_out_take(&out);
}

char *manifest_print_config(const char *platform, const struct manifest *manifest)
{
	AUTO(json_out) struct json_out out = { 0 };

	json_out_open(&out, NULL, '{');
	json_out_text(&out, "architecture", platform);
	json_out_text(&out, "os", platform);
	json_out_open(&out, "config", '{');
	json_out_close(&out, '}');
	json_out_open(&out, "rootfs", '{');
	json_out_text(&out, "type", "layers");
	json_out_open(&out, "diff_ids", '[');
	for (size_t i = 0; i < manifest->layers.n; i++)
		json_out_digest(&out, NULL, &manifest->layers.p[i].digest);
	json_out_close(&out, ']');
	json_out_close(&out, '}');
	json_out_close(&out, '}');
	return json_out_take(&out);
}
