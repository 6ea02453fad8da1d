/*
 * Who pays for what: a blob or tree that one image alone reaches is its own, one that several reach
 * is shared. An index and the images in it reach the same blobs and count as one: a manifest that
 * is a blob of another image is no image of its own here, unless it has a name.
 */
#include "store/inside.h"
#include "store/prune.h"
#include "store/tree_size.h"

#include <stdlib.h>

#define NOT_INSIDE                                                         \
	"(image.manifest IN (SELECT manifest FROM tag) OR image.manifest " \
	"NOT IN (SELECT digest FROM image_blob WHERE manifest <> image.manifest))"
#define SHOWN "(SELECT manifest FROM image WHERE " NOT_INSIDE ")"

static FALLIBLE two_sums(struct store *store, struct rows *rows, uint64_t *ret_a, uint64_t *ret_b)
{
	bool more = false;

	TRY(rows_next(rows, &more));
	*ret_a = (uint64_t)rows_int(rows, 0);
	*ret_b = (uint64_t)rows_int(rows, 1);
	rows_done(rows);
	return NULL;
}

static FALLIBLE cost_of(struct store *store, struct image_cost *cost)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows,
			"SELECT coalesce(sum(CASE WHEN n = 1 THEN bytes END), 0), "
			"coalesce(sum(CASE WHEN n > 1 THEN bytes END), 0) FROM (SELECT blob.bytes "
			"AS bytes, (SELECT count(*) FROM image_blob AS other WHERE other.digest = "
			"mine.digest AND other.manifest IN " SHOWN ") AS n FROM image_blob AS mine "
			"JOIN blob USING (digest) WHERE mine.manifest = ?)",
			"d", &cost->manifest));
	TRY(two_sums(store, &rows, &cost->own_bytes, &cost->shared_bytes));
	TRY(db_query(store->db, &rows,
			"SELECT coalesce(sum(CASE WHEN n = 1 THEN bytes END), 0), "
			"coalesce(sum(CASE WHEN n > 1 THEN bytes END), 0) FROM (SELECT "
			"layer.tree_bytes AS bytes, (SELECT count(*) FROM image_layer AS other "
			"WHERE other.diff_id = mine.diff_id AND other.manifest IN " SHOWN ") AS n "
			"FROM image_layer AS mine JOIN layer USING (diff_id) WHERE layer.owner NOT "
			"NULL AND mine.manifest = ?)",
			"d", &cost->manifest));
	return two_sums(store, &rows, &cost->own_tree_bytes, &cost->shared_tree_bytes);
}

static FALLIBLE list_images(struct store *store, struct disk_report *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows, "SELECT manifest FROM image WHERE " NOT_INSIDE, ""));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			break;
		struct image_cost *cost = vec_add(&ret->images);
		cost->manifest = rows_digest(&rows, 0);
	}
	rows_done(&rows);
	for (size_t i = 0; i < ret->images.n; i++) {
		TRY(db_query(store->db, &rows, "SELECT name FROM tag WHERE manifest = ? ORDER BY 1",
				"d", &ret->images.p[i].manifest));
		for (;;) {
			TRY(rows_next(&rows, &more));
			if (!more)
				break;
			list_add(&ret->images.p[i].names, rows_text(&rows, 0));
		}
		rows_done(&rows);
	}
	return NULL;
}

static FALLIBLE sum_up(struct store *store, struct disk_report *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	uint64_t blobs = 0, blobs_all = 0, trees = 0, trees_all = 0;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows,
			"SELECT coalesce(sum(CASE WHEN digest IN (SELECT digest FROM image_blob) "
			"THEN bytes END), 0), coalesce(sum(bytes), 0) FROM blob",
			""));
	TRY(two_sums(store, &rows, &blobs, &blobs_all));
	TRY(db_query(store->db, &rows,
			"SELECT coalesce(sum(CASE WHEN diff_id IN (SELECT diff_id FROM "
			"image_layer) THEN tree_bytes END), 0), coalesce(sum(tree_bytes), 0) FROM "
			"layer WHERE owner NOT NULL",
			""));
	TRY(two_sums(store, &rows, &trees, &trees_all));
	ret->image_bytes = blobs + trees;
	ret->cache_bytes = blobs_all + trees_all - ret->image_bytes;
	return NULL;
}

static int by_cost(const void *a, const void *b)
{
	const struct image_cost *x = a, *y = b;
	uint64_t p = x->own_bytes + x->own_tree_bytes, q = y->own_bytes + y->own_tree_bytes;

	return p > q ? -1 : p < q;
}

FALLIBLE store_disk(struct store *store, struct disk_report *ret)
{
	AUTO(disk_report) struct disk_report report = { 0 };

	if (!store->read_only)
		TRY(measure_new_trees(store));
	TRY(list_images(store, &report));
	for (size_t i = 0; i < report.images.n; i++)
		TRY(cost_of(store, &report.images.p[i]));
	if (report.images.n)
		qsort(report.images.p, report.images.n, sizeof(*report.images.p), by_cost);
	TRY(sum_up(store, &report));
	TRY(store_free_bytes(store, &report.free_bytes, &report.total_bytes));
	*ret = TAKE_VALUE(report);
	return NULL;
}

void disk_report_done(struct disk_report *report)
{
	for (size_t i = 0; i < report->images.n; i++)
		list_done(&report->images.p[i].names);
	vec_done(&report->images);
}
