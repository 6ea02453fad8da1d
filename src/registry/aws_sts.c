/*
 * AWS's security token service, which answers in XML: credentials for a role, to who shows a token
 * of an identity provider, or signs the request with credentials that may have the role.
 */
#include "base/clock.h"
#include "registry/aws_inner.h"
#include "registry/sigv4.h"

#include <openssl/crypto.h>
#include <string.h>

#define STS "AWS's security token service"

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

static FALLIBLE sts_url(const struct cloud *cloud, const char *region, char **ret)
{
	const char *endpoint = aws_endpoint(cloud, "STS");

	if (region)
		TRY(aws_check_region(region));
	*ret = endpoint ? aws_join(endpoint, "/")
	       : region ? xasprintf("https://sts.%s.%s/", region, aws_domain(region))
			: xstrdup("https://sts.amazonaws.com/");
	return NULL;
}

/* who: who signs, or NULL. */
static FALLIBLE ask_sts(struct cloud *cloud, struct str form, const char *region,
		const struct aws_credentials *who, struct aws_credentials *ret)
{
	AUTO(list) struct list headers = { 0 };
	AUTO(cloud_answer) struct cloud_answer answer = { 0 };
	AUTO(url) struct url url = { 0 };
	AUTO_FREE char *address = NULL;

	TRY(sts_url(cloud, region, &address));
	list_add(&headers, "Content-Type: application/x-www-form-urlencoded");
	if (who) {
		const struct sigv4 sigv4 = { .key_id = who->key_id,
			.secret = who->secret,
			.token = who->token,
			.region = region ? region : "us-east-1",
			.service = "sts" };
		struct digest payload = digest_of(form.p, form.n);

		TRY(url_parse(str_of(address), &url));
		sigv4_sign(&sigv4, "POST", &url, &payload, clock_now_seconds(), &headers);
	}
	const struct cloud_request request = {
		.method = "POST", .url = address, .headers = &headers, .body = form, .what = STS
	};
	TRY(cloud_ask(cloud, &request, &answer));
	return parse_sts(strbuf_text(&answer.body), ret);
}

static void begin_form(
		struct strbuf *form, const char *action, const char *role, const char *session)
{
	cloud_form_add(form, "Action", action);
	cloud_form_add(form, "Version", "2011-06-15");
	cloud_form_add(form, "RoleArn", role);
	cloud_form_add(form, "RoleSessionName", session ? session : "kiln");
}

FALLIBLE aws_from_web_identity(struct cloud *cloud, const char *file, const char *role,
		const char *session, struct aws_credentials *ret)
{
	AUTO(strbuf) struct strbuf form = { 0 };
	char *token = NULL;

	TRY_WRAP(cloud_read_file(file, &token), "web identity for '%s'", role);
	begin_form(&form, "AssumeRoleWithWebIdentity", role, session);
	cloud_form_add(&form, "WebIdentityToken", token);
	credential_text_free(token);
	struct error *error = ask_sts(cloud, strbuf_str(&form), aws_env_region(cloud), NULL, ret);
	OPENSSL_cleanse(form.p, form.n);
	TRY_WRAP(error, "web identity '%s' for '%s'", file, role);
	ret->source = xasprintf("web identity '%s'", file);
	return NULL;
}

FALLIBLE aws_assume_role(struct cloud *cloud, const struct aws_role *role,
		const struct aws_credentials *who, struct aws_credentials *ret)
{
	AUTO(strbuf) struct strbuf form = { 0 };

	begin_form(&form, "AssumeRole", role->arn, role->session);
	if (role->external_id)
		cloud_form_add(&form, "ExternalId", role->external_id);
	if (role->seconds)
		cloud_form_add(&form, "DurationSeconds", role->seconds);
	TRY_WRAP(ask_sts(cloud, strbuf_str(&form), role->region, who, ret), "role '%s' by %s",
			role->arn, who->source);
	ret->source = xasprintf("role '%s' by %s", role->arn, who->source);
	return NULL;
}
