/*
 * A client's own copy of its settings, defaults filled in, so that whoever makes a client owes it
 * nothing afterwards.
 */
#include "registry/client.h"

#include <string.h>

enum { RETRIES = 5, RETRY_BASE_MS = 500 };

static void copy_creds(const struct creds_settings *from, struct creds_settings *ret)
{
	*ret = (struct creds_settings){ .auth_file = xstrdup(from->auth_file),
		.docker_auth_config = xstrdup(from->docker_auth_config),
		.docker_config_dir = xstrdup(from->docker_config_dir),
		.runtime_dir = xstrdup(from->runtime_dir),
		.config_home = xstrdup(from->config_home),
		.home = xstrdup(from->home),
		.sources = xstrdup(from->sources),
		.given = xstrdup(from->given),
		.helper_env = from->helper_env,
		.helper_timeout_ms = from->helper_timeout_ms,
		.host_env = from->host_env };
}

static void free_text(const char *text)
{
	free((void *)(uintptr_t)text);
}

static void free_creds(struct creds_settings *creds)
{
	free_text(creds->auth_file);
	free_text(creds->docker_auth_config);
	free_text(creds->docker_config_dir);
	free_text(creds->runtime_dir);
	free_text(creds->config_home);
	free_text(creds->home);
	free_text(creds->sources);
	if (creds->given)
		explicit_bzero((void *)(uintptr_t)creds->given, strlen(creds->given));
	free_text(creds->given);
}

void settings_copy(const struct registry_settings *from, struct registry_settings *ret)
{
	*ret = *from;
	copy_creds(&from->creds, &ret->creds);
	ret->insecure_hosts = ret->mirrors = (struct list){ 0 };
	ret->denied_hosts = ret->allowed_hosts = (struct list){ 0 };
	ret->certs_dirs = ret->registries_confs = (struct list){ 0 };
	ret->certificates = ret->client_certs = ret->authorities = (struct list){ 0 };
	list_add_all(&ret->authorities, &from->authorities);
	list_add_all(&ret->insecure_hosts, &from->insecure_hosts);
	list_add_all(&ret->denied_hosts, &from->denied_hosts);
	list_add_all(&ret->allowed_hosts, &from->allowed_hosts);
	list_add_all(&ret->mirrors, &from->mirrors);
	list_add_all(&ret->certs_dirs, &from->certs_dirs);
	list_add_all(&ret->certificates, &from->certificates);
	list_add_all(&ret->client_certs, &from->client_certs);
	list_add_all(&ret->registries_confs, &from->registries_confs);
	ret->cert_dir = xstrdup(from->cert_dir);
	ret->http_proxy = xstrdup(from->http_proxy);
	ret->https_proxy = xstrdup(from->https_proxy);
	ret->no_proxy = xstrdup(from->no_proxy);
	ret->retries = from->retries == REGISTRY_NO_RETRIES ? 0
		       : from->retries                      ? from->retries
							    : RETRIES;
	ret->retry_after_ms = from->retry_after_ms;
	ret->silence_ends = from->silence_ends;
	ret->retry_delay_ms = from->retry_delay_ms;
	ret->retry_base_ms = from->retry_base_ms ? from->retry_base_ms : RETRY_BASE_MS;
}

void settings_copy_done(struct registry_settings *settings)
{
	free_creds(&settings->creds);
	registry_settings_done(settings);
}
