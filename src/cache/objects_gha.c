/*
 * Objects in the cache service of GitHub Actions. Entries never change, so an index gets a new name
 * each time, and the newest of a name's beginning is the one that counts.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "cache/gha.h"

#include <stdatomic.h>
#include <string.h>

static struct error *open_text(void *user, uint64_t offset, struct reader **ret)
{
	const struct str *text = user;

	*ret = reader_from_bytes(text->p + offset, text->n - (size_t)offset);
	return NULL;
}

void gha_begin(const struct gha *gha, struct json_out *request, const char *key)
{
	json_out_open(request, NULL, '{');
	json_out_text(request, "key", key);
	json_out_text(request, "version", gha->realm);
}

FALLIBLE gha_send(struct gha *gha, struct exchange *exchange, const char *path,
		struct reader **ret_body)
{
	AUTO_FREE char *whole = xasprintf("%s%s", gha->base.path, path);

	exchange->url = url_make(gha->base.is_https, gha->base.host, whole);
	list_add(&exchange->headers, "Accept: application/json;api-version=6.0-preview.1");
	list_addf(&exchange->headers, "Authorization: Bearer %s", gha->token);
	return exchange_run(exchange, ret_body);
}

FALLIBLE gha_call(struct gha *gha, const char *method, const char *path, struct json_out *json,
		json_t **ret)
{
	AUTO_FREE char *sent = json ? json_out_take(json) : NULL, *answer = NULL;
	AUTO_FREE char *shown = xstrndup(path, strcspn(path, "?"));
	AUTO_FREE char *what = xasprintf("cache service, %s", shown);
	AUTO(reader) struct reader *body = NULL;
	struct str text = str_of(sent ? sent : "");
	struct registry_blob blob = { .size = text.n, .open = open_text, .user = &text };
	AUTO(exchange)
	struct exchange exchange = { .client = gha->means->reader,
		.cancel = gha->means->cancel,
		.method = method,
		.body = sent ? &blob : NULL,
		.what = what };
	size_t n = 0;

	if (sent)
		list_add(&exchange.headers, "Content-Type: application/json");
	TRY(gha_send(gha, &exchange, path, &body));
	TRY(reader_read_all(body, LIMIT_SETTINGS_BYTES, &answer, &n));
	return ret && n ? json_parse((struct str){ answer, n }, LIMIT_SETTINGS_BYTES, what, ret)
			: NULL;
}

/* "index/name" changes: each version has a name of its own that begins so. */
static bool is_index(const char *name)
{
	return text_starts(name, "index/");
}

static FALLIBLE find(struct gha *self, const char *name, struct url *ret)
{
	AUTO_FREE char *key =
			is_index(name) ? xasprintf("kiln/%s/", name) : xasprintf("kiln/%s", name);

	return self->version->find(self, key, is_index(name), ret);
}

/* Counted from the first call of its sort. */
static FALLIBLE check_time(struct gha *self, bool writes)
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
	struct gha *self = (struct gha *)objects;
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
	struct error *error = find((struct gha *)objects, name, &url);

	*ret = !error;
	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	error_free(error);
	return NULL;
}

static FALLIBLE put(struct objects *objects, const char *name, const struct registry_blob *blob)
{
	struct gha *self = (struct gha *)objects;
	AUTO_FREE char *key = is_index(name) ? xasprintf("kiln/%s/%llx", name,
							       (unsigned long long)clock_now_ns())
					     : xasprintf("kiln/%s", name);

	TRY(check_time(self, true));
	return self->version->put(self, key, blob);
}

static void gha_free(struct objects *objects)
{
	struct gha *self = (struct gha *)objects;

	url_done(&self->base);
	if (self->token)
		explicit_bzero(self->token, strlen(self->token));
	free(self->token);
	free(self->realm);
	free(self);
}

static const struct objects_ops ops = { get, has, put, gha_free };

FALLIBLE objects_gha(const struct cache_spec *spec, const struct cache_means *means,
		struct objects **ret)
{
	AUTO(url) struct url url = { 0 };
	char hex[DIGEST_HEX];

	TRY_WRAP(url_parse(str_of(spec->where), &url), "gha cache");
	struct gha *self = xcalloc(1, sizeof(*self));
	const char *slash = text_ends(url.path, "/") ? "" : "/";
	AUTO_FREE char *path = xasprintf("%s%s", url.path, slash);
	struct digest realm = digest_of("kiln cache 1", 12);

	self->objects.ops = &ops;
	self->version = text_equal(list_env_get(&spec->settings, "version"), "1") ? &gha_v1
										  : &gha_v2;
	self->means = means;
	self->base = url_make(url.is_https, url.host, path);
	self->token = xstrdup(list_env_get(&spec->settings, "token"));
	self->realm = xstrdup(digest_hex(&realm, hex));
	const char *timeout = list_env_get(&spec->settings, "timeout");
	self->limit_ns = timeout ? strtoll(timeout, NULL, 10) : 0;
	*ret = &self->objects;
	return NULL;
}
