#include "oci/platform_norm.h"

#include <string.h>

static FALLIBLE part(const struct json_field *object, const char *key, char *ret, size_t size)
{
	AUTO_FREE char *text = NULL;

	TRY(json_get_text(object, key, JSON_MAY, &text));
	size_t n = text ? strlen(text) : 0;
	if (n >= size)
		return error_new(ERR_LIMIT, "platform field '%s' of %zu bytes is longer than %zu",
				key, n, size - 1);
	if (n)
		memcpy(ret, text, n + 1);
	return NULL;
}

FALLIBLE platform_from_json(const struct json_field *object, struct platform *ret)
{
	struct platform platform = { 0 };

	TRY(part(object, "os", platform.os, sizeof(platform.os)));
	TRY(part(object, "architecture", platform.architecture, sizeof(platform.architecture)));
	TRY(part(object, "variant", platform.variant, sizeof(platform.variant)));
	TRY(part(object, "os.version", platform.os_version, sizeof(platform.os_version)));
	platform_normalise(&platform);
	*ret = platform;
	return NULL;
}

void platform_to_json(const struct platform *platform, const struct list *os_features,
		struct json_out *out)
{
	json_out_text(out, "architecture", platform->architecture);
	json_out_text(out, "os", platform->os);
	if (platform->os_version[0])
		json_out_text(out, "os.version", platform->os_version);
	if (os_features && os_features->n)
		json_out_list(out, "os.features", os_features);
	if (platform->variant[0])
		json_out_text(out, "variant", platform->variant);
}
