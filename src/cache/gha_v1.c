/*
 * GET cache?keys=,&version= finds; POST caches reserves a number, PATCH caches/N brings pieces,
 * POST caches/N closes.
 */
#include "base/limits.h"
#include "cache/gha.h"

#define API "_apis/artifactcache/"

/* Pieces are kept in memory while they are sent; several blobs are under way at a time. */
enum { PIECE_BYTES = 8 * 1024 * 1024 };

/*
 * A key that is asked for finds what begins with it as well, if nothing is called exactly so. Names
 * of one length begin no other; those of indexes are asked for by their beginning.
 */
static FALLIBLE find(struct gha *gha, const char *key, bool is_prefix, struct url *ret)
{
	AUTO_FREE char *address = NULL;
	AUTO(strbuf) struct strbuf path = { 0 };
	json_auto_t *answer = NULL;
	struct json_field root;

	(void)is_prefix;
	strbuf_add(&path, API "cache?keys=");
	url_escape(&path, key);
	strbuf_addf(&path, "&version=%s", gha->realm);
	TRY(gha_call(gha, "GET", strbuf_text(&path), NULL, &answer));
	if (answer) {
		TRY(json_root(answer, "cache service", &root));
		TRY(json_get_text(&root, "archiveLocation", JSON_MAY, &address));
	}
	if (!address)
		return error_new(ERR_NOT_FOUND, "there is no '%s'", key);
	return url_parse(str_of(address), ret);
}

/* *ret is 0 when the key is taken: it is there, or somebody is bringing it. */
static FALLIBLE reserve(struct gha *gha, const char *key, uint64_t bytes, int64_t *ret)
{
	AUTO(json_out) struct json_out request = { 0 };
	json_auto_t *answer = NULL;
	struct json_field root;

	*ret = 0;
	gha_begin(gha, &request, key);
	json_out_u64(&request, "cacheSize", bytes);
	json_out_close(&request, '}');
	struct error *error = gha_call(gha, "POST", API "caches", &request, &answer);
	if (error_is(error, ERR_HTTP) && error->code == 409) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	if (!answer)
		return error_new(ERR_INVALID, "cache service: no number for '%s'", key);
	TRY(json_root(answer, "cache service", &root));
	return json_get_i64(&root, "cacheId", JSON_MUST, 1, ret);
}

static struct error *open_piece(void *user, uint64_t offset, struct reader **ret)
{
	const struct str *piece = user;

	*ret = reader_from_bytes(piece->p + offset, piece->n - (size_t)offset);
	return NULL;
}

static FALLIBLE send_piece(struct gha *gha, const char *path, uint64_t at, struct str piece)
{
	struct registry_blob blob = { .size = piece.n, .open = open_piece, .user = &piece };
	AUTO(exchange)
	struct exchange exchange = { .client = gha->means->registry,
		.cancel = gha->means->cancel,
		.method = "PATCH",
		.body = &blob,
		.what = path };

	list_add(&exchange.headers, "Content-Type: application/octet-stream");
	list_addf(&exchange.headers, "Content-Range: bytes %llu-%llu/*", (unsigned long long)at,
			(unsigned long long)(at + piece.n - 1));
	return gha_send(gha, &exchange, path, NULL);
}

/* Whatever is found wrong by reading to the end is found before the entry counts. */
static FALLIBLE send_pieces(struct gha *gha, const char *path, const struct registry_blob *blob)
{
	AUTO(reader) struct reader *reader = NULL;
	AUTO_FREE char *piece = xmalloc(PIECE_BYTES);
	uint64_t at = 0;

	TRY(blob->open(blob->user, 0, &reader));
	while (at < blob->size) {
		uint64_t left = blob->size - at;
		size_t n = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;

		TRY(reader_read_full(reader, piece, n));
		TRY(send_piece(gha, path, at, (struct str){ piece, n }));
		at += n;
	}
	return reader_drain(reader);
}

static FALLIBLE put(struct gha *gha, const char *key, const struct registry_blob *blob)
{
	AUTO(json_out) struct json_out request = { 0 };
	int64_t number = 0;

	TRY(reserve(gha, key, blob->size, &number));
	if (!number)
		return NULL;
	AUTO_FREE char *path = xasprintf(API "caches/%lld", (long long)number);
	TRY(send_pieces(gha, path, blob));
	json_out_open(&request, NULL, '{');
	json_out_u64(&request, "size", blob->size);
	json_out_close(&request, '}');
	return gha_call(gha, "POST", path, &request, NULL);
}

const struct gha_version gha_v1 = { find, put };
