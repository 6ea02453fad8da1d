/*
 * A chain of places; each either fills the credentials, has nothing, or is an error. What a
 * container and an instance answer has one form.
 */
#include "registry/aws_inner.h"

#include <openssl/crypto.h>
#include <string.h>

#define INSTANCE_ADDRESS  "http://169.254.169.254"
#define CONTAINER_ADDRESS "http://169.254.170.2"
#define INSTANCE          "the instance metadata service"
#define CONTAINER         "the container's credential service"

void aws_credentials_done(struct aws_credentials *credentials)
{
	free(credentials->key_id);
	credential_text_free(credentials->secret);
	credential_text_free(credentials->token);
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

char *aws_join(const char *base, const char *path)
{
	size_t n = strlen(base);

	while (n && base[n - 1] == '/')
		n--;
	return xasprintf("%.*s%s", (int)n, base, path);
}

FALLIBLE aws_check_region(const char *region)
{
	size_t n = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (!n || region[n])
		return error_new(ERR_INVALID, "'%.60s' is no region of AWS", region);
	return NULL;
}

const char *aws_env_region(const struct cloud *cloud)
{
	const char *region = cloud_env(cloud, "AWS_REGION");

	return region ? region : cloud_env(cloud, "AWS_DEFAULT_REGION");
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

FALLIBLE aws_from_container(struct cloud *cloud, struct aws_credentials *ret)
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
	credential_text_free(token);
	return ask_role(cloud, url, &headers, CONTAINER, ret);
}

/* A session of version 2; *ret NULL where there is no such service. */
static FALLIBLE open_instance(struct cloud *cloud, const char *base, char **ret)
{
	AUTO(list) struct list headers = { 0 };
	AUTO(cloud_answer) struct cloud_answer answer = { 0 };
	AUTO_FREE char *url = aws_join(base, "/latest/api/token");

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
	AUTO_FREE char *url = aws_join(base, path);
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

FALLIBLE aws_from_instance(struct cloud *cloud, struct aws_credentials *ret)
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
	AUTO_FREE char *url = aws_join(base, path);
	ret->is_instance = true;
	return ask_role(cloud, url, &headers, INSTANCE, ret);
}

/* --- the chain --- */

FALLIBLE aws_from_variables(struct cloud *cloud, struct aws_credentials *ret)
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
	return aws_from_web_identity(
			cloud, file, role, cloud_env(cloud, "AWS_ROLE_SESSION_NAME"), ret);
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
	static struct error *(*const places[])(
			struct cloud *, struct aws_credentials *) = { aws_from_variables,
		from_identity_variables, aws_from_profile, aws_from_container, aws_from_instance };
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
	AUTO_FREE char *region = xstrdup(aws_env_region(cloud));
	AUTO(list) struct list settings = { 0 };

	if (!region) {
		TRY(aws_profile_settings(cloud, aws_profile_name(cloud), &settings));
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
