#include "base/limits.h"
#include "base/str.h"
#include "oci/json.h"
#include "registry/registry.h"

FALLIBLE registry_settings_use_sources(struct registry_settings *settings, const char *text)
{
	static const char variable[] = "BUILD_REGISTRY_SOURCES";
	json_auto_t *document = NULL;
	struct json_field root = { 0 };

	if (!text || !text[0])
		return NULL;
	TRY(json_parse(str_of(text), LIMIT_SETTINGS_BYTES, variable, &document));
	TRY(json_root(document, variable, &root));
	TRY(json_get_list(&root, "insecureRegistries", &settings->insecure_hosts, NULL));
	TRY(json_get_list(&root, "blockedRegistries", &settings->denied_hosts, NULL));
	return json_get_list(&root, "allowedRegistries", &settings->allowed_hosts, NULL);
}
