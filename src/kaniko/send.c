#include "kaniko/send.h"

#include "registry/certs.h"
#include "registry/http.h"
#include "registry/registry.h"
#include "ui/config.h"

enum { CONNECT_MS = 20 * 1000, STALL_MS = 60 * 1000 };

static FALLIBLE exchange(struct http_client *client, const struct url *url,
		const struct http_tls *tls, const struct sending *what)
{
	AUTO(list) struct list headers = { 0 };
	AUTO(reader) struct reader *body = reader_from_bytes(what->body.p, what->body.n);
	AUTO(http_response) struct http_response answer = { 0 };
	AUTO(reader) struct reader *rest = NULL;

	list_addf(&headers, "Content-Type: %s", what->content_type);
	if (what->headers)
		list_add_all(&headers, what->headers);

	const struct http_request request = { .method = what->method,
		.url = url,
		.headers = &headers,
		.body = body,
		.body_bytes = (int64_t)what->body.n,
		.tls = tls };

	TRY(http_open(client, &request, &answer, &rest));
	if (answer.status >= 400 || answer.status < 200)
		return error_code(ERR_HTTP, answer.status, "the server answered %d", answer.status);
	if (answer.status >= 300)
		return error_code(ERR_HTTP, answer.status,
				"the server answered %d: this address must not lead elsewhere",
				answer.status);
	return NULL;
}

static struct http_client *new_client(
		const struct registry_settings *settings, const struct sending *what)
{
	const struct http_settings http = { .user_agent = "kiln/" KILN_VERSION,
		.http_proxy = settings->http_proxy,
		.https_proxy = settings->https_proxy,
		.no_proxy = settings->no_proxy,
		.connect_timeout_ms = what->timeout_ms ? what->timeout_ms : CONNECT_MS,
		.stall_timeout_ms = what->timeout_ms ? what->timeout_ms : STALL_MS };

	return http_client_new(&http, NULL);
}

FALLIBLE send_bytes(const struct url *url, const struct sending *what, struct http_client *client)
{
	AUTO(registry_settings) struct registry_settings settings = { 0 };
	AUTO(http_client) struct http_client *own = NULL;
	AUTO(certs) struct certs certs = { 0 };

	registry_settings_from_env(config_getenv, &settings);
	certs_add_authorities(&settings.authorities, &certs);
	if (!client)
		own = new_client(&settings, what);

	const struct http_tls tls = { .authorities = certs.authorities };
	/* What follows '?' may be a signature, and a secret. */
	AUTO_FREE char *shown = url_shown(url);

	TRY_WRAP(exchange(client ? client : own, url, &tls, what), "write to '%s'", shown);
	return NULL;
}
