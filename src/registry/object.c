/*
 * An address becomes an https one and something that signs each request to it, afresh: a download
 * that goes on after an hour needs a new date.
 */
#include "registry/object.h"

#include "base/clock.h"
#include "registry/aws.h"
#include "registry/azure.h"
#include "registry/client.h"
#include "registry/google.h"
#include "registry/object_address.h"
#include "registry/sigv4.h"

#include <openssl/crypto.h>
#include <string.h>

struct object {
	struct cloud *cloud;
	struct object_address address;
	char *url;
	/* S3 */
	struct aws_credentials aws;
	char *region;
	/* Google */
	char *token; /* or NULL */
};

static void object_done(struct object *object)
{
	object_address_done(&object->address);
	aws_credentials_done(&object->aws);
	free(object->url);
	free(object->region);
	if (object->token)
		OPENSSL_cleanse(object->token, strlen(object->token));
	free(object->token);
}

DEFINE_AUTO_VALUE(object)

/* --- S3 --- */

static const char *s3_endpoint(const struct cloud *cloud)
{
	const char *endpoint = cloud_env(cloud, "S3_ENDPOINT");

	return endpoint ? endpoint : aws_endpoint(cloud, "S3");
}

/* BUCKET.HOST/KEY, or HOST/BUCKET/KEY: asked for, or where a certificate would not match. */
static FALLIBLE s3_url(struct object *object)
{
	const char *bucket = object->address.bucket, *given = s3_endpoint(object->cloud);
	const char *style = cloud_env(object->cloud, "S3_FORCE_PATH_STYLE");
	bool is_path = (style && (strcasecmp(style, "true") == 0 || text_equal(style, "1"))) ||
		       strchr(bucket, '.') || strchr(bucket, '_');
	AUTO_FREE char *aws =
			xasprintf("https://s3.%s.%s", object->region, aws_domain(object->region));
	AUTO_FREE char *address = !given                 ? xstrdup(aws)
				  : strstr(given, "://") ? xstrdup(given)
							 : xasprintf("https://%s", given);
	AUTO_FREE char *key = object_key_path(object->address.key);
	AUTO(url) struct url url = { 0 };

	TRY_WRAP(url_parse(str_of(address), &url), "S3's address");
	size_t n = strcspn(url.path, "?");
	while (n && url.path[n - 1] == '/')
		n--;
	AUTO_FREE char *host = is_path ? xstrdup(url.host) : xasprintf("%s.%s", bucket, url.host);
	AUTO_FREE char *path = xasprintf("%.*s%s%s%s", (int)n, url.path, is_path ? "/" : "",
			is_path ? bucket : "", key);
	AUTO(url) struct url whole = url_make(url.is_https, host, path);
	object->url = url_text(&whole);
	return NULL;
}

static FALLIBLE open_s3(struct object *object)
{
	TRY(aws_find_credentials(object->cloud, &object->aws));
	TRY(aws_find_region(object->cloud, &object->aws, &object->region));
	return s3_url(object);
}

static void sign_s3(const struct object *object, const struct url *url, struct list *headers)
{
	const struct sigv4 sigv4 = { .key_id = object->aws.key_id,
		.secret = object->aws.secret,
		.token = object->aws.token,
		.region = object->region,
		.service = "s3" };
	const struct digest nothing = digest_of("", 0);

	if (object->aws.key_id)
		sigv4_sign(&sigv4, "GET", url, &nothing, clock_now_seconds(), headers);
}

/* --- Google --- */

static FALLIBLE open_google(struct object *object)
{
	const char *emulator = cloud_env(object->cloud, "STORAGE_EMULATOR_HOST");
	const char *base = emulator ? emulator : "https://storage.googleapis.com";
	AUTO_FREE char *key = object_key_path(object->address.key);
	size_t n = strlen(base);

	while (n && base[n - 1] == '/')
		n--;
	object->url = xasprintf("%s%.*s/%s%s", strstr(base, "://") ? "" : "http://", (int)n, base,
			object->address.bucket, key);
	return emulator ? NULL : google_token(object->cloud, &object->token, NULL, NULL);
}

/* --- any --- */

static FALLIBLE sign(void *user, const struct url *url, struct list *headers)
{
	const struct object *object = user;

	switch (object->address.kind) {
	case OBJECT_S3:
		sign_s3(object, url, headers);
		return NULL;
	case OBJECT_GOOGLE:
		if (object->token)
			list_addf(headers, "Authorization: Bearer %s", object->token);
		return NULL;
	case OBJECT_AZURE:
		return azure_sign_blob(cloud_env(object->cloud, "AZURE_STORAGE_ACCESS_KEY"),
				object->address.bucket, "GET", url, 0, clock_now_seconds(),
				headers);
	}
	return NULL;
}

static FALLIBLE open_object(struct object *object)
{
	switch (object->address.kind) {
	case OBJECT_S3:
		return open_s3(object);
	case OBJECT_GOOGLE:
		return open_google(object);
	case OBJECT_AZURE:
		object->url = xstrdup(object->address.key);
		return NULL;
	}
	return NULL;
}

static struct error *explain(struct error *error, const struct object *object)
{
	bool is_s3 = object->address.kind == OBJECT_S3;
	bool is_signed = is_s3 ? object->aws.key_id != NULL
			       : object->address.kind == OBJECT_AZURE || object->token;

	if (error_is(error, ERR_DENIED) && !is_signed)
		return error_hint(error, "no credentials were found: %s",
				is_s3 ? "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
					"AWS_PROFILE"
				      : "set GOOGLE_APPLICATION_CREDENTIALS");
	if (error_is(error, ERR_DENIED))
		return error_hint(error, "the credentials come from %s",
				is_s3           ? object->aws.source
				: object->token ? "Google's chain"
						: "AZURE_STORAGE_ACCESS_KEY");
	if (is_s3 && (error_is(error, ERR_INVALID) || error_is(error, ERR_HTTP)))
		return error_hint(error, "AWS_REGION names the bucket's region; it is '%s' here",
				object->region);
	return error;
}

FALLIBLE object_download(struct registry_client *client, const char *address, uint64_t limit,
		int fd, struct download *ret)
{
	AUTO(object) struct object object = { .cloud = client_cloud(client) };

	TRY(object_address_parse(address, &object.address));
	TRY_WRAP(open_object(&object), "'%s'", address);
	const struct download_request request = {
		.url = object.url, .limit = limit, .sign = sign, .user = &object
	};
	TRY_WRAP(explain(registry_download(client, &request, fd, ret), &object), "'%s'", address);
	return NULL;
}
