/*
 * Rows go from 0 (not synced) through 2 (about to be) to 1 (synced): what is made while the file
 * system syncs stays at 0. The named lock keeps two syncs from marking each other's rows.
 */
#include "store/inside.h"
#include "store/store_lock.h"

static FALLIBLE mark(struct store *store, const char *blobs, const char *layers)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(transaction) struct transaction transaction = { 0 };

	TRY(store_enter(store, VISIT, &visit));
	TRY(transaction_begin(&transaction, store->db));
	TRY(db_run(store->db, blobs, "t", store->boot_id));
	TRY(db_run(store->db, layers, "t", store->boot_id));
	return transaction_commit(&transaction);
}

FALLIBLE store_sync(struct store *store)
{
	AUTO(store_lock) struct store_lock *lock = NULL;

	TRY(store_need_write(store));
	TRY(store_lock_take(store, "sync", NULL, &lock));
	TRY(mark(store, "UPDATE blob SET synced = 2 WHERE boot = ? AND synced = 0",
			"UPDATE layer SET synced = 2 WHERE boot = ? AND synced = 0 AND owner NOT "
			"NULL"));
	if (syncfs(store->fd) < 0)
		return error_sys("sync the file system of '%s'", store->root);
	return mark(store, "UPDATE blob SET synced = 1 WHERE boot = ? AND synced = 2",
			"UPDATE layer SET synced = 1 WHERE boot = ? AND synced = 2");
}

FALLIBLE store_unsynced(struct store *store, uint64_t *ret_bytes, uint64_t *ret_things)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows,
			"SELECT coalesce(sum(n), 0), count(*) FROM ("
			"SELECT bytes AS n FROM blob WHERE boot = ?1 AND synced <> 1 UNION ALL "
			"SELECT tree_bytes FROM layer WHERE boot = ?1 AND synced <> 1 AND owner "
			"NOT "
			"NULL)",
			"t", store->boot_id));
	TRY(rows_next(&rows, &more));
	*ret_bytes = (uint64_t)rows_int(&rows, 0);
	*ret_things = (uint64_t)rows_int(&rows, 1);
	return NULL;
}
