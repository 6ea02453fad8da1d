#include "registry/creds_env.h"

#include "base/str.h"
#include "base/strbuf.h"
#include "base/vec.h"

#include <ctype.h>
#include <string.h>

bool creds_env_wants(const struct creds_settings *settings, const char *source)
{
	struct str rest = str_of(settings->sources), one;

	while (rest.n) {
		str_cut(rest, ',', &one, &rest);
		if (str_is(str_trim(one), source))
			return true;
	}
	return false;
}

const char *creds_env_get(const struct creds_settings *settings, const char *name)
{
	size_t n = strlen(name);

	for (const char *const *at = settings->host_env; at && *at; at++)
		if (strncmp(*at, name, n) == 0 && (*at)[n] == '=')
			return (*at)[n + 1] ? *at + n + 1 : NULL;
	return NULL;
}

static bool take(const struct creds_settings *settings, const char *user, const char *password,
		struct credential *ret)
{
	const char *name = creds_env_get(settings, user),
		   *secret = creds_env_get(settings, password);

	if (!name || !secret)
		return false;
	ret->username = xstrdup(name);
	ret->password = xstrdup(secret);
	ret->source = xasprintf("%s and %s", user, password);
	return true;
}

static bool take_host(
		const struct creds_settings *settings, struct str host, struct credential *ret)
{
	AUTO(strbuf) struct strbuf name = { 0 };

	for (size_t i = 0; i < host.n; i++)
		strbuf_add_char(&name,
				(char)(isalnum((unsigned char)host.p[i])
								? toupper((unsigned char)host.p[i])
								: '_'));

	AUTO_FREE char *user = xasprintf("KANIKO_%s_USER", strbuf_text(&name));
	AUTO_FREE char *password = xasprintf("KANIKO_%s_PASSWORD", strbuf_text(&name));

	return take(settings, user, password, ret);
}

/* The host with its port, the host, then with its leading labels dropped while two are left. */
static bool find_kaniko(
		const struct creds_settings *settings, struct str host, struct credential *ret)
{
	size_t colon = str_find_last(host, ':');
	bool has_port = colon < host.n && str_find(host, ']') == host.n;

	if (has_port && take_host(settings, host, ret))
		return true;
	if (has_port)
		host = str_slice(host, 0, colon);
	if (take_host(settings, host, ret))
		return true;
	for (;;) {
		struct str label, rest;

		if (!str_cut(host, '.', &label, &rest) || str_find(rest, '.') == rest.n)
			return false;
		/* An address is no name of labels. */
		if (!rest.n || isdigit((unsigned char)rest.p[rest.n - 1]))
			return false;
		if (take_host(settings, rest, ret))
			return true;
		host = rest;
	}
}

static bool is_host(const char *value, const char *host)
{
	AUTO_FREE char *bare = NULL;
	struct str text = str_of(value);

	if (str_starts(text, "https://"))
		text = str_slice(text, 8, text.n);
	bare = str_dup(str_slice(text, 0, str_find(text, '/')));
	return *bare && strcmp(bare, host) == 0;
}

static bool find_gitlab(
		const struct creds_settings *settings, const char *host, struct credential *ret)
{
	static const struct {
		const char *host, *user, *password;
	} rows[] = {
		{ "CI_REGISTRY", "CI_REGISTRY_USER", "CI_REGISTRY_PASSWORD" },
		{ "CI_REGISTRY", "CI_REGISTRY_USER", "CI_JOB_TOKEN" },
		{ "CI_DEPENDENCY_PROXY_SERVER", "CI_DEPENDENCY_PROXY_USER",
				"CI_DEPENDENCY_PROXY_PASSWORD" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *wanted = creds_env_get(settings, rows[i].host);

		if (wanted && is_host(wanted, host) &&
				take(settings, rows[i].user, rows[i].password, ret))
			return true;
	}
	return false;
}

void creds_env_find(const struct creds_settings *settings, const char *host, struct credential *ret)
{
	if (creds_env_wants(settings, "env") && find_kaniko(settings, str_of(host), ret))
		return;
	if (creds_env_wants(settings, "gitlab"))
		(void)find_gitlab(settings, host, ret);
}
