/*
 * mount_restore: a cache mount out of a home, into an empty directory.
 *
 * Chunks are fetched side by side, a few ahead of what is written; each is checked as it is packed
 * and as it is plain. After any error the directory holds a part, and the caller drops it: a mount
 * is whole or not there.
 *
 * Floor: cache.
 */
#pragma once
#include "cache/home.h"
#include "cache/mount_list.h"
#include "sys/owner.h"

/* The list that a record speaks of. ERR_DIGEST when it is of another tree. */
FALLIBLE mount_fetch_list(struct cache_home *home, const struct cached_blob *blob,
		const struct digest *tree, uint64_t max_bytes, struct mount_list **ret);

struct mount_restore_options {
	const struct owner_policy *policy;
	struct cancel *cancel;
	/* Told how many of list->bytes came so far, in order, on the caller's thread; may be NULL.
	 */
	void (*told)(void *user, uint64_t bytes);
	void *user;
};

FALLIBLE mount_restore(struct cache_home *home, const struct mount_list *list, int dir_fd,
		const struct mount_restore_options *options);
