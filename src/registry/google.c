#include "registry/google.h"

#include "base/clock.h"
#include "base/limits.h"
#include "registry/google_external.h"
#include "stream/crypto.h"

#include <openssl/crypto.h>
#include <string.h>

#define SERVICE  "Google's token service"
#define METADATA "Google's metadata server"

enum { JWT_LASTS_SECONDS = 3600, LASTS_DEFAULT_SECONDS = 600 };

/* --- JWT --- */

/* RFC 4648, 5: the alphabet for addresses, no padding. */
static void add_base64url(struct strbuf *out, const void *bytes, size_t n)
{
	AUTO_FREE char *text = xcalloc((n + 2) / 3 * 4 + 1, 1);

	(void)EVP_EncodeBlock((unsigned char *)text, bytes, (int)n);
	for (const char *p = text; *p && *p != '='; p++)
		strbuf_add_char(out, *p == '+' ? '-' : *p == '/' ? '_' : *p);
}

static int no_password(char *buf, int n, int is_writing, void *user)
{
	(void)buf, (void)n, (void)is_writing, (void)user;
	return -1;
}

static EVP_PKEY *read_key(const struct crypto_calls *crypto, const char *pem)
{
	BIO *bio = crypto->BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = bio ? crypto->PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

	crypto->BIO_free(bio);
	return key;
}

static bool sign_text(const struct crypto_calls *crypto, EVP_PKEY *key, const struct strbuf *text,
		struct strbuf *out)
{
	EVP_MD_CTX *context = crypto->EVP_MD_CTX_new();
	const unsigned char *bytes = (const unsigned char *)text->p;
	size_t n = 0;
	bool done = context && crypto->EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
		    crypto->EVP_DigestSignInit(context, NULL, crypto->EVP_sha256(), NULL, key) ==
				    1 &&
		    crypto->EVP_DigestSign(context, NULL, &n, bytes, text->n) == 1;
	AUTO_FREE unsigned char *signature = xcalloc(n + 1, 1);

	done = done && crypto->EVP_DigestSign(context, signature, &n, bytes, text->n) == 1;
	if (done)
		add_base64url(out, signature, n);
	crypto->EVP_MD_CTX_free(context);
	return done;
}

FALLIBLE google_jwt(const char *email, const char *key_id, const char *private_key,
		const char *audience, int64_t now, char **ret)
{
	AUTO(json_out) struct json_out header = { 0 }, claims = { 0 };
	AUTO(strbuf) struct strbuf text = { 0 }, signature = { 0 };

	json_out_open(&header, NULL, '{');
	json_out_text(&header, "alg", "RS256");
	json_out_text(&header, "typ", "JWT");
	json_out_text(&header, "kid", key_id);
	json_out_close(&header, '}');
	json_out_open(&claims, NULL, '{');
	json_out_text(&claims, "iss", email);
	json_out_text(&claims, "scope", GOOGLE_SCOPE);
	json_out_text(&claims, "aud", audience);
	json_out_i64(&claims, "iat", now);
	json_out_i64(&claims, "exp", now + JWT_LASTS_SECONDS);
	json_out_close(&claims, '}');
	add_base64url(&text, header.text.p, header.text.n);
	strbuf_add_char(&text, '.');
	add_base64url(&text, claims.text.p, claims.text.n);

	const struct crypto_calls *crypto = NULL;

	TRY(crypto_load(&crypto));
	EVP_PKEY *key = read_key(crypto, private_key);
	bool done = key && sign_text(crypto, key, &text, &signature);

	crypto->EVP_PKEY_free(key);
	if (!done)
		return error_new(ERR_INVALID, "'private_key' is not an RSA key in PEM");
	strbuf_addf(&text, ".%s", strbuf_text(&signature));
	*ret = strbuf_take(&text);
	return NULL;
}

/* --- answers --- */

struct token {
	char *text; /* NULL: none */
	char *source;
	int64_t expires;
};

static void token_done(struct token *token)
{
	credential_text_free(token->text);
	free(token->source);
	*token = (struct token){ 0 };
}

DEFINE_AUTO_VALUE(token)

