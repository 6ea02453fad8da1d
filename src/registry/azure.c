#include "registry/azure.h"

#include "base/clock.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <time.h>

#define STORAGE          "https://storage.azure.com/"
#define SERVICE          "Microsoft's token service"
#define METADATA         "Azure's managed identity service"
#define INSTANCE_ADDRESS "http://169.254.169.254"
#define STORAGE_VERSION  "2020-10-02"

enum {
	/* Registries give refresh tokens for three hours. */
	REFRESH_LASTS_SECONDS = 3 * 3600,
	KEY_TEXT_MAX = 1024,
};

/* The clouds: who gives tokens in them, and for what. */
struct place {
	const char *suffix, *authority, *resource;
};

static const struct place places[] = {
	{ ".azurecr.io", "https://login.microsoftonline.com", "https://management.azure.com/" },
	{ ".azurecr.us", "https://login.microsoftonline.us",
			"https://management.usgovcloudapi.net/" },
	{ ".azurecr.cn", "https://login.chinacloudapi.cn", "https://management.chinacloudapi.cn/" },
};

static const struct place *place_of(const char *host)
{
	for (size_t i = 0; i < COUNT(places); i++)
		if (text_ends(host, places[i].suffix))
			return &places[i];
	return &places[0];
}

/* --- tokens --- */

static FALLIBLE ask(struct cloud *cloud, const struct cloud_request *request, const char *key,
		char **ret)
{
	json_auto_t *value = NULL;
	struct json_field root;

	TRY(cloud_ask_json(cloud, request, &value));
	TRY(json_root(value, request->what, &root));
	return json_get_text(&root, key, JSON_MUST, ret);
}

static FALLIBLE ask_form(struct cloud *cloud, const char *url, struct strbuf *form,
		const char *what, const char *key, char **ret)
{
	AUTO(list) struct list headers = { 0 };

	list_add(&headers, "Content-Type: application/x-www-form-urlencoded");
	const struct cloud_request request = { .method = "POST",
		.url = url,
		.headers = &headers,
		.body = strbuf_str(form),
		.what = what };
	struct error *error = ask(cloud, &request, key, ret);
	OPENSSL_cleanse(form->p, form->n);
	return error;
}

