/* The steps of prune that follow rows: trees, blobs, cache records, images. */
#include "base/clock.h"
#include "store/image_rows.h"
#include "store/inside.h"
#include "store/pruning.h"

/* A verdict on an image that is not here is forgotten after 30 days. */
enum { VOUCHED_SECONDS = 30 * 24 * 3600 };

/* The blob of a layer, here. */
#define HAS_BLOB                                                     \
	"EXISTS (SELECT 1 FROM layer_blob JOIN blob USING (digest) " \
	"WHERE layer_blob.diff_id = layer.diff_id)"
#define LAYER_LEASED "id IN (SELECT id FROM leased_layer)"
#define BLOB_LEASED  "digest IN (SELECT digest FROM leased_blob)"
#define BLOB_KEPT    "digest IN (SELECT digest FROM image_blob)"
/* Does an image or a cache record need the layer? */
#define LAYER_NEEDED                                               \
	"(diff_id IN (SELECT diff_id FROM image_layer) OR "        \
	"id IN (SELECT layer FROM cache WHERE layer NOT NULL) OR " \
	"diff_id IN (SELECT diff_id FROM cache WHERE diff_id NOT NULL))"

FALLIBLE prune_duplicates(struct pruning *pruning)
{
	AUTO(candidates) struct candidates found = { 0 };

	TRY(pruning_candidates(pruning,
			"SELECT NULL, id, tree_bytes FROM layer WHERE owner NOT NULL AND "
			"?1 IS ?1 AND ?2 IS ?2 AND NOT " LAYER_LEASED " AND EXISTS (SELECT 1 FROM "
			"layer AS other WHERE other.diff_id = layer.diff_id AND other.owner = "
			"layer.owner AND other.chain IS layer.chain AND other.boot = layer.boot "
			"AND (other.created, other.id) < (layer.created, layer.id))",
			&found));
	for (size_t i = 0; i < found.n; i++)
		TRY(pruning_drop_tree(pruning, PRUNE_DUPLICATES, found.p[i].id, found.p[i].bytes));
	return NULL;
}

FALLIBLE prune_trees(struct pruning *pruning)
{
	AUTO(candidates) struct candidates found = { 0 };

	TRY(pruning_candidates(pruning,
			"SELECT NULL, id, tree_bytes FROM layer WHERE owner NOT NULL AND used < ?2 "
			"AND ?1 IS ?1 AND NOT " LAYER_LEASED " AND " HAS_BLOB " ORDER BY used, id",
			&found));
	for (size_t i = 0; i < found.n && pruning_wants_more(pruning); i++)
		TRY(pruning_drop_tree(pruning, PRUNE_TREES, found.p[i].id, found.p[i].bytes));
	return NULL;
}

FALLIBLE prune_remote(struct pruning *pruning)
{
	AUTO(candidates) struct candidates found = { 0 };

	TRY(pruning_candidates(pruning,
			"SELECT digest, NULL, bytes FROM blob WHERE used < ?2 AND ?1 IS ?1 AND "
			"digest IN (SELECT digest FROM location) AND NOT " BLOB_LEASED
			" AND NOT " BLOB_KEPT " ORDER BY used, digest",
			&found));
	for (size_t i = 0; i < found.n && pruning_wants_more(pruning); i++)
		TRY(pruning_drop_blob(pruning, PRUNE_REMOTE, &found.p[i].digest, found.p[i].bytes));
	return NULL;
}

/* A layer row with its tree, and its blobs unless an image or a lease needs them. */
static FALLIBLE drop_layer(struct pruning *pruning, enum prune_kind kind, const char *id)
{
	AUTO(candidates) struct candidates blobs = { 0 }, tree = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	struct db *db = pruning->store->db;
	bool more = false;

	TRY(db_query(db, &rows,
			"SELECT owner NOT NULL, tree_bytes, diff_id, (SELECT count(*) FROM layer "
			"AS "
			"other WHERE other.diff_id = layer.diff_id) FROM layer WHERE id = ?",
			"t", id));
	TRY(rows_next(&rows, &more));
	if (!more)
		return NULL;
	struct digest diff_id = rows_digest(&rows, 2);
	if (rows_int(&rows, 0))
		TRY(pruning_drop_tree(pruning, kind, id, (uint64_t)rows_int(&rows, 1)));
	bool last = rows_int(&rows, 3) <= 1;
	rows_done(&rows);
	TRY(db_run(db, "DELETE FROM layer WHERE id = ?", "t", id));
	if (!last || !digest_known(&diff_id))
		return NULL;

	TRY(db_query(db, &rows,
			"SELECT digest, bytes FROM blob WHERE digest IN (SELECT digest FROM "
			"layer_blob WHERE diff_id = ?) AND NOT " BLOB_LEASED " AND NOT " BLOB_KEPT,
			"d", &diff_id));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			break;
		struct digest digest = rows_digest(&rows, 0);
		TRY(pruning_drop_blob(pruning, kind, &digest, (uint64_t)rows_int(&rows, 1)));
	}
	rows_done(&rows);
	/* What was known of blobs that are not here any more. */
	return db_run(db,
			"DELETE FROM layer_blob WHERE diff_id = ? AND digest NOT IN (SELECT digest "
			"FROM blob)",
			"d", &diff_id);
}