static FALLIBLE ask(struct cloud *cloud, const struct cloud_request *request, struct token *ret)
{
	json_auto_t *value = NULL;
	struct json_field root;
	int64_t seconds = LASTS_DEFAULT_SECONDS;

	TRY(cloud_ask_json(cloud, request, &value));
	TRY(json_root(value, request->what, &root));
	TRY(json_get_text(&root, "access_token", JSON_MUST, &ret->text));
	TRY(json_get_i64(&root, "expires_in", JSON_MAY, 0, &seconds));
	for (const char *p = ret->text; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return error_new(ERR_INVALID, "%s: a token that is none", request->what);
	ret->expires = clock_now_seconds() + (seconds < 86400 ? seconds : 86400);
	return NULL;
}

static FALLIBLE ask_form(
		struct cloud *cloud, const char *url, struct strbuf *form, struct token *ret)
{
	AUTO(list) struct list headers = { 0 };

	list_add(&headers, "Content-Type: application/x-www-form-urlencoded");
	const struct cloud_request request = { .method = "POST",
		.url = url,
		.headers = &headers,
		.body = strbuf_str(form),
		.what = SERVICE };
	struct error *error = ask(cloud, &request, ret);
	OPENSSL_cleanse(form->p, form->n);
	return error;
}

/* --- files --- */

static FALLIBLE from_service_account(
		struct cloud *cloud, const struct json_field *root, struct token *ret)
{
	AUTO_FREE char *email = NULL, *key_id = NULL, *uri = NULL;
	AUTO(strbuf) struct strbuf form = { 0 };
	char *key = NULL, *jwt = NULL;

	TRY(json_get_text(root, "client_email", JSON_MUST, &email));
	TRY(json_get_text(root, "private_key_id", JSON_MAY, &key_id));
	TRY(json_get_text(root, "token_uri", JSON_MAY, &uri));
	if (!uri)
		uri = xstrdup("https://oauth2.googleapis.com/token");
	TRY(json_get_text(root, "private_key", JSON_MUST, &key));
	struct error *error = google_jwt(email, key_id, key, uri, clock_now_seconds(), &jwt);
	credential_text_free(key);
	TRY(error);
	cloud_form_add(&form, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
	cloud_form_add(&form, "assertion", jwt);
	credential_text_free(jwt);
	return ask_form(cloud, uri, &form, ret);
}

/* What 'gcloud auth application-default login' leaves. */
static FALLIBLE from_login(struct cloud *cloud, const struct json_field *root, struct token *ret)
{
	static const char *const keys[] = { "client_id", "client_secret", "refresh_token" };
	AUTO(strbuf) struct strbuf form = { 0 };

	cloud_form_add(&form, "grant_type", "refresh_token");
	for (size_t i = 0; i < COUNT(keys); i++) {
		char *value = NULL;

		TRY(json_get_text(root, keys[i], JSON_MUST, &value));
		cloud_form_add(&form, keys[i], value);
		credential_text_free(value);
	}
	return ask_form(cloud, "https://oauth2.googleapis.com/token", &form, ret);
}

static FALLIBLE use_file(struct cloud *cloud, const char *text, struct token *ret)
{
	json_auto_t *value = NULL;
	struct json_field root;
	AUTO_FREE char *type = NULL;

	TRY(json_parse(str_of(text), LIMIT_TOKEN_BYTES, "the credentials of Google", &value));
	TRY(json_root(value, "the credentials of Google", &root));
	TRY(json_get_text(&root, "type", JSON_MUST, &type));
	if (text_equal(type, "service_account"))
		return from_service_account(cloud, &root, ret);
	if (text_equal(type, "authorized_user"))
		return from_login(cloud, &root, ret);
	if (text_equal(type, "external_account"))
		return google_external(cloud, &root, &ret->text, &ret->expires);
	return error_hint(error_new(ERR_UNSUPPORTED,
					  "credentials of type '%.60s' are not supported", type),
			"there are service_account, authorized_user and external_account");
}

static FALLIBLE from_file(struct cloud *cloud, const char *path, struct token *ret)
{
	char *text = NULL;

	TRY_WRAP(cloud_read_file(path, &text), "GOOGLE_APPLICATION_CREDENTIALS");
	struct error *error = use_file(cloud, text, ret);
	credential_text_free(text);
	TRY_WRAP(error, "'%s'", path);
	ret->source = xstrdup(path);
	return NULL;
}

/* --- metadata --- */

static FALLIBLE from_metadata(struct cloud *cloud, struct token *ret)
{
	const char *host = cloud_env(cloud, "GCE_METADATA_HOST");
	AUTO(list) struct list headers = { 0 };
	AUTO_FREE char *url = xasprintf("http://%s/computeMetadata/v1/instance/service-accounts/"
					"default/token",
			host ? host : "metadata.google.internal");

	list_add(&headers, "Metadata-Flavor: Google");
	const struct cloud_request request = { .method = "GET",
		.url = url,
		.headers = &headers,
		.what = METADATA,
		.is_metadata = true };
	struct error *error = ask(cloud, &request, ret);
	if (cloud_is_absent(error, METADATA))
		return NULL;
	TRY(error);
	ret->source = xstrdup(METADATA);
	return NULL;
}

/* Where gcloud keeps it; NULL when there is nothing. */
static char *gcloud_file(const struct cloud *cloud)
{
	const char *dir = cloud_env(cloud, "CLOUDSDK_CONFIG"), *home = cloud_env(cloud, "HOME");
	AUTO_FREE char *path =
			dir    ? xasprintf("%s/application_default_credentials.json", dir)
			: home ? xasprintf("%s/.config/gcloud/application_default_credentials"
					   ".json",
						 home)
			       : NULL;

	return path && access(path, F_OK) == 0 ? TAKE(path) : NULL;
}

FALLIBLE google_token(struct cloud *cloud, char **ret, char **ret_source, int64_t *ret_expires)
{
	const char *named = cloud_env(cloud, "GOOGLE_APPLICATION_CREDENTIALS");
	AUTO_FREE char *path = named ? xstrdup(named) : gcloud_file(cloud);
	AUTO(token) struct token token = { 0 };

	if (path)
		TRY(from_file(cloud, path, &token));
	else
		TRY(from_metadata(cloud, &token));
	*ret = TAKE(token.text);
	if (ret_source)
		*ret_source = TAKE(token.source);
	if (ret_expires)
		*ret_expires = token.expires;
	return NULL;
}

FALLIBLE google_credential(struct cloud *cloud, struct cloud_found *ret)
{
	struct credential *credential = &ret->credential;

	TRY(google_token(cloud, &credential->password, &credential->source, &ret->expires));
	if (credential->password)
		credential->username = xstrdup("oauth2accesstoken");
	return NULL;
}
