/*
 * Objects in the cache service of GitHub Actions (its second version): Twirp calls with JSON, which
 * hand out addresses that hold the bytes. Entries never change, so an index gets a new name each
 * time, and the newest of a name's beginning is the one that counts.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "cache/exchange.h"
#include "cache/home_kinds.h"
#include "oci/json.h"

#include <stdatomic.h>
#include <string.h>

#define SERVICE "twirp/github.actions.results.api.v1.CacheService/"

struct objects_gha {
	struct objects objects;
	const struct cache_means *means;
	struct url base; /* ends with '/' */
	char *token, *version;
	int64_t limit_ns; /* timeout=: reading, and writing, begin nothing after it; 0: none */
	_Atomic uint64_t read_began, write_began;
};

static struct error *open_text(void *user, uint64_t offset, struct reader **ret)
{
	const struct str *text = user;

	*ret = reader_from_bytes(text->p + offset, text->n - (size_t)offset);
	return NULL;
}

/* One call: a JSON object in, one out. */
static FALLIBLE call(struct objects_gha *self, const char *method, struct json_out *request,
		json_t **ret)
{
	AUTO_FREE char *json = json_out_take(request), *answer = NULL;
	AUTO_FREE char *what = xasprintf("cache service, %s", method);
	AUTO_FREE char *path = xasprintf("%s" SERVICE "%s", self->base.path, method);
	AUTO(reader) struct reader *body = NULL;
	struct str text = str_of(json);
	struct registry_blob sent = { .size = text.n, .open = open_text, .user = &text };
	AUTO(exchange)
	struct exchange exchange = { .client = self->means->reader,
		.cancel = self->means->cancel,
		.method = "POST",
		.url = url_make(self->base.is_https, self->base.host, path),
		.body = &sent,
		.what = what };
	size_t n = 0;

	list_add(&exchange.headers, "Content-Type: application/json");
	list_addf(&exchange.headers, "Authorization: Bearer %s", self->token);
	TRY(exchange_run(&exchange, &body));
	TRY(reader_read_all(body, LIMIT_SETTINGS_BYTES, &answer, &n));
	return json_parse((struct str){ answer, n }, LIMIT_SETTINGS_BYTES, what, ret);
}

/* "index/name" changes: each version has a name of its own that begins so. */
static bool is_index(const char *name)
{
	return text_starts(name, "index/");
}

static FALLIBLE find(struct objects_gha *self, const char *name, struct url *ret)
{
	AUTO(json_out) struct json_out request = { 0 };
	AUTO_FREE char *prefix =
			is_index(name) ? xasprintf("kiln/%s/", name) : xasprintf("kiln/%s", name);
	AUTO_FREE char *address = NULL;
	json_auto_t *answer = NULL;
	struct json_field root;
	bool ok = false;

	json_out_open(&request, NULL, '{');
	json_out_text(&request, "key", prefix);
	if (is_index(name)) {
		json_out_open(&request, "restore_keys", '[');
		json_out_text(&request, NULL, prefix);
		json_out_close(&request, ']');
	}
	json_out_text(&request, "version", self->version);
	json_out_close(&request, '}');
	TRY(call(self, "GetCacheEntryDownloadURL", &request, &answer));
	TRY(json_root(answer, "cache service", &root));
	TRY(json_get_bool(&root, "ok", &ok));
	TRY(json_get_text(&root, "signed_download_url", JSON_MAY, &address));
	if (!ok || !address)
		return error_new(ERR_NOT_FOUND, "there is no '%s'", prefix);
	return url_parse(str_of(address), ret);
}

/* Counted from the first call of its sort. */
static FALLIBLE check_time(struct objects_gha *self, bool writes)
{
	_Atomic uint64_t *began = writes ? &self->write_began : &self->read_began;
	uint64_t now = clock_monotonic_ns(), none = 0;

	if (!self->limit_ns || atomic_compare_exchange_strong(began, &none, now) ||
			now - none <= (uint64_t)self->limit_ns)
		return NULL;
	return error_new(ERR_NETWORK, "cache service: not done within its timeout of %lld ms",
			(long long)(self->limit_ns / 1000000));
}

static FALLIBLE get(struct objects *objects, const char *name, struct reader **ret)
{
	struct objects_gha *self = (struct objects_gha *)objects;
	AUTO(exchange)
	struct exchange exchange = { .client = self->means->reader,
		.cancel = self->means->cancel,
		.method = "GET",
		.what = name };

	TRY(check_time(self, false));
	TRY(find(self, name, &exchange.url));
	return exchange_run(&exchange, ret);
}

