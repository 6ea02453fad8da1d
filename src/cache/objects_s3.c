/*
 * Objects in a bucket of S3 or what speaks like it. Each is put by one request, whose payload
 * digest is known before: S3 checks it, and shows the object only when it is whole.
 */
#include "base/strbuf.h"
#include "cache/exchange.h"
#include "cache/home_kinds.h"
#include "registry/object_sign.h"

#include <string.h>

struct objects_s3 {
	struct objects objects;
	const struct cache_means *means;
	struct list settings;
	struct url base; /* of the bucket, ends with '/' */
	struct object_signer *signer;
};

static const char *setting(const struct objects_s3 *self, const char *name, const char *otherwise)
{
	const char *value = list_env_get(&self->settings, name);

	return value ? value : otherwise;
}

/* "blobs/..." lies under blobs_prefix, what else there is under manifests_prefix. */
static void make_url(const struct objects_s3 *self, const char *name, struct url *ret)
{
	AUTO(strbuf) struct strbuf path = { 0 };
	bool is_blob = text_starts(name, "blobs/");

	strbuf_add(&path, self->base.path);
	exchange_add_path(&path, setting(self, "prefix", ""));
	exchange_add_path(&path, is_blob ? setting(self, "blobs_prefix", "blobs/")
					 : setting(self, "manifests_prefix", "manifests/"));
	exchange_add_path(&path, is_blob ? name + strlen("blobs/") : name);
	*ret = url_make(self->base.is_https, self->base.host, strbuf_text(&path));
}

static FALLIBLE send(struct objects_s3 *self, const char *method, const char *name,
		const struct registry_blob *body, struct reader **ret)
{
	AUTO_FREE char *what = xasprintf("object '%s'", name);
	bool writes = body != NULL;
	AUTO(exchange)
	struct exchange exchange = { .client = writes ? self->means->registry : self->means->reader,
		.cancel = self->means->cancel,
		.method = method,
		.body = body,
		.what = what };
	struct digest payload = body ? body->digest : digest_of("", 0);

	make_url(self, name, &exchange.url);
	TRY(object_sign(self->signer, method, &exchange.url, &payload, body ? body->size : 0,
			&exchange.headers));
	return exchange_run(&exchange, ret);
}

static FALLIBLE get(struct objects *objects, const char *name, struct reader **ret)
{
	return send((struct objects_s3 *)objects, "GET", name, NULL, ret);
}

static FALLIBLE has(struct objects *objects, const char *name, bool *ret)
{
	struct error *error = send((struct objects_s3 *)objects, "HEAD", name, NULL, NULL);

	*ret = !error;
	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	error_free(error);
	return NULL;
}

static FALLIBLE put(struct objects *objects, const char *name, const struct registry_blob *blob)
{
	return send((struct objects_s3 *)objects, "PUT", name, blob, NULL);
}

static void s3_free(struct objects *objects)
{
	struct objects_s3 *self = (struct objects_s3 *)objects;

	list_done(&self->settings);
	url_done(&self->base);
	object_signer_free(self->signer);
	free(self);
}

static const struct objects_ops ops = { get, has, put, s3_free };

static FALLIBLE bucket_url(const struct objects_s3 *self, const char *bucket, const char *region,
		struct url *ret)
{
	const char *endpoint = setting(self, "endpoint_url", NULL);
	AUTO_FREE char *aws = xasprintf("https://s3.%s.amazonaws.com", region);
	AUTO(url) struct url url = { 0 };
	bool is_path = text_equal(setting(self, "use_path_style", NULL), "true");

	TRY(url_parse(str_of(endpoint ? endpoint : aws), &url));
	size_t n = strcspn(url.path, "?");
	AUTO_FREE char *path = xstrndup(url.path, n);
	while (path[0] && path[strlen(path) - 1] == '/')
		path[strlen(path) - 1] = '\0';
	AUTO_FREE char *host = is_path ? xstrdup(url.host) : xasprintf("%s.%s", bucket, url.host);
	AUTO_FREE char *whole =
			is_path ? xasprintf("%s/%s/", path, bucket) : xasprintf("%s/", path);
	*ret = url_make(url.is_https, host, whole);
	return NULL;
}

FALLIBLE objects_s3(const struct cache_spec *spec, const struct cache_means *means,
		struct objects **ret)
{
	struct objects_s3 *self = xcalloc(1, sizeof(*self));

	self->objects.ops = &ops;
	self->means = means;
	list_add_all(&self->settings, &spec->settings);
	const char *region = setting(self, "region", "us-east-1");
	self->signer = object_signer_s3(means->registry, region,
			setting(self, "access_key_id", NULL),
			setting(self, "secret_access_key", NULL),
			setting(self, "session_token", NULL));
	struct error *error = bucket_url(self, spec->where, region, &self->base);
	if (error) {
		s3_free(&self->objects);
		return error_wrap(error, "s3 cache '%s'", spec->where);
	}
	*ret = &self->objects;
	return NULL;
}
