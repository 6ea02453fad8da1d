/* CreateCacheEntry, a PUT of the bytes to the address that it gave, FinalizeCacheEntryUpload. */
#include "base/limits.h"
#include "cache/gha.h"

#define SERVICE "twirp/github.actions.results.api.v1.CacheService/"

/* A call that answers with an address, by that key. *ret is NULL where the service says no. */
static FALLIBLE call_for_address(struct gha *gha, const char *path, struct json_out *request,
		const char *key, char **ret)
{
	AUTO_FREE char *address = NULL;
	json_auto_t *answer = NULL;
	struct json_field root;
	bool ok = false;

	*ret = NULL;
	TRY(gha_call(gha, "POST", path, request, &answer));
	TRY(json_root(answer, "cache service", &root));
	TRY(json_get_bool(&root, "ok", &ok));
	TRY(json_get_text(&root, key, JSON_MAY, &address));
	if (ok)
		*ret = TAKE(address);
	return NULL;
}

static FALLIBLE find(struct gha *gha, const char *key, bool is_prefix, struct url *ret)
{
	AUTO(json_out) struct json_out request = { 0 };
	AUTO_FREE char *address = NULL;

	gha_begin(gha, &request, key);
	if (is_prefix) {
		json_out_open(&request, "restore_keys", '[');
		json_out_text(&request, NULL, key);
		json_out_close(&request, ']');
	}
	json_out_close(&request, '}');
	TRY(call_for_address(gha, SERVICE "GetCacheEntryDownloadURL", &request,
			"signed_download_url", &address));
	return address ? url_parse(str_of(address), ret)
		       : error_new(ERR_NOT_FOUND, "there is no '%s'", key);
}

/* *ret_there: somebody has made it already, or is doing so. */
static FALLIBLE reserve(struct gha *gha, const char *key, struct url *ret, bool *ret_there)
{
	AUTO(json_out) struct json_out request = { 0 };
	AUTO_FREE char *address = NULL;

	gha_begin(gha, &request, key);
	json_out_close(&request, '}');
	struct error *error = call_for_address(
			gha, SERVICE "CreateCacheEntry", &request, "signed_upload_url", &address);
	if (error_is(error, ERR_HTTP) && error->code == 409)
		error_free(TAKE(error));
	TRY(error);
	*ret_there = !address;
	return address ? url_parse(str_of(address), ret) : NULL;
}

static FALLIBLE finalize(struct gha *gha, const char *key, uint64_t bytes)
{
	AUTO(json_out) struct json_out request = { 0 };
	AUTO_FREE char *size = xasprintf("%llu", (unsigned long long)bytes);

	/* 64-bit numbers of protobuf are texts in JSON. */
	gha_begin(gha, &request, key);
	json_out_text(&request, "size_bytes", size);
	json_out_close(&request, '}');
	return gha_call(gha, "POST", SERVICE "FinalizeCacheEntryUpload", &request, NULL);
}

static FALLIBLE put(struct gha *gha, const char *key, const struct registry_blob *blob)
{
	AUTO(exchange)
	struct exchange exchange = { .client = gha->means->registry,
		.cancel = gha->means->cancel,
		.method = "PUT",
		.body = blob,
		.what = key };
	bool there = false;

	TRY(reserve(gha, key, &exchange.url, &there));
	if (there)
		return NULL;
	/* Of Azure's storage, where GitHub keeps them. */
	list_add(&exchange.headers, "x-ms-blob-type: BlockBlob");
	list_add(&exchange.headers, "Content-Type: application/octet-stream");
	TRY(exchange_run(&exchange, NULL));
	return finalize(gha, key, blob->size);
}

const struct gha_version gha_v2 = { find, put };
