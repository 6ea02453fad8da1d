#include "ui/kept.h"

#include "base/xalloc.h"
#include "registry/registry.h"

#include <stdlib.h>
#include <unistd.h>

void kept_path(const char *path, struct list *ret)
{
	if (!path || !*path || text_equal(path, "-"))
		return;
	if (*path == '/') {
		list_add(ret, path);
		return;
	}

	AUTO_FREE char *here = realpath(".", NULL);

	if (here)
		list_addf(ret, "%s/%s", here, path);
}

void kept_files_of_host(const char *text, struct list *ret)
{
	struct str host, rest, one;

	str_cut(str_of(text), '=', &host, &rest);
	while (rest.n) {
		str_cut(rest, ':', &one, &rest);
		AUTO_FREE char *path = str_dup(one);
		kept_path(path, ret);
	}
}

/* What is not there is the image's to have. */
static void keep_if_there(const char *path, struct list *ret)
{
	if (access(path, F_OK) == 0)
		kept_path(path, ret);
}

static void keep_all(const struct list *paths, struct list *ret)
{
	for (size_t i = 0; i < paths->n; i++)
		keep_if_there(paths->p[i], ret);
}

/* Of clouds (registry/cloud.h). Pods have most of them on volumes, which stay anyway. */
static void keep_clouds(const char *home, struct list *ret)
{
	static const char *const variables[] = { "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AZURE_FEDERATED_TOKEN_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG" };
	static const char *const at_home[] = { ".aws", ".config/gcloud" };

	for (size_t i = 0; i < COUNT(variables); i++) {
		const char *path = config_getenv(variables[i]);

		if (path)
			keep_if_there(path, ret);
	}
	for (size_t i = 0; i < COUNT(at_home); i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", home ? home : "/root", at_home[i]);

		keep_if_there(path, ret);
	}
}

void kept_settings(const struct config *config, struct list *ret)
{
	AUTO(registry_settings) struct registry_settings settings = { 0 };
	AUTO(list) struct list credentials = { 0 };

	registry_settings_from_env(config_getenv, &settings);
	if (config->auth_file)
		settings.creds.auth_file = config->auth_file;
	creds_files(&settings.creds, &credentials);
	keep_all(&credentials, ret);
	keep_clouds(settings.creds.home, ret);
	keep_all(&settings.authorities, ret);
	keep_all(&settings.certs_dirs, ret);
	kept_path(config->cert_dir, ret);
	for (size_t i = 0; i < config->registry_certificates.n; i++)
		kept_files_of_host(config->registry_certificates.p[i], ret);
	for (size_t i = 0; i < config->registry_client_certs.n; i++)
		kept_files_of_host(config->registry_client_certs.p[i], ret);
}
