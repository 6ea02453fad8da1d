#include "registry/google_external.h"

#include "base/clock.h"
#include "base/limits.h"
#include "registry/google.h"

#include <openssl/crypto.h>
#include <string.h>

#define EXCHANGE "Google's security token service"
#define ACCOUNT  "the service account's token service"
#define PROVIDER "the identity provider"

enum { LASTS_SECONDS = 3600, LASTS_DEFAULT_SECONDS = 600 };

static void free_secret(char *text)
{
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}

/* --- the token of the provider --- */

static FALLIBLE pick(const struct json_field *source, struct str said, char **ret)
{
	struct json_field format, root;
	AUTO_FREE char *type = NULL, *field = NULL;
	json_auto_t *value = NULL;

	if (json_has(source, "format")) {
		TRY(json_get_object(source, "format", JSON_MUST, &format));
		TRY(json_get_text(&format, "type", JSON_MUST, &type));
		TRY(json_get_text(&format, "subject_token_field_name", JSON_MAY, &field));
	}
	if (!type || text_equal(type, "text")) {
		if (!str_trim(said).n)
			return error_new(ERR_INVALID, "the subject token is empty");
		*ret = str_dup(str_trim(said));
		return NULL;
	}
	if (!text_equal(type, "json") || !field)
		return error_new(ERR_INVALID, "credential_source: 'format' is neither text nor "
					      "json with 'subject_token_field_name'");
	TRY(json_parse(said, LIMIT_TOKEN_BYTES, "the subject token", &value));
	TRY(json_root(value, "the subject token", &root));
	return json_get_text(&root, field, JSON_MUST, ret);
}

static FALLIBLE add_headers(const struct json_field *source, struct list *ret)
{
	AUTO(list) struct list pairs = { 0 };

	if (!json_has(source, "headers"))
		return NULL;
	TRY(json_get_pairs(source, "headers", &pairs));
	for (size_t i = 0; i < pairs.n; i++) {
		const char *equals = strchr(pairs.p[i], '=');

		for (const char *p = pairs.p[i]; *p; p++)
			if ((unsigned char)*p < ' ' || *p == 0x7f || (*p == ':' && p < equals))
				return error_new(ERR_INVALID,
						"credential_source: a header that is none");
		list_addf(ret, "%.*s: %s", (int)(equals - pairs.p[i]), pairs.p[i], equals + 1);
	}
	return NULL;
}

/* The machine's own services are reached without TLS, and without a proxy. */
static bool is_machines(const char *address)
{
	AUTO(url) struct url url = { 0 };
	struct error *error = url_parse(str_of(address), &url);
	bool found = !error && !url.is_https &&
		     (text_starts(url.host, "169.254.") || host_is_loopback(url.host));

	error_ignore(error, "said by who asks");
	return found;
}

static FALLIBLE from_address(struct cloud *cloud, const struct json_field *source,
		const char *address, char **ret)
{
	AUTO(list) struct list headers = { 0 };
	AUTO(cloud_answer) struct cloud_answer answer = { 0 };

	TRY(add_headers(source, &headers));
	const struct cloud_request request = { .method = "GET",
		.url = address,
		.headers = &headers,
		.what = PROVIDER,
		.is_metadata = is_machines(address) };
	TRY(cloud_ask(cloud, &request, &answer));
	return pick(source, strbuf_str(&answer.body), ret);
}

static FALLIBLE from_file(const struct json_field *source, const char *path, char **ret)
{
	char *text = NULL;

	TRY_WRAP(cloud_read_file(path, &text), "credential_source");
	struct error *error = pick(source, str_of(text), ret);
	free_secret(text);
	TRY_WRAP(error, "'%s'", path);
	return NULL;
}

static FALLIBLE subject_token(struct cloud *cloud, const struct json_field *root, char **ret)
{
	static const char *const unsupported[] = { "environment_id", "executable", "certificate" };
	struct json_field source;
	AUTO_FREE char *file = NULL, *address = NULL;

	TRY(json_get_object(root, "credential_source", JSON_MUST, &source));
	for (size_t i = 0; i < COUNT(unsupported); i++)
		if (json_has(&source, unsupported[i]))
			return error_hint(
					error_new(ERR_UNSUPPORTED,
							"credential_source: '%s' is not supported",
							unsupported[i]),
					"there are 'file' and 'url'");
	TRY(json_get_text(&source, "file", JSON_MAY, &file));
	TRY(json_get_text(&source, "url", JSON_MAY, &address));
	if (file)
		return from_file(&source, file, ret);
	if (address)
		return from_address(cloud, &source, address, ret);
	return error_new(ERR_INVALID, "credential_source: neither 'file' nor 'url'");
}

