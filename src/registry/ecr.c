/*
 * ecr: a registry password from Amazon ECR. One signed request; the answer holds "AWS:<password>"
 * in base64, good for twelve hours and for all that the caller may see in the region.
 */
#include "base/clock.h"
#include "base/log.h"
#include "registry/aws.h"
#include "registry/cloud_host.h"
#include "registry/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define ECR  "Amazon ECR's token service"
#define BODY "{}"

enum { TOKEN_LASTS_SECONDS = 12 * 3600 };

/* Where to ask, and what the signature calls it. */
struct place {
	char *url;
	const char *region, *service, *target;
};

static void place_done(struct place *place)
{
	free(place->url);
}

DEFINE_AUTO_VALUE(place)

static void place_of(const struct cloud *cloud, const struct cloud_host *host, struct place *ret)
{
	bool is_public = host->kind == CLOUD_ECR_PUBLIC;
	const char *endpoint = aws_endpoint(cloud, is_public ? "ECR_PUBLIC" : "ECR");

	ret->region = is_public ? "us-east-1" : host->region;
	ret->service = is_public ? "ecr-public" : "ecr";
	ret->target = is_public ? "SpencerFrontendService.GetAuthorizationToken"
				: "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
	if (endpoint)
		ret->url = xstrdup(endpoint);
	else if (is_public)
		ret->url = xstrdup("https://api.ecr-public.us-east-1.amazonaws.com/");
	else if (host->is_dual)
		ret->url = xasprintf("https://%s.%s.%s/", host->is_fips ? "ecr-fips" : "ecr",
				host->region,
				host->is_china ? "api.amazonwebservices.com.cn" : "api.aws");
	else
		ret->url = xasprintf("https://%s.%s.%s/", host->is_fips ? "ecr-fips" : "api.ecr",
				host->region, aws_domain(host->region));
}

static FALLIBLE decode(const char *encoded, struct credential *ret)
{
	size_t n = strlen(encoded);
	AUTO_FREE char *text = xcalloc(n + 4, 1);
	int got = EVP_DecodeBlock((unsigned char *)text, (const unsigned char *)encoded, (int)n);
	char *colon = got > 0 ? strchr(text, ':') : NULL;

	if (!colon || colon == text || !colon[1])
		return error_new(ERR_INVALID, ECR " answers with a token that is none");
	*colon = '\0';
	ret->username = xstrdup(text);
	ret->password = xstrdup(colon + 1);
	OPENSSL_cleanse(text, n);
	return NULL;
}

static FALLIBLE parse(json_t *value, bool is_public, struct cloud_found *ret)
{
	struct json_field root, list, data;
	AUTO_FREE char *token = NULL;

	TRY(json_root(value, ECR, &root));
	if (is_public) {
		TRY(json_get_object(&root, "authorizationData", JSON_MUST, &data));
	} else {
		TRY(json_get_array(&root, "authorizationData", JSON_MUST, &list));
		if (!json_count(&list))
			return error_new(ERR_INVALID, ECR " answers without a token");
		TRY(json_item_object(&list, 0, &data));
	}
	TRY(json_get_text(&data, "authorizationToken", JSON_MUST, &token));
	struct error *error = decode(token, &ret->credential);
	OPENSSL_cleanse(token, strlen(token));
	TRY(error);
	ret->expires = clock_now_seconds() + TOKEN_LASTS_SECONDS;
	/* A number with a fraction; what says more than we know of ECR is not believed. */
	double end = json_number_value(json_object_get(data.value, "expiresAt"));
	if (end > 0 && end < (double)ret->expires)
		ret->expires = (int64_t)end;
	return NULL;
}

static FALLIBLE ask(struct cloud *cloud, const struct place *place,
		const struct aws_credentials *aws, json_t **ret)
{
	const struct sigv4 sigv4 = { .key_id = aws->key_id,
		.secret = aws->secret,
		.token = aws->token,
		.region = place->region,
		.service = place->service };
	const struct digest payload = digest_of(BODY, strlen(BODY));
	AUTO(list) struct list headers = { 0 };
	AUTO(url) struct url url = { 0 };

	TRY_WRAP(url_parse(str_of(place->url), &url), ECR);
	list_add(&headers, "Content-Type: application/x-amz-json-1.1");
	list_addf(&headers, "X-Amz-Target: %s", place->target);
	sigv4_sign(&sigv4, "POST", &url, &payload, clock_now_seconds(), &headers);
	AUTO_FREE char *address = url_text(&url);
	const struct cloud_request request = { .method = "POST",
		.url = address,
		.headers = &headers,
		.body = str_of(BODY),
		.what = ECR };
	TRY_WRAP(cloud_ask_json(cloud, &request, ret), "credentials from '%s'", aws->source);
	return NULL;
}

static FALLIBLE get_token(
		struct cloud *cloud, const struct cloud_host *host, struct cloud_found *ret)
{
	AUTO(aws_credentials) struct aws_credentials aws = { 0 };
	AUTO(place) struct place place = { 0 };
	json_auto_t *value = NULL;

	TRY(aws_find_credentials(cloud, &aws));
	if (!aws.key_id)
		return NULL;
	place_of(cloud, host, &place);
	TRY(ask(cloud, &place, &aws, &value));
	TRY(parse(value, host->kind == CLOUD_ECR_PUBLIC, ret));
	ret->credential.source = xasprintf("Amazon ECR, %s", aws.source);
	return NULL;
}

FALLIBLE ecr_credential(struct cloud *cloud, const struct cloud_host *host, struct cloud_found *ret)
{
	struct error *error = get_token(cloud, host, ret);

	/* Everybody may read there: a role without that right is no reason to fail. */
	if (host->kind != CLOUD_ECR_PUBLIC || !error || error_is(error, ERR_CANCELED))
		return error;
	AUTO(strbuf) struct strbuf why = { 0 };

	error_text(error, &why);
	log_info("public.ecr.aws is read without credentials: %s", strbuf_text(&why));
	error_ignore(error, "public.ecr.aws serves everybody");
	credential_done(&ret->credential);
	return NULL;
}
