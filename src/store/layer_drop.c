#include "store/layer_drop.h"
#include "store/inside.h"

static FALLIBLE is_free(struct store *store, const char *id, bool *ret)
{
	AUTO(rows) struct rows rows = { 0 };

	TRY(db_query(store->db, &rows,
			"SELECT 1 FROM layer WHERE id = ?1 AND diff_id IS NULL AND NOT EXISTS "
			"(SELECT 1 FROM cache WHERE layer = ?1)",
			"t", id));
	return rows_next(&rows, ret);
}

static FALLIBLE is_leased(struct store *store, const char *id, bool *ret)
{
	AUTO(map) struct map *leases = map_new(NULL);
	AUTO_FREE char *name = xasprintf("l%s", id);

	TRY(runs_leases(store, leases));
	*ret = map_has(leases, name);
	return NULL;
}

FALLIBLE layer_drop(struct store *store, const char *id, bool is_ours)
{
	AUTO(visit) struct visit visit = { 0 };
	char path[LAYER_PATH];
	bool yes = false, leased = false;

	if (store_is_read_only(store) || strlen(id) != LAYER_ID_TEXT - 1)
		return NULL;
	TRY(store_enter(store, VISIT_ALONE, &visit));
	TRY(is_free(store, id, &yes));
	if (yes && !is_ours)
		TRY(is_leased(store, id, &leased));
	if (!yes || leased)
		return NULL;
	TRY(db_run(store->db, "DELETE FROM layer WHERE id = ?", "t", id));
	return run_discard(store, layer_path(id, path));
}
