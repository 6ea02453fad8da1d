/*
 * pruning: one run of prune; what its steps share. Within a visit alone and a transaction.
 *
 * Floor: store, inside.
 */
#pragma once
#include "base/vec.h"
#include "oci/digest.h"
#include "store/cache_mount.h"
#include "store/prune.h"

struct pruning {
	struct store *store;
	const struct prune_options *options;
	int64_t used_before; /* only what was used last before this; INT64_MAX: anything */
	uint64_t total;      /* what the store still holds */
	uint64_t free;       /* what its file system has free, with what was pruned */
	struct list paths;   /* to be removed after the commit */
	struct cache_mount_list mounts;
	struct {
		struct store_lock **p;
		size_t n, capacity;
	} locks; /* of cache mounts, held until they are out of sight */
	struct prune_report report;
};

static inline void pruning_done(struct pruning *pruning)
{
	list_done(&pruning->paths);
	cache_mount_list_done(&pruning->mounts);
	for (size_t i = 0; i < pruning->locks.n; i++)
		store_lock_free(pruning->locks.p[i]);
	vec_done(&pruning->locks);
}

struct candidate {
	struct digest digest;
	char *id; /* or NULL */
	uint64_t bytes;
};

struct candidates {
	struct candidate *p;
	size_t n, capacity;
};

void candidates_done(struct candidates *candidates);

/* False once the store is as small as asked for. */
bool pruning_wants_more(const struct pruning *pruning);
void pruning_count(struct pruning *pruning, enum prune_kind kind, uint64_t bytes);
/*
 * Rows (digest, id, bytes), best first, of a query that takes ?1, our owner key, and ?2, the time
 * before which a candidate must have been used last.
 */
FALLIBLE pruning_candidates(struct pruning *pruning, const char *sql, struct candidates *ret);
FALLIBLE pruning_drop_tree(
		struct pruning *pruning, enum prune_kind kind, const char *id, uint64_t bytes);
FALLIBLE pruning_drop_blob(struct pruning *pruning, enum prune_kind kind,
		const struct digest *digest, uint64_t bytes);

/* The steps, one for each kind. */
FALLIBLE prune_leftovers(struct pruning *pruning);
FALLIBLE prune_duplicates(struct pruning *pruning);
FALLIBLE prune_trees(struct pruning *pruning);
FALLIBLE prune_remote(struct pruning *pruning);
FALLIBLE prune_hints(struct pruning *pruning);
FALLIBLE prune_mounts(struct pruning *pruning);
FALLIBLE prune_cache(struct pruning *pruning);
FALLIBLE prune_untagged(struct pruning *pruning);
FALLIBLE prune_unused(struct pruning *pruning);
FALLIBLE prune_tagged(struct pruning *pruning);
FALLIBLE prune_history(struct pruning *pruning); /* history.c */

DEFINE_AUTO_VALUE(pruning)
DEFINE_AUTO_VALUE(candidates)
