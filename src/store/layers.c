/*
 * Looking layers up. Of several rows with one diffID the one with a tree that we can use wins, then
 * the oldest.
 */
#include "store/layers.h"
#include "base/clock.h"
#include "store/blob.h"
#include "store/inside.h"

#include <fcntl.h>
#include <sys/stat.h>

void layer_record_done(struct layer_record *record)
{
	vec_done(&record->blobs);
	free(TAKE(record->dir));
}

#define LAYER_COLUMNS                                                                           \
	"id, diff_id, toc, content, tar_bytes, created, used, owner, chain, tree_bytes, boot, " \
	"synced"

/* Can this process use the tree of the row, on this chain? */
static bool fits(const struct store *store, const struct rows *row, const struct digest *chain)
{
	struct digest needs = rows_digest(row, 8);

	if (!store->uses_trees || !text_equal(rows_text(row, 7), store->tree_key))
		return false;
	if (!rows_null(row, 8) && !(chain && digest_equal(&needs, chain)))
		return false;
	return store_trusts(store, rows_text(row, 10), rows_int(row, 11) == 1);
}

static bool is_directory(const struct store *store, const char *path)
{
	struct stat st;

	return fstatat(store->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* From a row with LAYER_COLUMNS, without its blobs. */
static void read_row(const struct store *store, const struct rows *row, const struct digest *chain,
		struct layer_record *ret)
{
	char path[LAYER_PATH];

	*ret = (struct layer_record){
		.diff_id = rows_digest(row, 1),
		.toc = rows_digest(row, 2),
		.content = rows_digest(row, 3),
		.tar_bytes = (uint64_t)rows_int(row, 4),
		.created = rows_int(row, 5),
		.used = rows_int(row, 6),
		.tree_bytes = (uint64_t)rows_int(row, 9),
	};
	(void)snprintf(ret->id, sizeof(ret->id), "%s", rows_text(row, 0));
	if (fits(store, row, chain) && is_directory(store, layer_path(ret->id, path)))
		ret->dir = xstrdup(path);
}

static FALLIBLE add_blobs(struct store *store, struct layer_record *record)
{
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	if (!digest_known(&record->diff_id))
		return NULL;
	TRY(db_query(store->db, &rows,
			"SELECT digest, bytes, compression, level FROM layer_blob "
			"WHERE diff_id = ? ORDER BY compression, level",
			"d", &record->diff_id));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			return NULL;
		*vec_add(&record->blobs) = (struct layer_blob){
			.digest = rows_digest(&rows, 0),
			.bytes = (uint64_t)rows_int(&rows, 1),
			.compression = (enum compression)rows_int(&rows, 2),
			.level = (int)rows_int(&rows, 3),
		};
	}
}

/* The best of the rows of a query with LAYER_COLUMNS; ret->id stays "" when there is none. */
static FALLIBLE pick(struct store *store, struct rows *rows, const struct digest *chain,
		struct layer_record *ret)
{
	bool more = false;

	while (!ret->dir) {
		AUTO(layer_record) struct layer_record record = { 0 };

		TRY(rows_next(rows, &more));
		if (!more)
			break;
		read_row(store, rows, chain, &record);
		if (record.dir || !ret->id[0]) {
			*ret = record;
			record = (struct layer_record){ 0 };
		}
	}
	if (!ret->id[0])
		return NULL;
	TRY(lease_layer(store, ret->id, NULL));
	return add_blobs(store, ret);
}

FALLIBLE layer_look_up(struct store *store, const char *id, const struct digest *diff_id,
		const struct digest *chain, struct layer_record *ret)
{
	AUTO(rows) struct rows rows = { 0 };

	if (id)
		TRY(db_query(store->db, &rows, "SELECT " LAYER_COLUMNS " FROM layer WHERE id = ?",
				"t", id));
	else
		TRY(db_query(store->db, &rows,
				"SELECT " LAYER_COLUMNS " FROM layer WHERE diff_id = ? "
				"ORDER BY created, id",
				"d", diff_id));
	return pick(store, &rows, chain, ret);
}

/* Whose blobs are here is asked outside the visit: it may mean hashing them. */
static FALLIBLE ask_for_blobs(struct store *store, struct layer_record *record)
{
	for (size_t i = 0; i < record->blobs.n; i++)
		TRY(blob_has(store, &record->blobs.p[i].digest, &record->blobs.p[i].here, NULL));
	return NULL;
}

static FALLIBLE find(struct store *store, const char *id, const struct digest *diff_id,
		const struct digest *chain, struct layer_record *ret)
{
	AUTO(visit) struct visit visit = { 0 };

	TRY(store_enter(store, VISIT, &visit));
	return layer_look_up(store, id, diff_id, chain, ret);
}

FALLIBLE layer_get(struct store *store, const char *id, const struct digest *chain,
		struct layer_record *ret)
{
	AUTO(layer_record) struct layer_record record = { 0 };

	TRY(find(store, id, NULL, chain, &record));
	if (!record.id[0])
		return error_new(ERR_NOT_FOUND, "layer '%s' is not in the store '%s'", id,
				store->root);
	TRY(ask_for_blobs(store, &record));
	*ret = record;
	record = (struct layer_record){ 0 };
	return NULL;
}

FALLIBLE layer_seek_by_diff_id(struct store *store, const struct digest *diff_id,
		const struct digest *chain, struct layer_record *ret)
{
	AUTO(layer_record) struct layer_record record = { 0 };

	TRY(find(store, NULL, diff_id, chain, &record));
	TRY(ask_for_blobs(store, &record));
	*ret = record;
	record = (struct layer_record){ 0 };
	return NULL;
}

FALLIBLE layer_find_by_diff_id(struct store *store, const struct digest *diff_id,
		const struct digest *chain, struct layer_record *ret)
{
	char text[DIGEST_TEXT];

	TRY(layer_seek_by_diff_id(store, diff_id, chain, ret));
	if (!ret->id[0])
		return error_new(ERR_NOT_FOUND, "no layer with diffID '%s' is in the store '%s'",
				digest_text(diff_id, text), store->root);
	return NULL;
}

static FALLIBLE diff_id_of_blob(
		struct store *store, const struct digest *digest, struct digest *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;
	char text[DIGEST_TEXT];

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows, "SELECT diff_id FROM layer_blob WHERE digest = ?", "d",
			digest));
	TRY(rows_next(&rows, &more));
	if (!more)
		return error_new(ERR_NOT_FOUND, "no layer with blob '%s' is in the store '%s'",
				digest_text(digest, text), store->root);
	*ret = rows_digest(&rows, 0);
	return NULL;
}

