#include "registry/google_external.h"

#include "base/clock.h"
#include "base/limits.h"
#include "registry/google.h"
#include "registry/google_subject.h"

#include <openssl/crypto.h>
#include <string.h>

#define EXCHANGE "Google's security token service"
#define ACCOUNT  "the service account's token service"

enum { LASTS_SECONDS = 3600, LASTS_DEFAULT_SECONDS = 600 };

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
	TRY(google_subject_token(cloud, root, &subject));
	struct error *error = exchange(cloud, root, subject, &token, ret_expires);
	credential_text_free(subject);
	if (error || !account) {
		*ret = error ? NULL : TAKE(token);
		credential_text_free(token);
		return error;
	}
	error = impersonate(cloud, account, token, ret);
	*ret_expires = clock_now_seconds() + LASTS_SECONDS;
	credential_text_free(token);
	return error;
}
