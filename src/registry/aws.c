/*
 * A chain of places; each either fills the credentials, has nothing, or is an error. What a
 * container or an instance answers has one form, what STS answers another.
 */
#include "registry/aws.h"

#include "registry/aws_elsewhere.h"
#include "registry/aws_profile.h"

#include <openssl/crypto.h>
#include <string.h>

#define INSTANCE_ADDRESS  "http://169.254.169.254"
#define CONTAINER_ADDRESS "http://169.254.170.2"
#define INSTANCE          "the instance metadata service"
#define CONTAINER         "the container's credential service"
#define STS               "AWS's security token service"

static void free_secret(char *text)
{
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}

void aws_credentials_done(struct aws_credentials *credentials)
{
	free(credentials->key_id);
	free_secret(credentials->secret);
	free_secret(credentials->token);
	free(credentials->source);
	*credentials = (struct aws_credentials){ 0 };
}

const char *aws_endpoint(const struct cloud *cloud, const char *service)
{
	AUTO_FREE char *name = xasprintf("AWS_ENDPOINT_URL_%s", service);
	const char *value = cloud_env(cloud, name);

	return value ? value : cloud_env(cloud, "AWS_ENDPOINT_URL");
}

const char *aws_domain(const char *region)
{
	return text_starts(region, "cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

/* An address of the user's without slashes at its end, and a path. */
static char *join(const char *base, const char *path)
{
	size_t n = strlen(base);

	while (n && base[n - 1] == '/')
		n--;
	return xasprintf("%.*s%s", (int)n, base, path);
}

/* --- profiles --- */

/* The file that a variable names, or the one in ~/.aws. */
static char *file_of(const struct cloud *cloud, const char *variable, const char *name)
{
	const char *path = cloud_env(cloud, variable), *home = cloud_env(cloud, "HOME");

	return path ? xstrdup(path) : xasprintf("%s/.aws/%s", home ? home : "/root", name);
}

static FALLIBLE read_profile(struct cloud *cloud, struct list *ret)
{
	const char *profile = cloud_env(cloud, "AWS_PROFILE");
	const char *wanted = profile ? profile : "default";
	AUTO_FREE char *credentials = file_of(cloud, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
	AUTO_FREE char *config = file_of(cloud, "AWS_CONFIG_FILE", "config");

	TRY(aws_profile_read(credentials, wanted, false, ret));
	TRY(aws_profile_read(config, wanted, true, ret));
	if (profile && !ret->n)
		return error_hint(error_new(ERR_NOT_FOUND, "AWS_PROFILE: there is no profile '%s'",
						  profile),
				"it is looked for in ~/.aws/credentials and ~/.aws/config");
	return NULL;
}

FALLIBLE aws_check_region(const char *region)
{
	size_t n = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (!n || region[n])
		return error_new(ERR_INVALID, "'%.60s' is no region of AWS", region);
	return NULL;
}

static const char *region_from_env(const struct cloud *cloud)
{
	const char *region = cloud_env(cloud, "AWS_REGION");

	return region ? region : cloud_env(cloud, "AWS_DEFAULT_REGION");
}

/* --- web identity --- */

/* <NAME>text</NAME>, first one; the answers that are read here have nothing to decode. */
static char *xml_text(const char *xml, const char *name)
{
	AUTO_FREE char *open = xasprintf("<%s>", name);
	const char *at = strstr(xml, open);

	if (!at)
		return NULL;
	at += strlen(open);
	return xstrndup(at, strcspn(at, "<"));
}

static FALLIBLE parse_sts(const char *xml, struct aws_credentials *ret)
{
	ret->key_id = xml_text(xml, "AccessKeyId");
	ret->secret = xml_text(xml, "SecretAccessKey");
	ret->token = xml_text(xml, "SessionToken");
	if (!ret->key_id || !ret->secret || !ret->token)
		return error_new(ERR_INVALID, STS " answers without credentials");
	return NULL;
}

static FALLIBLE ask_sts(struct cloud *cloud, const char *form, struct aws_credentials *ret)
{
	const char *region = region_from_env(cloud), *endpoint = aws_endpoint(cloud, "STS");
	AUTO(list) struct list headers = { 0 };
	AUTO(cloud_answer) struct cloud_answer answer = { 0 };
	AUTO_FREE char *url = NULL;

	if (region)
		TRY(aws_check_region(region));
	url = endpoint ? join(endpoint, "/")
	      : region ? xasprintf("https://sts.%s.%s/", region, aws_domain(region))
		       : xstrdup("https://sts.amazonaws.com/");
	list_add(&headers, "Content-Type: application/x-www-form-urlencoded");
	const struct cloud_request request = {
		.method = "POST", .url = url, .headers = &headers, .body = str_of(form), .what = STS
	};
	TRY(cloud_ask(cloud, &request, &answer));
	return parse_sts(strbuf_text(&answer.body), ret);
}

static FALLIBLE from_web_identity(struct cloud *cloud, const char *file, const char *role,
		const char *session, struct aws_credentials *ret)
{
	AUTO(strbuf) struct strbuf form = { 0 };
	char *token = NULL;

	TRY_WRAP(cloud_read_file(file, &token), "web identity for '%s'", role);
	cloud_form_add(&form, "Action", "AssumeRoleWithWebIdentity");
	cloud_form_add(&form, "Version", "2011-06-15");
	cloud_form_add(&form, "RoleArn", role);
	cloud_form_add(&form, "RoleSessionName", session ? session : "kiln");
	cloud_form_add(&form, "WebIdentityToken", token);
	free_secret(token);
	struct error *error = ask_sts(cloud, strbuf_text(&form), ret);
	OPENSSL_cleanse(form.p, form.n);
	TRY_WRAP(error, "web identity '%s' for '%s'", file, role);
	ret->source = xasprintf("web identity '%s'", file);
	return NULL;
}

/* What a profile says of a login, and its session, which is a section of its own. */
static FALLIBLE from_login(struct cloud *cloud, const char *profile, const struct list *settings,
		struct aws_credentials *ret)
{
	const char *session = list_env_get(settings, "sso_session");
	AUTO_FREE char *config = file_of(cloud, "AWS_CONFIG_FILE", "config");
	AUTO(list) struct list all = { 0 };

	list_add_all(&all, settings);
	if (session) {
		AUTO_FREE char *section = xasprintf("sso-session %s", session);

		TRY(aws_profile_read(config, section, true, &all));
	}
	const struct aws_sso sso = { .profile = profile,
		.session = session,
		.start_url = list_env_get(&all, "sso_start_url"),
		.region = list_env_get(&all, "sso_region"),
		.account = list_env_get(&all, "sso_account_id"),
		.role = list_env_get(&all, "sso_role_name") };
	return aws_from_sso(cloud, &sso, ret);
}

/* Keys; a copy, since the texts end with the settings. */
static void from_keys(const char *profile, const struct list *settings, struct aws_credentials *ret)
{
	const char *id = list_env_get(settings, "aws_access_key_id");
	const char *secret = list_env_get(settings, "aws_secret_access_key");

	if (!id || !secret)
		return;
	ret->key_id = xstrdup(id);
	ret->secret = xstrdup(secret);
	ret->token = xstrdup(list_env_get(settings, "aws_session_token"));
	ret->source = xasprintf("AWS profile '%s'", profile);
}

static FALLIBLE from_profile(struct cloud *cloud, struct aws_credentials *ret)
{
	static const char *const unsupported[] = { "source_profile", "credential_source" };
	const char *named = cloud_env(cloud, "AWS_PROFILE");
	const char *profile = named ? named : "default";
	AUTO(list) struct list settings = { 0 };

	TRY(read_profile(cloud, &settings));
	const char *file = list_env_get(&settings, "web_identity_token_file");
	const char *role = list_env_get(&settings, "role_arn");
	if (file && role)
		return from_web_identity(cloud, file, role,
				list_env_get(&settings, "role_session_name"), ret);
	for (size_t i = 0; i < COUNT(unsupported); i++)
		if (list_env_get(&settings, unsupported[i]))
			return error_hint(error_new(ERR_UNSUPPORTED,
							  "AWS profile '%s': '%s' is not supported",
							  profile, unsupported[i]),
					"'aws configure export-credentials --format env' prints "
					"variables that work");
	if (list_env_get(&settings, "sso_session") || list_env_get(&settings, "sso_start_url"))
		return from_login(cloud, profile, &settings, ret);
	from_keys(profile, &settings, ret);
	const char *command = list_env_get(&settings, "credential_process");
	return command && !ret->key_id ? aws_from_process(cloud, profile, command, ret) : NULL;
}

/* --- containers and instances --- */

static FALLIBLE ask_role(struct cloud *cloud, const char *url, const struct list *headers,
		const char *what, struct aws_credentials *ret)
{
	const struct cloud_request request = {
		.method = "GET", .url = url, .headers = headers, .what = what, .is_metadata = true
	};
	json_auto_t *value = NULL;
	struct json_field root;

	TRY(cloud_ask_json(cloud, &request, &value));
	TRY(json_root(value, what, &root));
	TRY(json_get_text(&root, "AccessKeyId", JSON_MUST, &ret->key_id));
	TRY(json_get_text(&root, "SecretAccessKey", JSON_MUST, &ret->secret));
	TRY(json_get_text(&root, "Token", JSON_MAY, &ret->token));
	ret->source = xstrdup(what);
	return NULL;
}

/* As the SDKs have it: https, this machine, or the addresses of ECS and EKS. */
static bool may_be_asked(const char *address)
{
	static const char *const hosts[] = { "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]" };
	AUTO(url) struct url url = { 0 };
	struct error *error = url_parse(str_of(address), &url);

	if (error) {
		error_ignore(error, "an address that is none is not asked");
		return false;
	}
	for (size_t i = 0; i < COUNT(hosts); i++)
		if (text_equal(url.host, hosts[i]))
			return true;
	return url.is_https || host_is_loopback(url.host);
}

static FALLIBLE from_container(struct cloud *cloud, struct aws_credentials *ret)
{
	const char *relative = cloud_env(cloud, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = cloud_env(cloud, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
	const char *file = cloud_env(cloud, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *given = cloud_env(cloud, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
	AUTO(list) struct list headers = { 0 };
	AUTO_FREE char *url = relative ? xasprintf(CONTAINER_ADDRESS "%s%s",
							 *relative == '/' ? "" : "/", relative)
				       : xstrdup(full);
	char *token = NULL;

	if (!url)
		return NULL;
	if (!may_be_asked(url))
		return error_new(ERR_DENIED, "AWS_CONTAINER_CREDENTIALS_FULL_URI names a host that "
					     "is neither https nor of this machine");
	if (file)
		TRY_WRAP(cloud_read_file(file, &token), "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	if (token || given)
		list_addf(&headers, "Authorization: %s", token ? token : given);
	free_secret(token);
	return ask_role(cloud, url, &headers, CONTAINER, ret);
}

/* A session of version 2; *ret NULL where there is no such service. */
static FALLIBLE open_instance(struct cloud *cloud, const char *base, char **ret)
{
	AUTO(list) struct list headers = { 0 };
	AUTO(cloud_answer) struct cloud_answer answer = { 0 };
	AUTO_FREE char *url = join(base, "/latest/api/token");

	list_add(&headers, "X-aws-ec2-metadata-token-ttl-seconds: 300");
	const struct cloud_request request = { .method = "PUT",
		.url = url,
		.headers = &headers,
		.what = INSTANCE,
		.is_metadata = true };
	struct error *error = cloud_ask(cloud, &request, &answer);
	if (cloud_is_absent(error, INSTANCE))
		return NULL;
	TRY(error);
	*ret = xstrdup(strbuf_text(&answer.body));
	return NULL;
}

static FALLIBLE ask_instance(struct cloud *cloud, const char *path, const struct list *headers,
		const char *base, struct str *ret, struct cloud_answer *answer)
{
	AUTO_FREE char *url = join(base, path);
	const struct cloud_request request = { .method = "GET",
		.url = url,
		.headers = headers,
		.what = INSTANCE,
		.is_metadata = true };

	*ret = str_of("");
	struct error *error = cloud_ask(cloud, &request, answer);
	if (cloud_is_absent(error, INSTANCE))
		return NULL;
	TRY(error);
	*ret = str_trim(strbuf_str(&answer->body));
	return NULL;
}

/* Headers of a session; none where the service is off or not there. */
static FALLIBLE instance_session(struct cloud *cloud, const char **ret_base, struct list *headers)
{
	const char *off = cloud_env(cloud, "AWS_EC2_METADATA_DISABLED");
	const char *base = cloud_env(cloud, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
	AUTO_FREE char *token = NULL;

	if (off && strcasecmp(off, "true") == 0)
		return NULL;
	*ret_base = base ? base : INSTANCE_ADDRESS;
	TRY(open_instance(cloud, *ret_base, &token));
	if (token)
		list_addf(headers, "X-aws-ec2-metadata-token: %s", token);
	return NULL;
}

static FALLIBLE from_instance(struct cloud *cloud, struct aws_credentials *ret)
{
	const char *roles = "/latest/meta-data/iam/security-credentials/", *base = NULL;
	AUTO(list) struct list headers = { 0 };
	AUTO(cloud_answer) struct cloud_answer answer = { 0 };
	struct str role, rest;

	TRY(instance_session(cloud, &base, &headers));
	if (!headers.n)
		return NULL;
	TRY(ask_instance(cloud, roles, &headers, base, &role, &answer));
	str_cut(role, '\n', &role, &rest);
	if (!role.n)
		return NULL;
	AUTO_FREE char *path = xasprintf("%s%.*s", roles, STR_ARG(role));
	AUTO_FREE char *url = join(base, path);
	ret->is_instance = true;
	return ask_role(cloud, url, &headers, INSTANCE, ret);
}

/* --- the chain --- */

static FALLIBLE from_variables(struct cloud *cloud, struct aws_credentials *ret)
{
	const char *id = cloud_env(cloud, "AWS_ACCESS_KEY_ID");
	const char *secret = cloud_env(cloud, "AWS_SECRET_ACCESS_KEY");

	if (!id || !secret)
		return NULL;
	ret->key_id = xstrdup(id);
	ret->secret = xstrdup(secret);
	ret->token = xstrdup(cloud_env(cloud, "AWS_SESSION_TOKEN"));
	ret->source = xstrdup("AWS_ACCESS_KEY_ID");
	return NULL;
}

static FALLIBLE from_identity_variables(struct cloud *cloud, struct aws_credentials *ret)
{
	const char *file = cloud_env(cloud, "AWS_WEB_IDENTITY_TOKEN_FILE");
	const char *role = cloud_env(cloud, "AWS_ROLE_ARN");

	if (!file || !role)
		return NULL;
	return from_web_identity(cloud, file, role, cloud_env(cloud, "AWS_ROLE_SESSION_NAME"), ret);
}

/* Nothing that a header or a signature could not hold. */
static FALLIBLE check(const struct aws_credentials *found)
{
	const char *const texts[] = { found->key_id, found->secret, found->token };

	for (size_t i = 0; i < COUNT(texts); i++)
		for (const char *p = texts[i]; p && *p; p++)
			if (*p <= ' ' || *p >= 0x7f)
				return error_new(ERR_INVALID,
						"the AWS credentials from '%s' have a character "
						"that none has",
						found->source);
	return NULL;
}

FALLIBLE aws_find_credentials(struct cloud *cloud, struct aws_credentials *ret)
{
	static struct error *(*const places[])(struct cloud *, struct aws_credentials *) = {
		from_variables, from_identity_variables, from_profile, from_container, from_instance
	};
	AUTO(aws_credentials) struct aws_credentials found = { 0 };

	for (size_t i = 0; i < COUNT(places) && !found.key_id; i++)
		TRY(places[i](cloud, &found));
	TRY(check(&found));
	*ret = TAKE_VALUE(found);
	return NULL;
}

static FALLIBLE instance_region(struct cloud *cloud, char **ret)
{
	AUTO(list) struct list headers = { 0 };
	AUTO(cloud_answer) struct cloud_answer answer = { 0 };
	const char *base = NULL;
	struct str region;

	TRY(instance_session(cloud, &base, &headers));
	if (!headers.n)
		return NULL;
	TRY(ask_instance(cloud, "/latest/meta-data/placement/region", &headers, base, &region,
			&answer));
	if (region.n)
		*ret = str_dup(region);
	return NULL;
}

FALLIBLE aws_find_region(struct cloud *cloud, const struct aws_credentials *credentials, char **ret)
{
	AUTO_FREE char *region = xstrdup(region_from_env(cloud));
	AUTO(list) struct list settings = { 0 };

	if (!region) {
		TRY(read_profile(cloud, &settings));
		region = xstrdup(list_env_get(&settings, "region"));
	}
	if (!region && credentials->is_instance)
		TRY(instance_region(cloud, &region));
	if (!region)
		region = xstrdup("us-east-1");
	TRY(aws_check_region(region));
	*ret = TAKE(region);
	return NULL;
}
