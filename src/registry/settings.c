#include "registry/certs.h"
#include "registry/registry.h"
#include "sys/userns.h"

#include <string.h>

static const char *first_of(const char *(*get)(const char *name), const char *a, const char *b)
{
	const char *value = get(a);

	if (!value || !*value)
		value = get(b);
	return value && *value ? value : NULL;
}

static const char *value_of(const char *(*get)(const char *name), const char *name)
{
	return first_of(get, name, name);
}

/* Folders that hold what podman and docker read, the user's own before the system's. */
static void add_files(const char *home, const char *config_home, struct registry_settings *ret)
{
	AUTO_FREE char *user = config_home ? xasprintf("%s/containers", config_home)
			       : home      ? xasprintf("%s/.config/containers", home)
					   : NULL;

	if (user)
		list_addf(&ret->certs_dirs, "%s/certs.d", user);
	list_add(&ret->certs_dirs, "/etc/containers/certs.d");
	list_add(&ret->certs_dirs, "/etc/docker/certs.d");
	/* The user's file stands for the system's, with its folder. */
	AUTO_FREE char *own = user ? xasprintf("%s/registries.conf", user) : NULL;
	bool has_own = own && access(own, F_OK) == 0;
	list_add(&ret->registries_confs, has_own ? own : "/etc/containers/registries.conf");
	if (!has_own)
		list_add(&ret->registries_confs, "/etc/containers/registries.conf.d");
	if (user)
		list_addf(&ret->registries_confs, "%s/registries.conf.d", user);
}

#define ALIASES "/short-name-aliases.conf"

/* Aliases that Podman and Buildah wrote down when they asked their user. */
static void add_aliases(const char *(*get)(const char *name), struct registry_settings *ret)
{
	const char *cache = value_of(get, "XDG_CACHE_HOME"), *home = value_of(get, "HOME");

	if (geteuid() == 0 && userns_is_initial())
		list_add(&ret->registries_confs, "/var/cache/containers" ALIASES);
	if (cache)
		list_addf(&ret->registries_confs, "%s/containers" ALIASES, cache);
	else if (home)
		list_addf(&ret->registries_confs, "%s/.cache/containers" ALIASES, home);
}

FALLIBLE registry_settings_use_conf(struct registry_settings *settings, const char *file,
		const char *dir, const char *aliases)
{
	AUTO(list) struct list kept = { 0 };

	if (file && access(file, R_OK) != 0)
		return error_sys("open '%s'", file);
	if (dir && access(dir, R_OK) != 0)
		return error_sys("open '%s'", dir);
	if (file)
		list_add(&kept, file);
	for (size_t i = 0; i < settings->registries_confs.n; i++) {
		const char *path = settings->registries_confs.p[i];
		bool is_dir = text_ends(path, ".conf.d");
		bool is_replaced = is_dir                     ? dir != NULL
				   : text_ends(path, ALIASES) ? aliases != NULL
							      : i == 0 && file;

		if (!is_replaced)
			list_add(&kept, path);
	}
	if (dir)
		list_add(&kept, dir);
	if (aliases)
		list_add(&kept, aliases);
	list_done(&settings->registries_confs);
	settings->registries_confs = TAKE_VALUE(kept);
	return NULL;
}

void registry_settings_from_env(const char *(*get)(const char *name), struct registry_settings *ret)
{
	struct registry_settings settings = { 0 };
	const char *override = value_of(get, "CONTAINERS_REGISTRIES_CONF");

	settings.creds = (struct creds_settings){ .auth_file = value_of(get, "REGISTRY_AUTH_FILE"),
		.docker_auth_config = value_of(get, "DOCKER_AUTH_CONFIG"),
		.docker_config_dir = value_of(get, "DOCKER_CONFIG"),
		.runtime_dir = value_of(get, "XDG_RUNTIME_DIR"),
		.config_home = value_of(get, "XDG_CONFIG_HOME"),
		.home = value_of(get, "HOME") };
	add_files(settings.creds.home, settings.creds.config_home, &settings);
	if (override) {
		/* The folders count all the same, as for --registries-conf. */
		free(settings.registries_confs.p[0]);
		settings.registries_confs.p[0] = xstrdup(override);
	}
	add_aliases(get, &settings);
	certs_add_paths(value_of(get, "SSL_CERT_FILE"), value_of(get, "SSL_CERT_DIR"),
			&settings.authorities);
	settings.http_proxy = xstrdup(first_of(get, "http_proxy", "HTTP_PROXY"));
	settings.https_proxy = xstrdup(first_of(get, "https_proxy", "HTTPS_PROXY"));
	settings.no_proxy = xstrdup(first_of(get, "no_proxy", "NO_PROXY"));
	*ret = settings;
}

void registry_settings_done(struct registry_settings *settings)
{
	list_done(&settings->insecure_hosts);
	list_done(&settings->denied_hosts);
	list_done(&settings->allowed_hosts);
	list_done(&settings->mirrors);
	list_done(&settings->certs_dirs);
	list_done(&settings->authorities);
	list_done(&settings->certificates);
	list_done(&settings->client_certs);
	list_done(&settings->registries_confs);
	free(settings->cert_dir);
	free(settings->http_proxy);
	free(settings->https_proxy);
	free(settings->no_proxy);
	*settings = (struct registry_settings){ 0 };
}
