#include "store/cache_mount.h"
#include "store/inside.h"
#include "store/prune.h"
#include "store/tree_size.h"

#include <fcntl.h>
#include <sys/stat.h>

/* What else SQLite and we keep. */
static uint64_t database_bytes(const struct store *store)
{
	static const char *const names[] = { "store.db", "store.db-wal", "index.json" };
	uint64_t bytes = 0;
	struct stat st;

	for (size_t i = 0; i < COUNT(names); i++)
		if (fstatat(store->fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			bytes += (uint64_t)st.st_blocks * 512;
	return bytes;
}

/* Two numbers of a query: how many, how many bytes. */
static FALLIBLE count(struct store *store, const char *sql, struct usage_count *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows, sql, ""));
	TRY(rows_next(&rows, &more));
	*ret = (struct usage_count){ (uint64_t)rows_int(&rows, 0), (uint64_t)rows_int(&rows, 1) };
	return NULL;
}

static FALLIBLE count_tables(struct store *store, struct store_usage *ret)
{
	TRY(count(store, "SELECT count(*), coalesce(sum(bytes), 0) FROM image", &ret->images));
	TRY(count(store, "SELECT count(*), coalesce(sum(bytes), 0) FROM blob", &ret->blobs));
	TRY(count(store,
			"SELECT count(*), coalesce(sum(tree_bytes), 0) FROM layer "
			"WHERE owner NOT NULL",
			&ret->trees));
	return count(store, "SELECT count(*), coalesce(sum(length(ingredients)), 0) FROM cache",
			&ret->cache);
}

FALLIBLE store_usage(struct store *store, struct store_usage *ret)
{
	static const struct prune_options everything = { .all = true, .dry_run = true };
	struct store_usage usage = { 0 };
	AUTO(cache_mount_list) struct cache_mount_list mounts = { 0 };
	struct prune_report report = { 0 };

	if (!store->read_only)
		TRY(measure_new_trees(store));
	TRY(count_tables(store, &usage));
	TRY(tree_size(store->fd, "digests", &usage.digests.bytes, &usage.digests.things));
	TRY(tree_size(store->fd, "history", &usage.history.bytes, &usage.history.things));
	TRY(tree_size(store->fd, "tmp", &usage.tmp.bytes, &usage.tmp.things));
	TRY(cache_mounts_list(store, &mounts));
	usage.mounts.things = mounts.n;
	for (size_t i = 0; i < mounts.n; i++)
		usage.mounts.bytes += mounts.p[i].bytes;
	usage.bytes = usage.mounts.bytes + usage.blobs.bytes + usage.trees.bytes +
		      usage.digests.bytes + usage.history.bytes + usage.tmp.bytes +
		      database_bytes(store);
	if (!store->read_only)
		TRY(store_prune(store, &everything, &report));
	usage.reclaimable_bytes = report.bytes;
	*ret = usage;
	return NULL;
}
