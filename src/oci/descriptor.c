#include "oci/descriptor.h"

#include "oci/descriptor_json.h"
#include "oci/platform_norm.h"

#include <string.h>

void descriptor_done(struct descriptor *descriptor)
{
	free(descriptor->media_type);
	free(descriptor->artifact_type);
	list_done(&descriptor->annotations);
	list_done(&descriptor->urls);
	list_done(&descriptor->os_features);
	list_done(&descriptor->features);
	*descriptor = (struct descriptor){ 0 };
}

bool descriptor_same_bytes(const struct descriptor *a, const struct descriptor *b)
{
	return digest_equal(&a->digest, &b->digest) && a->size == b->size;
}

void descriptor_copy(const struct descriptor *from, struct descriptor *ret)
{
	struct descriptor copy = *from;

	copy.media_type = xstrdup(from->media_type);
	copy.artifact_type = xstrdup(from->artifact_type);
	copy.annotations = copy.urls = copy.os_features = copy.features = (struct list){ 0 };
	list_add_all(&copy.annotations, &from->annotations);
	list_add_all(&copy.urls, &from->urls);
	list_add_all(&copy.os_features, &from->os_features);
	list_add_all(&copy.features, &from->features);
	*ret = copy;
}

struct descriptor descriptor_make(const char *media_type, struct digest digest, uint64_t size)
{
	return (struct descriptor){
		.media_type = xstrdup(media_type), .digest = digest, .size = size
	};
}

char *mediatype_bare(const char *content_type)
{
	struct str type, parameters;

	if (!content_type)
		return NULL;
	str_cut(str_of(content_type), ';', &type, &parameters);
	return str_dup(str_trim(type));
}

bool mediatype_is_wellformed(const char *name)
{
	size_t n = strlen(name), slashes = 0;

	if (n < 3 || n > 255 || name[0] == '/' || name[n - 1] == '/')
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = name[i];

		if (c == '/')
			slashes++;
		else if (c <= ' ' || c >= 0x7f || strchr("()<>@,;:\\\"[]?=", c))
			return false;
	}
	return slashes == 1;
}

bool mediatype_is_vague(const char *name)
{
	static const char *const vague[] = { "", "application/json", "application/octet-stream",
		"binary/octet-stream", "text/plain", "text/html" };

	for (size_t i = 0; name && i < COUNT(vague); i++)
		if (strcmp(name, vague[i]) == 0)
			return true;
	return !name;
}

static FALLIBLE parse_fields(const struct json_field *field, struct descriptor *ret)
{
	int64_t size = 0;
	struct json_field platform;

	TRY(json_get_text(field, "mediaType", JSON_MUST, &ret->media_type));
	if (!mediatype_is_wellformed(ret->media_type))
		return json_complain(
				field, "has the malformed media type '%.80s'", ret->media_type);
	TRY(json_get_digest(field, "digest", JSON_MUST, &ret->digest));
	TRY(json_get_i64(field, "size", JSON_MUST, 0, &size));
	ret->size = (uint64_t)size;
	TRY(json_get_text(field, "artifactType", JSON_MAY, &ret->artifact_type));
	TRY(json_get_pairs(field, "annotations", &ret->annotations));
	TRY(json_get_list(field, "urls", &ret->urls, NULL));
	TRY(json_get_object(field, "platform", JSON_MAY, &platform));
	ret->has_platform = platform.value != NULL;
	if (!ret->has_platform)
		return NULL;
	TRY(platform_from_json(&platform, &ret->platform));
	TRY(json_get_list(&platform, "os.features", &ret->os_features, NULL));
	return json_get_list(&platform, "features", &ret->features, NULL);
}

FALLIBLE descriptor_from_json(const struct json_field *field, struct descriptor *ret)
{
	AUTO(descriptor) struct descriptor descriptor = { 0 };

	TRY(parse_fields(field, &descriptor));
	*ret = TAKE_VALUE(descriptor);
	return NULL;
}

void descriptor_to_json(const struct descriptor *descriptor, const char *key, struct json_out *out)
{
	json_out_open(out, key, '{');
	json_out_text(out, "mediaType", descriptor->media_type);
	json_out_digest(out, "digest", &descriptor->digest);
	json_out_u64(out, "size", descriptor->size);
	if (descriptor->urls.n)
		json_out_list(out, "urls", &descriptor->urls);
	json_out_pairs(out, "annotations", &descriptor->annotations);
	json_out_text(out, "artifactType", descriptor->artifact_type);
	if (descriptor->has_platform) {
		json_out_open(out, "platform", '{');
		platform_to_json(&descriptor->platform, &descriptor->os_features, out);
		if (descriptor->features.n)
			json_out_list(out, "features", &descriptor->features);
		json_out_close(out, '}');
	}
	json_out_close(out, '}');
}