/* A tenant becomes part of a path: an id or a domain. */
static FALLIBLE check_tenant(const char *tenant)
{
	size_t n = strspn(tenant, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789.-");

	if (!n || tenant[n])
		return error_new(ERR_INVALID, "AZURE_TENANT_ID is not a tenant's id");
	return NULL;
}

static FALLIBLE from_principal(struct cloud *cloud, const struct place *place, const char *secret,
		const char *file, char **ret, char **ret_source)
{
	const char *host = cloud_env(cloud, "AZURE_AUTHORITY_HOST");
	const char *tenant = cloud_env(cloud, "AZURE_TENANT_ID");
	AUTO(strbuf) struct strbuf form = { 0 };
	char *assertion = NULL;
	size_t n;

	if (!host)
		host = place->authority;
	n = strlen(host);
	while (n && host[n - 1] == '/')
		n--;
	TRY(check_tenant(tenant));
	AUTO_FREE char *url = xasprintf("%.*s/%s/oauth2/v2.0/token", (int)n, host, tenant);
	AUTO_FREE char *scope = xasprintf("%s.default", place->resource);
	cloud_form_add(&form, "grant_type", "client_credentials");
	cloud_form_add(&form, "client_id", cloud_env(cloud, "AZURE_CLIENT_ID"));
	cloud_form_add(&form, "scope", scope);
	if (secret) {
		cloud_form_add(&form, "client_secret", secret);
	} else {
		TRY_WRAP(cloud_read_file(file, &assertion), "AZURE_FEDERATED_TOKEN_FILE");
		cloud_form_add(&form, "client_assertion_type",
				"urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
		cloud_form_add(&form, "client_assertion", assertion);
		credential_text_free(assertion);
	}
	*ret_source = xstrdup(secret ? "AZURE_CLIENT_SECRET" : "AZURE_FEDERATED_TOKEN_FILE");
	return ask_form(cloud, url, &form, SERVICE, "access_token", ret);
}

/* App Service and Container Instances name a service of their own; machines have one address. */
static FALLIBLE from_managed_identity(
		struct cloud *cloud, const struct place *place, char **ret, char **ret_source)
{
	const char *endpoint = cloud_env(cloud, "IDENTITY_ENDPOINT");
	const char *secret = cloud_env(cloud, "IDENTITY_HEADER");
	const char *host = cloud_env(cloud, "AZURE_POD_IDENTITY_AUTHORITY_HOST");
	const char *client = cloud_env(cloud, "AZURE_CLIENT_ID");
	AUTO(list) struct list headers = { 0 };
	AUTO(strbuf) struct strbuf url = { 0 };
	bool is_service = endpoint && secret;

	if (is_service)
		strbuf_addf(&url, "%s?api-version=2019-08-01", endpoint);
	else
		strbuf_addf(&url, "%s/metadata/identity/oauth2/token?api-version=2018-02-01",
				host ? host : INSTANCE_ADDRESS);
	strbuf_add(&url, "&resource=");
	url_escape(&url, place->resource);
	if (client)
		cloud_form_add(&url, "client_id", client);
	if (is_service)
		list_addf(&headers, "X-IDENTITY-HEADER: %s", secret);
	else
		list_add(&headers, "Metadata: true");
	const struct cloud_request request = { .method = "GET",
		.url = strbuf_text(&url),
		.headers = &headers,
		.what = METADATA,
		.is_metadata = true };
	struct error *error = ask(cloud, &request, "access_token", ret);
	/* 400: a machine without an identity. */
	if (error_is(error, ERR_DENIED) && error->code == 400 && !client) {
		error_ignore(error, "a machine without a managed identity");
		return NULL;
	}
	if (cloud_is_absent(error, METADATA))
		return NULL;
	TRY(error);
	*ret_source = xstrdup(METADATA);
	return NULL;
}

static FALLIBLE access_token(
		struct cloud *cloud, const struct place *place, char **ret, char **ret_source)
{
	const char *secret = cloud_env(cloud, "AZURE_CLIENT_SECRET");
	const char *file = cloud_env(cloud, "AZURE_FEDERATED_TOKEN_FILE");

	if (cloud_env(cloud, "AZURE_CLIENT_ID") && cloud_env(cloud, "AZURE_TENANT_ID") &&
			(secret || file))
		return from_principal(cloud, place, secret, file, ret, ret_source);
	return from_managed_identity(cloud, place, ret, ret_source);
}

FALLIBLE azure_credential(struct cloud *cloud, const char *host, struct cloud_found *ret)
{
	struct credential *credential = &ret->credential;
	const char *tenant = cloud_env(cloud, "AZURE_TENANT_ID");
	AUTO_FREE char *url = xasprintf("https://%s/oauth2/exchange", host), *source = NULL;
	AUTO_FREE char *what = xasprintf("the token exchange of '%s'", host);
	AUTO(strbuf) struct strbuf form = { 0 };
	char *token = NULL;

	TRY(access_token(cloud, place_of(host), &token, &source));
	if (!token)
		return NULL;
	cloud_form_add(&form, "grant_type", "access_token");
	cloud_form_add(&form, "service", host);
	if (tenant)
		cloud_form_add(&form, "tenant", tenant);
	cloud_form_add(&form, "access_token", token);
	credential_text_free(token);
	TRY_WRAP(ask_form(cloud, url, &form, what, "refresh_token", &credential->identity_token),
			"credentials from '%s'", source);
	credential->source = TAKE(source);
	ret->expires = clock_now_seconds() + REFRESH_LASTS_SECONDS;
	return NULL;
}

/* --- blobs --- */

static FALLIBLE decode_key(const char *key, unsigned char *ret, size_t *ret_n)
{
	size_t n = strlen(key), padding = 0;

	while (padding < 2 && n > padding && key[n - 1 - padding] == '=')
		padding++;
	int got = n && n % 4 == 0 && n < KEY_TEXT_MAX
				  ? EVP_DecodeBlock(ret, (const unsigned char *)key, (int)n)
				  : -1;
	if (got < (int)padding + 1)
		return error_new(ERR_INVALID, "AZURE_STORAGE_ACCESS_KEY is not a key in base64");
	*ret_n = (size_t)got - padding;
	return NULL;
}

static const char *header_value(const struct list *headers, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < headers->n; i++)
		if (strncmp(headers->p[i], name, n) == 0 && text_starts(headers->p[i] + n, ": "))
			return headers->p[i] + n + 2;
	return "";
}

/* "/account/path", then the query's parts by name. */
static void add_resource(const char *account, const char *path, struct strbuf *out)
{
	AUTO(list) struct list parts = { 0 };
	struct str before, rest, part;

	(void)str_cut(str_of(path), '?', &before, &rest);
	strbuf_addf(out, "/%s%.*s", account, (int)before.n, before.p);
	while (rest.n) {
		(void)str_cut(rest, '&', &part, &rest);
		AUTO_FREE char *text = str_dup(part);
		list_add(&parts, text);
	}
	list_sort(&parts);
	for (size_t i = 0; i < parts.n; i++) {
		size_t n = strcspn(parts.p[i], "=");

		strbuf_addf(out, "\n%.*s:%s", (int)n, parts.p[i],
				parts.p[i][n] ? parts.p[i] + n + 1 : "");
	}
}

/* Verb, eleven standard headers, ours by name, the resource. */
static void add_to_sign(const char *account, const char *method, const struct url *url,
		uint64_t bytes, const struct list *headers, struct strbuf *out)
{
	AUTO(list) struct list ours = { 0 };

	strbuf_addf(out, "%s\n\n\n", method);
	if (bytes)
		strbuf_addf(out, "%llu", (unsigned long long)bytes);
	strbuf_addf(out, "\n\n%s\n\n\n\n\n\n%s\n", header_value(headers, "Content-Type"),
			header_value(headers, "Range"));
	for (size_t i = 0; i < headers->n; i++)
		if (text_starts(headers->p[i], "x-ms-"))
			list_add(&ours, headers->p[i]);
	list_sort(&ours);
	for (size_t i = 0; i < ours.n; i++) {
		size_t n = strcspn(ours.p[i], ":");

		strbuf_addf(out, "%.*s:%s\n", (int)n, ours.p[i], ours.p[i] + n + 2);
	}
	add_resource(account, url->path, out);
}

void azure_bear_token(const char *token, struct list *headers)
{
	list_add(headers, "x-ms-version: " STORAGE_VERSION);
	if (token)
		list_addf(headers, "Authorization: Bearer %s", token);
}

FALLIBLE azure_storage_token(struct cloud *cloud, char **ret, char **ret_source)
{
	const struct place storage = { NULL, places[0].authority, STORAGE };

	return access_token(cloud, &storage, ret, ret_source);
}

FALLIBLE azure_sign_blob(const char *key, const char *account, const char *method,
		const struct url *url, uint64_t bytes, int64_t now, struct list *headers)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
		"Aug", "Sep", "Oct", "Nov", "Dec" };
	unsigned char secret[KEY_TEXT_MAX], text[DIGEST_BYTES * 2];
	AUTO(strbuf) struct strbuf to_sign = { 0 };
	time_t seconds = (time_t)now;
	struct tm tm = { 0 };
	size_t n = 0;

	if (!key)
		return error_new(ERR_INVALID, "AZURE_STORAGE_ACCESS_KEY is not set");
	TRY(decode_key(key, secret, &n));
	(void)gmtime_r(&seconds, &tm);
	AUTO_FREE char *date = xasprintf("%s, %02d %s %d %02d:%02d:%02d GMT", days[tm.tm_wday],
			tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
			tm.tm_sec);
	list_addf(headers, "x-ms-date: %s", date);
	list_add(headers, "x-ms-version: " STORAGE_VERSION);
	add_to_sign(account, method, url, bytes, headers, &to_sign);
	struct digest mac = digest_hmac(secret, n, strbuf_str(&to_sign));
	OPENSSL_cleanse(secret, sizeof(secret));
	(void)EVP_EncodeBlock(text, mac.bytes, sizeof(mac.bytes));
	list_addf(headers, "Authorization: SharedKey %s:%s", account, (char *)text);
	return NULL;
}