FALLIBLE layer_find_by_blob(struct store *store, const struct digest *digest,
		const struct digest *chain, struct layer_record *ret)
{
	struct digest diff_id = { 0 };

	TRY(diff_id_of_blob(store, digest, &diff_id));
	return layer_find_by_diff_id(store, &diff_id, chain, ret);
}

/* Facts that come later. */

static FALLIBLE must_change(const struct store *store, const char *id)
{
	if (db_changes(store->db) > 0)
		return NULL;
	return error_new(ERR_NOT_FOUND, "layer '%s' is not in the store '%s'", id, store->root);
}

FALLIBLE layer_set_diff_id(struct store *store, const char *id, const struct digest *diff_id,
		uint64_t tar_bytes)
{
	AUTO(visit) struct visit visit = { 0 };

	TRY(store_need_write(store));
	TRY(store_enter(store, VISIT, &visit));
	struct error *error = db_run(store->db,
			"UPDATE layer SET diff_id = ?, tar_bytes = ? WHERE id = ?", "dit", diff_id,
			(int64_t)tar_bytes, id);
	return error ? store_explain(store, error) : must_change(store, id);
}

FALLIBLE layer_set_toc(struct store *store, const char *id, const struct digest *toc)
{
	AUTO(visit) struct visit visit = { 0 };

	TRY(store_need_write(store));
	TRY(store_enter(store, VISIT, &visit));
	struct error *error =
			db_run(store->db, "UPDATE layer SET toc = ? WHERE id = ?", "dt", toc, id);
	return error ? store_explain(store, error) : must_change(store, id);
}

FALLIBLE layer_set_content(struct store *store, const char *id, const struct digest *content)
{
	AUTO(visit) struct visit visit = { 0 };

	TRY(store_need_write(store));
	TRY(store_enter(store, VISIT, &visit));
	struct error *error = db_run(
			store->db, "UPDATE layer SET content = ? WHERE id = ?", "dt", content, id);
	return error ? store_explain(store, error) : must_change(store, id);
}

FALLIBLE layer_add_blob(
		struct store *store, const struct digest *diff_id, const struct layer_blob *blob)
{
	AUTO(visit) struct visit visit = { 0 };

	TRY(store_need_write(store));
	TRY(store_enter(store, VISIT, &visit));
	return store_explain(store,
			db_run(store->db,
					"INSERT OR REPLACE INTO layer_blob "
					"(digest, diff_id, bytes, compression, level) "
					"VALUES (?, ?, ?, ?, ?)",
					"ddiii", &blob->digest, diff_id, (int64_t)blob->bytes,
					(int64_t)blob->compression, (int64_t)blob->level));
}
