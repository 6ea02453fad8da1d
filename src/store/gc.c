#include "store/cache_mount.h"
#include "store/inside.h"
#include "store/prune.h"
#include "store/tree_size.h"

#include <sys/statvfs.h>

FALLIBLE store_free_bytes(const struct store *store, uint64_t *ret_free, uint64_t *ret_total)
{
	struct statvfs st;

	if (fstatvfs(store->fd, &st) != 0)
		return error_sys("look at the file system of '%s'", store->root);
	*ret_free = (uint64_t)st.f_bavail * st.f_frsize;
	if (ret_total)
		*ret_total = (uint64_t)st.f_blocks * st.f_frsize;
	return NULL;
}

static FALLIBLE sum_up(struct store *store, uint64_t *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows,
			"SELECT (SELECT coalesce(sum(bytes), 0) FROM blob) + (SELECT "
			"coalesce(sum(tree_bytes), 0) FROM layer WHERE owner NOT NULL)",
			""));
	TRY(rows_next(&rows, &more));
	*ret = (uint64_t)rows_int(&rows, 0);
	return NULL;
}

static FALLIBLE add_mounts(struct store *store, uint64_t *total)
{
	AUTO(cache_mount_list) struct cache_mount_list mounts = { 0 };

	TRY(cache_mounts_list(store, &mounts));
	for (size_t i = 0; i < mounts.n; i++)
		*total += mounts.p[i].bytes;
	return NULL;
}

FALLIBLE store_gc(struct store *store, const struct gc_bounds *bounds, bool *ret_ran,
		struct prune_report *ret)
{
	struct prune_options options = { .keep_bytes = bounds->max_bytes,
		.free_bytes = bounds->free_bytes,
		.older_than_seconds = bounds->keep_seconds,
		.kinds = 1u << PRUNE_LEFTOVERS | 1u << PRUNE_DUPLICATES | 1u << PRUNE_TREES |
			 1u << PRUNE_REMOTE | 1u << PRUNE_HINTS | 1u << PRUNE_MOUNTS |
			 1u << PRUNE_CACHE | 1u << PRUNE_UNTAGGED | 1u << PRUNE_BLOBS };
	uint64_t used = 0, free = 0;

	*ret_ran = false;
	if ((!bounds->max_bytes && !bounds->free_bytes) || store_is_read_only(store))
		return NULL;
	if (bounds->max_bytes) {
		TRY(measure_new_trees(store));
		TRY(sum_up(store, &used));
		TRY(add_mounts(store, &used));
	}
	TRY(store_free_bytes(store, &free, NULL));
	if ((!bounds->max_bytes || used <= bounds->max_bytes) && free >= bounds->free_bytes)
		return NULL;
	TRY(store_prune(store, &options, ret));
	*ret_ran = true;
	return NULL;
}
