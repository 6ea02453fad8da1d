/*
 * cache_mount: directories that RUN --mount=type=cache keeps from build to build.
 *
 *	mounts/<hex>/tree	what steps see
 *	mounts/<hex>/id		the id it goes by, for people; its time is when it was used last
 *
 * <hex> is the sha256 of what tells one from another: our owner key, the id, what the caller calls
 * variant (owner and mode, where its first content came from), and a number for those who want one
 * of their own. A directory is made in a draft and renamed, so it is whole or not there. Whoever
 * uses one holds its lock, shared or alone; prune takes those that nobody holds. Contents are as
 * durable as any file: after a crash of the machine they are what the file system kept.
 *
 * Floor: store. Any thread.
 */
#pragma once
#include "base/auto.h"
#include "oci/digest.h"
#include "store/layers.h"
#include "store/store.h"
#include "store/store_lock.h"

struct cache_mount {
	struct store *store;
	char *path; /* "mounts/<hex>" */
	char *id;
	struct store_lock *lock;
	int tree_fd; /* -1: not there yet: cache_mount_make() */
};

/* Its name, "mounts/<hex>": two that are the same directory have the same. New; free(). */
char *cache_mount_path(
		const struct store *store, const char *id, const char *variant, size_t number);
/*
 * Lock the directory of that name, and open it if it is there. Without wait ERR_BUSY when another
 * holds a lock that is in the way. Who takes several takes them in the order of their names.
 */
FALLIBLE cache_mount_take(struct store *store, const char *path, const char *id, bool alone,
		bool wait, struct cancel *cancel, struct cache_mount *ret);
/*
 * Make the draft's tree its content (empties draft, also when it fails), unless somebody who shares
 * the lock was faster: then theirs is taken.
 */
FALLIBLE cache_mount_make(struct cache_mount *mount, struct layer_draft *draft);
/* Not there, or nothing in it. */
bool cache_mount_is_empty(const struct cache_mount *mount);
/* One with nothing in it goes, to be made anew; the lock is held alone. tree_fd tells. */
void cache_mount_drop_empty(struct cache_mount *mount);
void cache_mount_done(struct cache_mount *mount);

/* For people: all there are, the longest unused first. */
struct cache_mount_entry {
	char *path, *id;
	uint64_t bytes;
	int64_t used;
};

struct cache_mount_list {
	struct cache_mount_entry *p;
	size_t n, capacity;
};

FALLIBLE cache_mounts_list(struct store *store, struct cache_mount_list *ret);
void cache_mount_list_done(struct cache_mount_list *list);

DEFINE_AUTO_VALUE(cache_mount)
DEFINE_AUTO_VALUE(cache_mount_list)
