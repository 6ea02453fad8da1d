#include "store/cache.h"
#include "base/clock.h"
#include "store/blob.h"
#include "store/inside.h"

void cache_record_done(struct cache_record *record)
{
	free(TAKE(record->slot));
	free(TAKE(record->ingredients));
}

FALLIBLE cache_put(struct store *store, const struct digest *key, const struct cache_record *record)
{
	AUTO(visit) struct visit visit = { 0 };
	const char *layer = record->kind == CACHE_LAYER ? record->layer : NULL;
	int64_t now = clock_now_seconds();

	TRY(store_need_write(store));
	TRY(store_enter(store, VISIT, &visit));
	return store_explain(store,
			db_run(store->db,
					"INSERT OR REPLACE INTO cache (key, kind, layer, diff_id, "
					"content, created, used, slot, ingredients) VALUES (?1, "
					"?2, ?3, (SELECT diff_id FROM layer WHERE id = ?3), ?4, "
					"?5, ?6, ?7, ?8)",
					"ditdiitt", key, (int64_t)record->kind, layer,
					&record->content, record->created ? record->created : now,
					now, record->slot, record->ingredients));
}

#define CACHE_COLUMNS                                                            \
	"key, kind, layer, (SELECT diff_id FROM layer WHERE id = cache.layer), " \
	"diff_id, content, created, slot, ingredients"

static FALLIBLE read_record(struct rows *rows, bool *ret_found, struct cache_record *ret)
{
	TRY(rows_next(rows, ret_found));
	if (!*ret_found)
		return NULL;
	const char *layer = rows_text(rows, 2);
	*ret = (struct cache_record){
		.kind = (enum cache_kind)rows_int(rows, 1),
		.diff_id = rows_digest(rows, rows_null(rows, 3) ? 4 : 3),
		.content = rows_digest(rows, 5),
		.created = rows_int(rows, 6),
		.slot = xstrdup(rows_text(rows, 7)),
		.ingredients = xstrdup(rows_text(rows, 8)),
	};
	if (layer)
		(void)snprintf(ret->layer, sizeof(ret->layer), "%s", layer);
	return NULL;
}

static FALLIBLE find(struct store *store, const struct digest *key, bool *ret_found,
		struct cache_record *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows, "SELECT " CACHE_COLUMNS " FROM cache WHERE key = ?", "d",
			key));
	return read_record(&rows, ret_found, ret);
}

static FALLIBLE drop(struct store *store, const struct digest *key)
{
	AUTO(visit) struct visit visit = { 0 };

	if (store->read_only)
		return NULL;
	TRY(store_enter(store, VISIT, &visit));
	return db_run(store->db, "DELETE FROM cache WHERE key = ?", "d", key);
}

static bool is_usable(const struct layer_record *layer)
{
	bool usable = layer->dir != NULL;

	for (size_t i = 0; i < layer->blobs.n; i++)
		usable = usable || layer->blobs.p[i].here;
	return usable;
}

/* ERR_NOT_FOUND is an answer here. */
static FALLIBLE try_layer(struct error *error, struct layer_record *layer,
		struct cache_record *record, bool *ret)
{
	if (error_is(error, ERR_NOT_FOUND)) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	if (!is_usable(layer))
		return NULL;
	memcpy(record->layer, layer->id, sizeof(record->layer));
	record->diff_id = layer->diff_id;
	*ret = true;
	return NULL;
}

/* By its id, or by its diffID when another layer has taken its place. */
static FALLIBLE resolve(struct store *store, struct cache_record *record, bool *ret)
{
	AUTO(layer_record) struct layer_record by_id = { 0 }, by_diff_id = { 0 };

	*ret = record->kind == CACHE_EMPTY;
	if (record->kind != CACHE_LAYER)
		return NULL;
	TRY(try_layer(layer_get(store, record->layer, NULL, &by_id), &by_id, record, ret));
	if (*ret && (by_id.dir || !digest_known(&record->diff_id)))
		return NULL;
	if (!digest_known(&record->diff_id))
		return NULL;
	return try_layer(layer_find_by_diff_id(store, &record->diff_id, NULL, &by_diff_id),
			&by_diff_id, record, ret);
}

FALLIBLE cache_get(struct store *store, const struct digest *key, bool *ret_found,
		struct cache_record *ret)
{
	AUTO(cache_record) struct cache_record record = { 0 };
	bool found = false, usable = false;

	TRY(find(store, key, &found, &record));
	if (found)
		TRY(resolve(store, &record, &usable));
	if (found && !usable)
		error_ignore(drop(store, key), "it would be a miss again");
	*ret_found = usable;
	if (usable) {
		*ret = record;
		record = (struct cache_record){ 0 };
	}
	return NULL;
}

FALLIBLE cache_last(struct store *store, const char *slot, bool *ret_found, struct digest *ret_key,
		struct cache_record *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	AUTO(cache_record) struct cache_record record = { 0 };

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows,
			"SELECT " CACHE_COLUMNS " FROM cache WHERE slot = ? "
			"ORDER BY number DESC LIMIT 1",
			"t", slot));
	TRY(read_record(&rows, ret_found, &record));
	if (!*ret_found)
		return NULL;
	*ret_key = rows_digest(&rows, 0);
	*ret = record;
	record = (struct cache_record){ 0 };
	return NULL;
}

FALLIBLE definition_seen(struct store *store, const struct digest *definition, bool *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows, "SELECT 1 FROM definition WHERE digest = ?", "d",
			definition));
	return rows_next(&rows, ret);
}

FALLIBLE definition_mark(struct store *store, const struct digest *definition)
{
	AUTO(visit) struct visit visit = { 0 };

	TRY(store_need_write(store));
	TRY(store_enter(store, VISIT, &visit));
	return store_explain(store,
			db_run(store->db,
					"INSERT OR REPLACE INTO definition (digest, seen) VALUES "
					"(?, ?)",
					"di", definition, clock_now_seconds()));
}
