#include "registry/auth.h"

#include <string.h>

FALLIBLE registry_check_login(struct registry_client *client, const char *host,
		const struct credential *credential)
{
	AUTO(endpoint) struct endpoint endpoint = { 0 };
	AUTO(auth) struct auth *auth = auth_new(client, credential);
	AUTO(answer) struct answer answer = { 0 };

	TRY(client_host_endpoint(client, host, &endpoint));
	AUTO_FREE char *what = xasprintf("log in to '%s'", host);
	struct send send = { .method = "GET", .endpoint = &endpoint, .path = "/v2/", .auth = auth };
	TRY_WRAP(client_send(client, &send, &answer), "%s", what);
	if (answer.http.status == 401)
		return error_code(ERR_DENIED, 401, "%s: wrong user name or password", what);
	return answer.http.status == 200 ? NULL : answer_error(&answer, &send, what);
}

/* "name", and ":tag@digest" behind it. */
static void split_name(const char *text, struct str *ret_name, struct str *ret_rest)
{
	struct str whole = str_of(text);
	size_t slash = str_find_last(whole, '/'), from = slash == whole.n ? 0 : slash;
	size_t end = from + strcspn(text + from, ":@");

	*ret_name = str_slice(whole, 0, end);
	*ret_rest = str_slice(whole, end, whole.n);
}

FALLIBLE registry_short_names(struct registry_client *client, const char *name, struct list *ret)
{
	const struct registries_conf *conf;
	AUTO(list) struct list found = { 0 };
	struct str bare, rest;

	TRY(client_conf(client, &conf));
	split_name(name, &bare, &rest);
	AUTO_FREE char *key = str_dup(bare);
	const char *alias = list_env_get(&conf->aliases, key); /* "": it was taken back */
	if (reference_has_host(bare))
		list_add(&found, name);
	else if (alias && *alias)
		list_addf(&found, "%s%.*s", alias, STR_ARG(rest));
	else if (conf->mode == SHORT_ENFORCING && conf->search.n > 1)
		/* The first words are those that scripts know from containers/image. */
		return error_hint(error_new(ERR_DENIED,
						  "short-name resolution enforced but cannot "
						  "prompt without a TTY: '%s' could be of %zu "
						  "registries",
						  name, conf->search.n),
				"write which, or add an alias: registries.conf has "
				"short-name-mode = \"enforcing\"");
	else
		for (size_t i = 0; i < conf->search.n; i++)
			list_addf(&found, "%s/%s", conf->search.p[i], name);
	if (!found.n)
		list_addf(&found, "docker.io/%s", name);
	for (size_t i = 0; i < found.n; i++) {
		AUTO(reference) struct reference reference = { 0 };

		TRY(reference_parse(str_of(found.p[i]), &reference));
		AUTO_FREE char *full = reference_text(&reference);
		list_add(ret, full);
	}
	return NULL;
}
