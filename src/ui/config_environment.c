#include "ui/config_environment.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "ui/home.h"

#include <string.h>
#include <unistd.h>

const char *environ_get(const char *const *variables, const char *name)
{
	size_t n = strlen(name);

	for (; variables && *variables; variables++)
		if (strncmp(*variables, name, n) == 0 && (*variables)[n] == '=')
			return (*variables)[n + 1] ? *variables + n + 1 : NULL;
	return NULL;
}

const char *config_getenv(const char *name)
{
	return environ_get((const char *const *)environ, name);
}

void config_add_variable(const char *text, struct list *to)
{
	const char *ours = strchr(text, '=') ? NULL : config_getenv(text);

	if (strchr(text, '='))
		list_add(to, text);
	else if (ours)
		list_addf(to, "%s=%s", text, ours);
}

void config_add_proxies(const struct config *config, struct list *to)
{
	const struct list *proxies = &config->environment.proxies;

	for (size_t i = 0; i < proxies->n; i++) {
		AUTO_FREE char *name = xstrndup(proxies->p[i], strcspn(proxies->p[i], "="));

		if (!list_env_get(to, name))
			list_add(to, proxies->p[i]);
	}
}

static char *dir_or(
		const char *const *variables, const char *name, const char *home, const char *below)
{
	const char *value = environ_get(variables, name);

	/* The XDG specification: a path that is not absolute is to be ignored. */
	if (value && value[0] == '/')
		return xstrdup(value);
	return xasprintf("%s/%s", text_equal(home, "/") ? "" : home, below);
}

FALLIBLE environment_read(const char *const *variables, struct environment *ret)
{
	static const char *const proxies[] = { "HTTP_PROXY", "http_proxy", "HTTPS_PROXY",
		"https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY",
		"all_proxy" };
	const char *home = environ_get(variables, "HOME");
	const char *tmp = environ_get(variables, "TMPDIR");
	const char *epoch = environ_get(variables, "SOURCE_DATE_EPOCH");
	const char *runtime = environ_get(variables, "XDG_RUNTIME_DIR");

	ret->home = home && home[0] == '/' ? xstrdup(home) : home_of_user();
	ret->config_home = dir_or(variables, "XDG_CONFIG_HOME", ret->home, ".config");
	ret->data_home = dir_or(variables, "XDG_DATA_HOME", ret->home, ".local/share");
	ret->runtime_dir = runtime && runtime[0] == '/' ? xstrdup(runtime) : NULL;
	ret->tmp_dir = xstrdup(tmp && tmp[0] == '/' ? tmp : "/tmp");
	ret->registry_auth_file = xstrdup(environ_get(variables, "REGISTRY_AUTH_FILE"));
	ret->docker_config = xstrdup(environ_get(variables, "DOCKER_CONFIG"));
	ret->docker_auth_config = xstrdup(environ_get(variables, "DOCKER_AUTH_CONFIG"));
	ret->term = xstrdup(environ_get(variables, "TERM"));
	ret->has_no_colour = environ_get(variables, "NO_COLOR") != NULL;
	for (size_t i = 0; i < COUNT(proxies); i++)
		if (environ_get(variables, proxies[i]))
			list_addf(&ret->proxies, "%s=%s", proxies[i],
					environ_get(variables, proxies[i]));
	if (epoch) {
		TRY_WRAP(parse_i64(str_of(epoch), 0, INT64_MAX / 1000000000,
					 &ret->source_date_epoch),
				"environment variable 'SOURCE_DATE_EPOCH'");
		ret->has_source_date_epoch = true;
	}
	return NULL;
}

void environment_done(struct environment *environment)
{
	char *const texts[] = { environment->home, environment->config_home, environment->data_home,
		environment->runtime_dir, environment->tmp_dir, environment->registry_auth_file,
		environment->docker_config, environment->docker_auth_config, environment->term };

	for (size_t i = 0; i < COUNT(texts); i++)
		free(texts[i]);
	list_done(&environment->proxies);
}
