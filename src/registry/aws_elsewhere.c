#include "registry/aws_elsewhere.h"

#include "base/limits.h"
#include "registry/creds_helper.h"
#include "stream/crypto.h"
#include "sys/proc.h"

#include <openssl/crypto.h>
#include <string.h>

#define SSO "IAM Identity Center"

/* --- a program --- */

static FALLIBLE parse_process(struct str text, struct aws_credentials *ret)
{
	json_auto_t *value = NULL;
	struct json_field root;
	int64_t version = 0;

	TRY(json_parse(text, LIMIT_TOKEN_BYTES, "its output", &value));
	TRY(json_root(value, "its output", &root));
	TRY(json_get_i64(&root, "Version", JSON_MUST, 0, &version));
	if (version != 1)
		return error_new(ERR_UNSUPPORTED, "its output is of version %lld, not 1",
				(long long)version);
	TRY(json_get_text(&root, "AccessKeyId", JSON_MUST, &ret->key_id));
	TRY(json_get_text(&root, "SecretAccessKey", JSON_MUST, &ret->secret));
	return json_get_text(&root, "SessionToken", JSON_MAY, &ret->token);
}

static FALLIBLE run(struct cloud *cloud, const char *command, struct aws_credentials *ret)
{
	const char *const argv[] = { "sh", "-c", command, NULL };
	const struct proc_spec spec = { .argv = argv,
		.env = cloud_program_env(cloud),
		.timeout_ms = HELPER_TIMEOUT_MS,
		.output_limit = LIMIT_TOKEN_BYTES };
	AUTO(proc_result) struct proc_result result = { 0 };

	TRY(proc_run(&spec, cloud_cancel(cloud), &result));
	struct error *error = result.status ? error_new(ERR_DENIED, "it failed with exit code %d",
							      result.status)
					    : parse_process(strbuf_str(&result.out), ret);
	if (result.out.p)
		OPENSSL_cleanse(result.out.p, result.out.capacity);
	return error;
}

FALLIBLE aws_from_process(struct cloud *cloud, const char *profile, const char *command,
		struct aws_credentials *ret)
{
	TRY_WRAP(run(cloud, command, ret), "AWS profile '%s': credential_process", profile);
	ret->source = xasprintf("credential_process of AWS profile '%s'", profile);
	return NULL;
}

/* --- a login --- */

/* The file is named by the SHA-1 of what the login was for. */
static FALLIBLE cache_path(const struct cloud *cloud, const char *name, char **ret)
{
	const struct crypto_calls *crypto = NULL;
	const char *home = cloud_env(cloud, "HOME");
	unsigned char digest[EVP_MAX_MD_SIZE];
	AUTO(strbuf) struct strbuf path = { 0 };
	unsigned n = 0;

	strbuf_addf(&path, "%s/.aws/sso/cache/", home ? home : "/root");
	TRY(crypto_load(&crypto));
	(void)crypto->EVP_Digest(name, strlen(name), digest, &n, crypto->EVP_sha1(), NULL);
	for (unsigned i = 0; i < n; i++)
		strbuf_addf(&path, "%02x", digest[i]);
	strbuf_add(&path, ".json");
	*ret = strbuf_take(&path);
	return NULL;
}

static struct error *no_login(struct error *error, const struct aws_sso *sso)
{
	return error_hint(error, "'aws sso login --profile %s'", sso->profile);
}

static FALLIBLE read_login(const struct cloud *cloud, const struct aws_sso *sso, char **ret)
{
	AUTO_FREE char *path = NULL;
	json_auto_t *value = NULL;
	struct json_field root;
	char *text = NULL;

	TRY(cache_path(cloud, sso->session ? sso->session : sso->start_url, &path));
	struct error *error = cloud_read_file(path, &text);
	if (error)
		return no_login(error_wrap(error, "there is no login"), sso);
	error = json_parse(str_of(text), LIMIT_TOKEN_BYTES, path, &value);
	credential_text_free(TAKE(text));
	TRY(error);
	TRY(json_root(value, path, &root));
	TRY(json_get_text(&root, "accessToken", JSON_MUST, &text));
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p >= 0x7f) {
			credential_text_free(text);
			return error_new(ERR_INVALID, "'%s' has a token that is none", path);
		}
	*ret = text;
	return NULL;
}

static FALLIBLE ask_portal(struct cloud *cloud, const struct aws_sso *sso, const char *token,
		struct aws_credentials *ret)
{
	const char *endpoint = aws_endpoint(cloud, "SSO");
	AUTO(list) struct list headers = { 0 };
	AUTO(strbuf) struct strbuf url = { 0 };
	json_auto_t *value = NULL;
	struct json_field root, role;

	TRY(aws_check_region(sso->region));
	if (endpoint)
		strbuf_add(&url, endpoint);
	else
		strbuf_addf(&url, "https://portal.sso.%s.%s", sso->region, aws_domain(sso->region));
	while (url.n && url.p[url.n - 1] == '/')
		strbuf_truncate(&url, url.n - 1);
	strbuf_add(&url, "/federation/credentials?role_name=");
	url_escape(&url, sso->role);
	strbuf_add(&url, "&account_id=");
	url_escape(&url, sso->account);
	list_addf(&headers, "x-amz-sso_bearer_token: %s", token);
	const struct cloud_request request = {
		.method = "GET", .url = strbuf_text(&url), .headers = &headers, .what = SSO
	};
	TRY(cloud_ask_json(cloud, &request, &value));
	TRY(json_root(value, SSO, &root));
	TRY(json_get_object(&root, "roleCredentials", JSON_MUST, &role));
	TRY(json_get_text(&role, "accessKeyId", JSON_MUST, &ret->key_id));
	TRY(json_get_text(&role, "secretAccessKey", JSON_MUST, &ret->secret));
	return json_get_text(&role, "sessionToken", JSON_MUST, &ret->token);
}

static FALLIBLE from_login(
		struct cloud *cloud, const struct aws_sso *sso, struct aws_credentials *ret)
{
	const char *const parts[][2] = { { "sso_start_url", sso->start_url },
		{ "sso_region", sso->region }, { "sso_account_id", sso->account },
		{ "sso_role_name", sso->role } };
	char *token = NULL;

	for (size_t i = 0; i < COUNT(parts); i++)
		if (!parts[i][1])
			return error_new(ERR_INVALID, "'%s' is missing", parts[i][0]);
	TRY(read_login(cloud, sso, &token));
	struct error *error = ask_portal(cloud, sso, token, ret);
	credential_text_free(token);
	return error_is(error, ERR_DENIED) ? no_login(error, sso) : error;
}

FALLIBLE aws_from_sso(struct cloud *cloud, const struct aws_sso *sso, struct aws_credentials *ret)
{
	TRY_WRAP(from_login(cloud, sso, ret), "AWS profile '%s'", sso->profile);
	ret->source = xasprintf("the login of AWS profile '%s'", sso->profile);
	return NULL;
}
