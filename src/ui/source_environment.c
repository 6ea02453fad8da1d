#include "ui/source_environment.h"

#include "base/xalloc.h"

#include <stdlib.h>

/* More of them than anybody sets. */
enum { GIT_SETTINGS = 64 };

void source_environment_add(const struct config *config, struct list *out)
{
	static const char *const names[] = { "PATH", "SSH_AUTH_SOCK", "SSH_ASKPASS", "GIT_ASKPASS",
		"GIT_SSH_COMMAND", "GIT_SSH", "GIT_SSL_CAINFO", "SSL_CERT_FILE", "SSL_CERT_DIR",
		"XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL" };

	if (config->environment.home)
		list_addf(out, "HOME=%s", config->environment.home);
	for (size_t i = 0; i < COUNT(names); i++) {
		const char *value = config_getenv(names[i]);

		if (value)
			list_addf(out, "%s=%s", names[i], value);
	}
	list_add_all(out, &config->environment.proxies);
	/* How CI systems hand tokens to git. */
	const char *count = config_getenv("GIT_CONFIG_COUNT");
	if (!count)
		return;
	list_addf(out, "GIT_CONFIG_COUNT=%s", count);
	for (unsigned i = 0; i < GIT_SETTINGS; i++) {
		AUTO_FREE char *key = xasprintf("GIT_CONFIG_KEY_%u", i);
		AUTO_FREE char *value = xasprintf("GIT_CONFIG_VALUE_%u", i);
		const char *key_text = config_getenv(key), *value_text = config_getenv(value);

		if (key_text && value_text) {
			list_addf(out, "%s=%s", key, key_text);
			list_addf(out, "%s=%s", value, value_text);
		}
	}
}
