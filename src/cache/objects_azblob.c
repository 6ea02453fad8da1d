/*
 * Objects in a container of Azure's blob storage, under the names that BuildKit's azblob cache has.
 * Each is put by one request, which shows it when it is whole. A container that is not there is
 * made by the first put.
 */
#include "base/strbuf.h"
#include "cache/exchange.h"
#include "cache/home_kinds.h"
#include "registry/object_sign.h"

#include <string.h>

struct objects_azblob {
	struct objects objects;
	const struct cache_means *means;
	struct list settings;
	struct url base; /* of the container, without '/' at its end */
	struct object_signer *signer;
};

static const char *setting(
		const struct objects_azblob *self, const char *name, const char *otherwise)
{
	const char *value = list_env_get(&self->settings, name);

	return value ? value : otherwise;
}

/* "/part", whatever slashes it has at its ends; nothing for nothing. */
static void add_part(struct strbuf *path, const char *part)
{
	part += strspn(part, "/");
	size_t n = strlen(part);
	while (n && part[n - 1] == '/')
		n--;
	AUTO_FREE char *name = xstrndup(part, n);
	if (!n)
		return;
	strbuf_add_char(path, '/');
	exchange_add_path(path, name);
}

/* "blobs/..." lies under blobs_prefix, what else there is under manifests_prefix. */
static void make_url(const struct objects_azblob *self, const char *name, struct url *ret)
{
	AUTO(strbuf) struct strbuf path = { 0 };
	bool is_blob = text_starts(name, "blobs/");

	strbuf_add(&path, self->base.path);
	add_part(&path, setting(self, "prefix", ""));
	add_part(&path, is_blob ? setting(self, "blobs_prefix", "blobs")
				: setting(self, "manifests_prefix", "manifests"));
	add_part(&path, is_blob ? name + strlen("blobs/") : name);
	*ret = url_make(self->base.is_https, self->base.host, strbuf_text(&path));
}

/* Signs and runs; takes nothing. */
static FALLIBLE run(struct objects_azblob *self, struct exchange *exchange, struct reader **ret)
{
	const struct registry_blob *body = exchange->body;
	struct digest nothing = digest_of("", 0);

	exchange->client = body ? self->means->registry : self->means->reader;
	exchange->cancel = self->means->cancel;
	TRY(object_sign(self->signer, exchange->method, &exchange->url,
			body ? &body->digest : &nothing, body ? body->size : 0,
			&exchange->headers));
	return exchange_run(exchange, ret);
}

static FALLIBLE send(struct objects_azblob *self, const char *method, const char *name,
		const struct registry_blob *body, struct reader **ret)
{
	AUTO_FREE char *what = xasprintf("object '%s'", name);
	AUTO(exchange)
	struct exchange exchange = { .method = method, .body = body, .what = what };

	make_url(self, name, &exchange.url);
	if (body)
		list_add(&exchange.headers, "x-ms-blob-type: BlockBlob");
	return run(self, &exchange, ret);
}

static FALLIBLE get(struct objects *objects, const char *name, struct reader **ret)
{
	return send((struct objects_azblob *)objects, "GET", name, NULL, ret);
}

static FALLIBLE has(struct objects *objects, const char *name, bool *ret)
{
	struct error *error = send((struct objects_azblob *)objects, "HEAD", name, NULL, NULL);

	*ret = !error;
	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	error_free(error);
	return NULL;
}

static struct error *open_nothing(void *user, uint64_t offset, struct reader **ret)
{
	(void)user;
	(void)offset;
	*ret = reader_from_bytes("", 0);
	return NULL;
}

/* That another made it meanwhile is fine. */
static FALLIBLE make_container(struct objects_azblob *self)
{
	AUTO_FREE char *path = xasprintf("%s?restype=container", self->base.path);
	struct registry_blob nothing = { .digest = digest_of("", 0), .open = open_nothing };
	AUTO(exchange)
	struct exchange exchange = { .method = "PUT",
		.url = url_make(self->base.is_https, self->base.host, path),
		.body = &nothing,
		.what = "the container" };
	struct error *error = run(self, &exchange, NULL);

	if (!error_is(error, ERR_HTTP) || error->code != 409)
		return error;
	error_free(error);
	return NULL;
}

static FALLIBLE put(struct objects *objects, const char *name, const struct registry_blob *blob)
{
	struct objects_azblob *self = (struct objects_azblob *)objects;
	struct error *error = send(self, "PUT", name, blob, NULL);

	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	error_free(error);
	TRY(make_container(self));
	return send(self, "PUT", name, blob, NULL);
}

static void azblob_free(struct objects *objects)
{
	struct objects_azblob *self = (struct objects_azblob *)objects;

	list_done(&self->settings);
	url_done(&self->base);
	object_signer_free(self->signer);
	free(self);
}

static const struct objects_ops ops = { get, has, put, azblob_free };

FALLIBLE objects_azblob(const struct cache_spec *spec, const struct cache_means *means,
		struct objects **ret)
{
	AUTO(url) struct url url = { 0 };
	AUTO(strbuf) struct strbuf path = { 0 };

	TRY_WRAP(url_parse(str_of(spec->where), &url), "azblob cache '%s'", spec->where);
	struct objects_azblob *self = xcalloc(1, sizeof(*self));
	self->objects.ops = &ops;
	self->means = means;
	list_add_all(&self->settings, &spec->settings);
	AUTO_FREE char *account_path = xstrndup(url.path, strcspn(url.path, "?"));
	add_part(&path, account_path);
	add_part(&path, setting(self, "container", "buildkit-cache"));
	self->base = url_make(url.is_https, url.host, strbuf_text(&path));
	/* The account is the first word of the host, unless it was said. */
	AUTO_FREE char *account = xstrndup(url.host, strcspn(url.host, ".:"));
	self->signer = object_signer_azure(means->registry, setting(self, "account_name", account),
			setting(self, "secret_access_key", NULL));
	*ret = &self->objects;
	return NULL;
}
