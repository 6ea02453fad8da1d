#include "oci/document.h"

#include "oci/manifest.h"

#include "base/limits.h"

static bool is_schema1(const char *media_type)
{
	return text_starts(media_type ? media_type : "",
			"application/vnd.docker.distribution.manifest.v1+");
}

static struct error *schema1(void)
{
	return error_hint(error_new(ERR_UNSUPPORTED, "Docker schema 1 manifest"),
			"the image is from before 2016; push it again with a newer tool, for "
			"example "
			"skopeo copy --format v2s2");
}

static const char *role_name(enum media_role role)
{
	return role == MEDIA_INDEX ? "image index" : "manifest";
}

/* A type that says which kind of document this is must say the wanted one. */
static FALLIBLE check_role(const char *media_type, const char *whose, enum media_role wanted)
{
	if (is_schema1(media_type))
		return schema1();
	if (mediatype_is_vague(media_type) || mediatype_role(media_type) == wanted)
		return NULL;
	return error_new(ERR_INVALID, "%s: the media type %s is '%.100s', which is no %s",
			role_name(wanted), whose, media_type, role_name(wanted));
}

FALLIBLE document_check(const struct json_field *root, const char *media_type,
		enum media_role wanted, char **ret_media_type)
{
	AUTO_FREE char *stated = NULL, *transport = mediatype_bare(media_type);
	int64_t version = 0;

	TRY(check_role(transport, "given with it", wanted));
	TRY(json_get_text(root, "mediaType", JSON_MAY, &stated));
	TRY(check_role(stated, "inside", wanted));
	TRY(json_get_i64(root, "schemaVersion", JSON_MUST, 0, &version));
	if (version == 1)
		return schema1();
	if (version != 2)
		return error_new(ERR_INVALID, "%s: 'schemaVersion' is %lld, not 2",
				role_name(wanted), (long long)version);
	bool has_stated = !mediatype_is_vague(stated);
	if (has_stated && !mediatype_is_vague(transport) && !text_equal(stated, transport))
		return error_new(ERR_INVALID, "%s: 'mediaType' is '%s', but it was given as '%s'",
				role_name(wanted), stated, transport);
	if (has_stated)
		*ret_media_type = TAKE(stated);
	else if (!mediatype_is_vague(transport))
		*ret_media_type = TAKE(transport);
	return NULL;
}

enum media_role manifest_sniff(struct str json, const char *media_type)
{
	AUTO_FREE char *bare = mediatype_bare(media_type);
	json_auto_t *value = NULL;
	struct json_field root;

	if (is_schema1(bare))
		return MEDIA_MANIFEST;
	if (!mediatype_is_vague(bare)) {
		enum media_role role = mediatype_role(bare);

		return role == MEDIA_INDEX || role == MEDIA_MANIFEST ? role : MEDIA_OTHER;
	}
	struct error *error = json_parse(json, LIMIT_MANIFEST_BYTES, "document", &value);
	if (!error)
		error = json_root(value, "document", &root);
	if (error) {
		error_ignore(error, "what is no JSON is no manifest");
		return MEDIA_OTHER;
	}
	bool has_manifests = json_has(&root, "manifests");
	bool has_config = json_has(&root, "config") || json_has(&root, "fsLayers");
	if (has_manifests == has_config)
		return MEDIA_OTHER;
	return has_manifests ? MEDIA_INDEX : MEDIA_MANIFEST;
}