/* --- for Google's --- */

static FALLIBLE check_token(const char *token, const char *what)
{
	for (const char *p = token; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return error_new(ERR_INVALID, "%s: a token that is none", what);
	return NULL;
}

static FALLIBLE exchange(struct cloud *cloud, const struct json_field *root, const char *subject,
		char **ret, int64_t *ret_expires)
{
	AUTO_FREE char *address = NULL, *audience = NULL, *type = NULL;
	AUTO(list) struct list headers = { 0 };
	AUTO(strbuf) struct strbuf form = { 0 };
	int64_t seconds = LASTS_DEFAULT_SECONDS;
	json_auto_t *value = NULL;
	struct json_field answer;

	TRY(json_get_text(root, "token_url", JSON_MAY, &address));
	TRY(json_get_text(root, "audience", JSON_MUST, &audience));
	TRY(json_get_text(root, "subject_token_type", JSON_MUST, &type));
	cloud_form_add(&form, "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
	cloud_form_add(&form, "requested_token_type",
			"urn:ietf:params:oauth:token-type:access_token");
	cloud_form_add(&form, "audience", audience);
	cloud_form_add(&form, "scope", GOOGLE_SCOPE);
	cloud_form_add(&form, "subject_token_type", type);
	cloud_form_add(&form, "subject_token", subject);
	list_add(&headers, "Content-Type: application/x-www-form-urlencoded");
	const struct cloud_request request = { .method = "POST",
		.url = address ? address : "https://sts.googleapis.com/v1/token",
		.headers = &headers,
		.body = strbuf_str(&form),
		.what = EXCHANGE };
	struct error *error = cloud_ask_json(cloud, &request, &value);
	OPENSSL_cleanse(form.p, form.n);
	TRY(error);
	TRY(json_root(value, EXCHANGE, &answer));
	TRY(json_get_text(&answer, "access_token", JSON_MUST, ret));
	TRY(json_get_i64(&answer, "expires_in", JSON_MAY, 0, &seconds));
	*ret_expires = clock_now_seconds() + (seconds < 86400 ? seconds : 86400);
	return check_token(*ret, EXCHANGE);
}

/* As a service account: its token for ours. */
static FALLIBLE impersonate(struct cloud *cloud, const char *address, const char *token, char **ret)
{
	AUTO(list) struct list headers = { 0 }, scopes = { 0 };
	AUTO(json_out) struct json_out body = { 0 };
	json_auto_t *value = NULL;
	struct json_field answer;

	list_add(&scopes, GOOGLE_SCOPE);
	json_out_open(&body, NULL, '{');
	json_out_list(&body, "scope", &scopes);
	json_out_text(&body, "lifetime", "3600s");
	json_out_close(&body, '}');
	list_add(&headers, "Content-Type: application/json");
	list_addf(&headers, "Authorization: Bearer %s", token);
	const struct cloud_request request = { .method = "POST",
		.url = address,
		.headers = &headers,
		.body = strbuf_str(&body.text),
		.what = ACCOUNT };
	TRY(cloud_ask_json(cloud, &request, &value));
	TRY(json_root(value, ACCOUNT, &answer));
	TRY(json_get_text(&answer, "accessToken", JSON_MUST, ret));
	return check_token(*ret, ACCOUNT);
}

FALLIBLE google_external(struct cloud *cloud, const struct json_field *root, char **ret,
		int64_t *ret_expires)
{
	AUTO_FREE char *account = NULL;
	char *subject = NULL, *token = NULL;

	TRY(json_get_text(root, "service_account_impersonation_url", JSON_MAY, &account));
	TRY(subject_token(cloud, root, &subject));
	struct error *error = exchange(cloud, root, subject, &token, ret_expires);
	free_secret(subject);
	if (error || !account) {
		*ret = error ? NULL : TAKE(token);
		free_secret(token);
		return error;
	}
	error = impersonate(cloud, account, token, ret);
	*ret_expires = clock_now_seconds() + LASTS_SECONDS;
	free_secret(token);
	return error;
}
