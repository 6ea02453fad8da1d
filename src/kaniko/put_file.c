#include "kaniko/executor.h"

#include "registry/certs.h"
#include "registry/http.h"
#include "registry/registry.h"
#include "ui/config.h"

enum { CONNECT_MS = 20 * 1000, STALL_MS = 60 * 1000 };

static FALLIBLE put(struct http_client *client, const struct url *url, const struct http_tls *tls,
		struct str text)
{
	AUTO(list) struct list headers = { 0 };
	AUTO(reader) struct reader *body = reader_from_bytes(text.p, text.n);
	AUTO(http_response) struct http_response answer = { 0 };
	AUTO(reader) struct reader *rest = NULL;

	list_add(&headers, "Content-Type: text/plain");

	const struct http_request request = { .method = "PUT",
		.url = url,
		.headers = &headers,
		.body = body,
		.body_bytes = (int64_t)text.n,
		.tls = tls };

	TRY(http_open(client, &request, &answer, &rest));
	if (answer.status >= 400 || answer.status < 200)
		return error_code(ERR_HTTP, answer.status, "the server answered %d", answer.status);
	if (answer.status >= 300)
		return error_code(ERR_HTTP, answer.status,
				"the server answered %d: a signed address does not lead elsewhere",
				answer.status);
	return NULL;
}

FALLIBLE put_file(const char *address, struct str text, struct cancel *cancel)
{
	AUTO(url) struct url url = { 0 };
	AUTO(registry_settings) struct registry_settings settings = { 0 };
	AUTO(certs) struct certs certs = { 0 };

	TRY(usage_of_option(url_parse(str_of(address), &url), "--digest-file"));
	registry_settings_from_env(config_getenv, &settings);
	certs_add_authorities(&settings.authorities, &certs);

	const struct http_tls tls = { .authorities = certs.authorities };

	AUTO(http_client)
	struct http_client *client =
			http_client_new(&(struct http_settings){ .user_agent = "kiln/" KILN_VERSION,
							.http_proxy = settings.http_proxy,
							.https_proxy = settings.https_proxy,
							.no_proxy = settings.no_proxy,
							.connect_timeout_ms = CONNECT_MS,
							.stall_timeout_ms = STALL_MS },
					cancel);
	/* What follows '?' is the signature, and a secret. */
	AUTO_FREE char *shown = url_shown(&url);

	TRY_WRAP(put(client, &url, &tls, text), "write the digest to '%s'", shown);
	return NULL;
}