static FALLIBLE has(struct objects *objects, const char *name, bool *ret)
{
	AUTO(url) struct url url = { 0 };
	struct error *error = find((struct objects_gha *)objects, name, &url);

	*ret = !error;
	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	error_free(error);
	return NULL;
}

/* *ret_there: somebody has made it already, or is doing so. */
static FALLIBLE reserve(struct objects_gha *self, const char *key, struct url *ret, bool *ret_there)
{
	AUTO(json_out) struct json_out request = { 0 };
	AUTO_FREE char *address = NULL;
	json_auto_t *answer = NULL;
	struct json_field root;
	bool ok = false;

	json_out_open(&request, NULL, '{');
	json_out_text(&request, "key", key);
	json_out_text(&request, "version", self->version);
	json_out_close(&request, '}');
	struct error *error = call(self, "CreateCacheEntry", &request, &answer);
	*ret_there = error_is(error, ERR_HTTP) && error->code == 409;
	if (*ret_there) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	TRY(json_root(answer, "cache service", &root));
	TRY(json_get_bool(&root, "ok", &ok));
	TRY(json_get_text(&root, "signed_upload_url", JSON_MAY, &address));
	*ret_there = !ok || !address;
	return *ret_there ? NULL : url_parse(str_of(address), ret);
}

static FALLIBLE finalize(struct objects_gha *self, const char *key, uint64_t bytes)
{
	AUTO(json_out) struct json_out request = { 0 };
	AUTO_FREE char *size = xasprintf("%llu", (unsigned long long)bytes);
	json_auto_t *answer = NULL;

	/* 64-bit numbers of protobuf are texts in JSON. */
	json_out_open(&request, NULL, '{');
	json_out_text(&request, "key", key);
	json_out_text(&request, "version", self->version);
	json_out_text(&request, "size_bytes", size);
	json_out_close(&request, '}');
	return call(self, "FinalizeCacheEntryUpload", &request, &answer);
}

static FALLIBLE put(struct objects *objects, const char *name, const struct registry_blob *blob)
{
	struct objects_gha *self = (struct objects_gha *)objects;
	AUTO_FREE char *key = is_index(name) ? xasprintf("kiln/%s/%llx", name,
							       (unsigned long long)clock_now_ns())
					     : xasprintf("kiln/%s", name);
	AUTO(exchange)
	struct exchange exchange = { .client = self->means->registry,
		.cancel = self->means->cancel,
		.method = "PUT",
		.body = blob,
		.what = name };
	bool there = false;

	TRY(check_time(self, true));
	TRY(reserve(self, key, &exchange.url, &there));
	if (there)
		return NULL;
	/* Of Azure's storage, where GitHub keeps them. */
	list_add(&exchange.headers, "x-ms-blob-type: BlockBlob");
	list_add(&exchange.headers, "Content-Type: application/octet-stream");
	TRY(exchange_run(&exchange, NULL));
	return finalize(self, key, blob->size);
}

static void gha_free(struct objects *objects)
{
	struct objects_gha *self = (struct objects_gha *)objects;

	url_done(&self->base);
	if (self->token)
		explicit_bzero(self->token, strlen(self->token));
	free(self->token);
	free(self->version);
	free(self);
}

static const struct objects_ops ops = { get, has, put, gha_free };

FALLIBLE objects_gha(const struct cache_spec *spec, const struct cache_means *means,
		struct objects **ret)
{
	AUTO(url) struct url url = { 0 };
	char hex[DIGEST_HEX];

	TRY_WRAP(url_parse(str_of(spec->where), &url), "gha cache");
	struct objects_gha *self = xcalloc(1, sizeof(*self));
	const char *slash = text_ends(url.path, "/") ? "" : "/";
	AUTO_FREE char *path = xasprintf("%s%s", url.path, slash);
	struct digest version = digest_of("kiln cache 1", 12);

	self->objects.ops = &ops;
	self->means = means;
	self->base = url_make(url.is_https, url.host, path);
	self->token = xstrdup(list_env_get(&spec->settings, "token"));
	self->version = xstrdup(digest_hex(&version, hex));
	const char *timeout = list_env_get(&spec->settings, "timeout");
	self->limit_ns = timeout ? strtoll(timeout, NULL, 10) : 0;
	*ret = &self->objects;
	return NULL;
}