static FALLIBLE drop_record(struct pruning *pruning, const struct candidate *record)
{
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(db_run(pruning->store->db, "DELETE FROM cache WHERE key = ?", "d", &record->digest));
	pruning_count(pruning, PRUNE_CACHE, record->bytes);
	if (!record->id)
		return NULL;
	TRY(db_query(pruning->store->db, &rows,
			"SELECT 1 FROM layer WHERE id = ? AND NOT " LAYER_LEASED
			" AND NOT " LAYER_NEEDED,
			"t", record->id));
	TRY(rows_next(&rows, &more));
	rows_done(&rows);
	return more ? drop_layer(pruning, PRUNE_CACHE, record->id) : NULL;
}

/* Records of layers in use stay: their step is in a running build. */
FALLIBLE prune_cache(struct pruning *pruning)
{
	AUTO(candidates) struct candidates found = { 0 };

	TRY(pruning_candidates(pruning,
			"SELECT key, cache.layer, coalesce(length(ingredients), 0) FROM cache LEFT "
			"JOIN layer ON cache.layer = layer.id WHERE coalesce(layer.used, "
			"cache.used) < ?2 AND ?1 IS ?1 AND (cache.layer IS NULL OR cache.layer NOT "
			"IN (SELECT id FROM leased_layer)) ORDER BY coalesce(layer.used, "
			"cache.used), number",
			&found));
	for (size_t i = 0; i < found.n && pruning_wants_more(pruning); i++)
		TRY(drop_record(pruning, &found.p[i]));
	return NULL;
}

static FALLIBLE prune_images(struct pruning *pruning, enum prune_kind kind, const char *sql)
{
	AUTO(candidates) struct candidates found = { 0 };

	TRY(pruning_candidates(pruning, sql, &found));
	for (size_t i = 0; i < found.n && pruning_wants_more(pruning); i++) {
		TRY(image_rows_delete(pruning->store, &found.p[i].digest));
		pruning_count(pruning, kind, 0); /* its blobs are counted as such */
	}
	return NULL;
}

FALLIBLE prune_untagged(struct pruning *pruning)
{
	return prune_images(pruning, PRUNE_UNTAGGED,
			"SELECT manifest, NULL, 0 FROM image WHERE created < ?2 AND ?1 IS ?1 AND "
			"manifest NOT IN (SELECT manifest FROM tag) AND manifest NOT IN (SELECT "
			"digest FROM leased_blob) ORDER BY created, manifest");
}

FALLIBLE prune_tagged(struct pruning *pruning)
{
	return prune_images(pruning, PRUNE_TAGGED,
			"SELECT manifest, NULL, 0 FROM image WHERE created < ?2 AND ?1 IS ?1 AND "
			"manifest IN (SELECT manifest FROM tag) AND manifest NOT IN (SELECT digest "
			"FROM leased_blob) ORDER BY created, manifest");
}

static FALLIBLE prune_unused_layers(struct pruning *pruning)
{
	AUTO(candidates) struct candidates found = { 0 };

	TRY(pruning_candidates(pruning,
			"SELECT NULL, id, tree_bytes FROM layer WHERE used < ?2 AND ?1 IS ?1 AND "
			"NOT " LAYER_LEASED " AND NOT " LAYER_NEEDED " ORDER BY used, id",
			&found));
	for (size_t i = 0; i < found.n && pruning_wants_more(pruning); i++)
		TRY(drop_layer(pruning, PRUNE_BLOBS, found.p[i].id));
	return NULL;
}

/* Blobs of no image, no lease, and no layer that is still there. */
FALLIBLE prune_unused(struct pruning *pruning)
{
	AUTO(candidates) struct candidates found = { 0 };

	TRY(prune_unused_layers(pruning));
	TRY(pruning_candidates(pruning,
			"SELECT digest, NULL, bytes FROM blob WHERE used < ?2 AND ?1 IS ?1 AND "
			"NOT " BLOB_LEASED " AND NOT " BLOB_KEPT " AND digest NOT IN (SELECT toc "
			"FROM layer WHERE toc NOT NULL) AND digest NOT IN (SELECT "
			"layer_blob.digest FROM layer_blob JOIN layer USING (diff_id)) "
			"ORDER BY used, digest",
			&found));
	for (size_t i = 0; i < found.n && pruning_wants_more(pruning); i++)
		TRY(pruning_drop_blob(pruning, PRUNE_BLOBS, &found.p[i].digest, found.p[i].bytes));
	TRY(db_run(pruning->store->db,
			"DELETE FROM location WHERE digest NOT IN (SELECT digest FROM blob) AND "
			"digest NOT IN (SELECT digest FROM layer_blob)",
			""));
	TRY(db_run(pruning->store->db,
			"DELETE FROM fetched WHERE manifest NOT IN (SELECT digest FROM blob)", ""));
	/* A base image that a registry has is not here, and is asked about at every build. */
	return db_run(pruning->store->db,
			"DELETE FROM vouched WHERE manifest NOT IN (SELECT digest FROM blob) AND "
			"made < ?",
			"i", clock_now_seconds() - VOUCHED_SECONDS);
}
