#include "registry/token.h"

#include "base/clock.h"
#include "base/limits.h"
#include "oci/json.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

enum {
	/* The token specification's default, for services that do not say. */
	EXPIRES_DEFAULT_SECONDS = 60,
	/* A token that is about to end is not sent any more. */
	EXPIRES_MARGIN_SECONDS = 10,
	TOKEN_TEXT_BYTES = 32 * 1024,
};

char *token_basic(const char *username, const char *password)
{
	AUTO_FREE char *plain = xasprintf("%s:%s", username ? username : "", password);
	size_t n = strlen(plain);
	AUTO_FREE char *encoded = xcalloc(n * 4 / 3 + 8, 1);

	(void)EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)plain, (int)n);
	char *header = xasprintf("Basic %s", encoded);
	OPENSSL_cleanse(plain, n);
	OPENSSL_cleanse(encoded, strlen(encoded));
	return header;
}

static bool is_header_text(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return false;
	return *text && strlen(text) <= TOKEN_TEXT_BYTES;
}

FALLIBLE token_given(const struct credential *credential, char **ret_header)
{
	if (!is_header_text(credential->registry_token))
		return error_new(ERR_INVALID, "'%s': a registrytoken that is no token",
				credential->source ? credential->source : "login");
	*ret_header = xasprintf("Bearer %s", credential->registry_token);
	return NULL;
}

/* {"token": …} or {"access_token": …}, and expires_in. */
static FALLIBLE parse_token(
		struct str json, const char *service, char **ret_header, uint64_t *ret_expires_ns)
{
	json_auto_t *value = NULL;
	struct json_field root;
	AUTO_FREE char *token = NULL;
	int64_t seconds = EXPIRES_DEFAULT_SECONDS;

	TRY(json_parse(json, LIMIT_TOKEN_BYTES, service, &value));
	TRY(json_root(value, service, &root));
	TRY(json_get_text(&root, "token", JSON_MAY, &token));
	if (!token || !*token)
		TRY(json_get_text(&root, "access_token", JSON_MUST, &token));
	if (!is_header_text(token))
		return error_new(ERR_INVALID, "%s: a token that is no token", service);
	if (json_is_integer(json_object_get(value, "expires_in")))
		TRY(json_get_i64(&root, "expires_in", JSON_MAY, INT64_MIN, &seconds));
	/* A token that is never good would be asked for without end. */
	if (seconds <= 0)
		seconds = EXPIRES_DEFAULT_SECONDS;
	if (seconds > 24 * 3600)
		seconds = 24 * 3600;
	seconds -= seconds > 2 * EXPIRES_MARGIN_SECONDS ? EXPIRES_MARGIN_SECONDS : seconds / 2;
	*ret_header = xasprintf("Bearer %s", token);
	*ret_expires_ns = clock_monotonic_ns() + (uint64_t)seconds * 1000000000;
	OPENSSL_cleanse(token, strlen(token));
	return NULL;
}

static struct error *refused(const struct token_request *request, const char *who, int status)
{
	const struct credential *credential = request->credential;
	const char *host = request->endpoint->creds_host;

	if (!credential_known(credential))
		return error_hint(error_code(ERR_DENIED, status,
						  "%s gives no token without a login", who),
				"log in with kiln login %s", host);
	return error_hint(error_code(ERR_DENIED, status,
					  "%s refuses the credentials for '%s' from "
					  "'%s'",
					  who, host,
					  credential->source ? credential->source : "login"),
			"log in again with kiln login %s", host);
}

/* The form of an OAuth2 request, for an identity token. */
static void oauth_form(const struct token_request *request, struct strbuf *form)
{
	strbuf_add(form, "grant_type=refresh_token&client_id=kiln&service=");
	url_escape(form, request->service ? request->service : "");
	strbuf_add(form, "&scope=");
	for (size_t i = 0; i < request->scopes->n; i++) {
		if (i)
			strbuf_add(form, "%20");
		url_escape(form, request->scopes->p[i]);
	}
	strbuf_add(form, "&refresh_token=");
	url_escape(form, request->credential->identity_token);
}

static void get_query(const struct token_request *request, struct url *url)
{
	if (request->service)
		url_add_query(url, "service", request->service);
	for (size_t i = 0; i < request->scopes->n; i++)
		url_add_query(url, "scope", request->scopes->p[i]);
	if (credential_known(request->credential) && request->credential->username)
		url_add_query(url, "account", request->credential->username);
}

/* The identity token is in the body, which goes along no redirect. */
static FALLIBLE exchange_identity(struct registry_client *client,
		const struct token_request *request, const struct url *url, bool is_insecure,
		struct http_response *ret, struct strbuf *ret_body)
{
	AUTO(list) struct list headers = { 0 };
	AUTO(strbuf) struct strbuf form = { 0 };
	const struct http_tls *tls;

	TRY(client_tls(client, url->host, is_insecure, &tls));
	oauth_form(request, &form);
	list_add(&headers, "Content-Type: application/x-www-form-urlencoded");
	struct http_request http = {
		.method = "POST", .url = url, .headers = &headers, .tls = tls
	};
	return client_exchange(client, &http, strbuf_str(&form), LIMIT_TOKEN_BYTES, ret, ret_body);
}

static FALLIBLE get_token(struct registry_client *client, const struct token_request *request,
		struct url *url, bool is_insecure, struct http_response *ret,
		struct strbuf *ret_body)
{
	const struct credential *credential = request->credential;
	AUTO_FREE char *basic = NULL;

	get_query(request, url);
	if (credential->username && credential->password)
		basic = token_basic(credential->username, credential->password);
	struct error *error = client_exchange_along(
			client, url, is_insecure, basic, LIMIT_TOKEN_BYTES, ret, ret_body);
	if (basic)
		OPENSSL_cleanse(basic, strlen(basic));
	return error;
}

FALLIBLE token_fetch(struct registry_client *client, const struct token_request *request,
		char **ret_header, uint64_t *ret_expires_ns)
{
	AUTO(url) struct url url = { 0 };
	AUTO(strbuf) struct strbuf body = { 0 };
	AUTO(http_response) struct http_response answer = { 0 };
	const struct credential *credential = request->credential;

	TRY_WRAP(url_parse(str_of(request->realm), &url), "token service of '%s'",
			request->endpoint->host);
	if (!url.is_https && !request->registry_is_plain)
		return error_new(ERR_DENIED,
				"'%s' names the token service '%s', which is not https, so it gets "
				"no "
				"credentials",
				request->endpoint->host, url.host);
	AUTO_FREE char *who = xasprintf("token service '%s'", url.host);
	bool is_insecure = request->endpoint->is_insecure &&
			   host_is_same(url.host, request->endpoint->host);
	TRY_WRAP(credential->identity_token ? exchange_identity(client, request, &url, is_insecure,
							      &answer, &body)
					    : get_token(client, request, &url, is_insecure, &answer,
							      &body),
			"ask %s", who);
	if (answer.status == 401 || answer.status == 403)
		return refused(request, who, answer.status);
	if (answer.status != 200)
		return error_code(ERR_HTTP, answer.status, "%s answers %d", who, answer.status);
	return parse_token(strbuf_str(&body), who, ret_header, ret_expires_ns);
}
