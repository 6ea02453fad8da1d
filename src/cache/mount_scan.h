/*
 * mount_scan: from a cache mount on disk to its list, and to the chunks that a home lacks.
 *
 *	mount_scan()   walks, reads and cuts: the list with its plain chunks
 *	mount_pack()   packs those that nobody has into a file; the list is complete then
 *
 * Sockets, pipes and devices are left out: a cache is files. Whoever calls holds the mount's lock
 * alone.
 *
 * Floor: cache. One thread.
 */
#pragma once
#include "base/map.h"
#include "cache/mount_list.h"
#include "stream/pool.h"
#include "sys/cancel.h"
#include "sys/owner.h"

struct mount_scan_options {
	const struct owner_policy *policy;
	uint64_t max_bytes; /* more are ERR_LIMIT */
	struct cancel *cancel;
	struct pool *pool; /* mount_pack() compresses with it; or NULL */
};

FALLIBLE mount_scan(int tree_fd, const struct mount_scan_options *options, struct mount_list **ret);

/* A chunk that was packed: where it lies in the file. */
struct mount_parcel {
	struct cached_blob blob;
	uint64_t offset;
};

struct mount_parcels {
	struct mount_parcel *p;
	size_t n, capacity;
};

/*
 * Chunks by their plain digest (its text): what homes were seen to have, of a list (borrowed).
 */
void mount_known_add(struct map *known, const struct mount_list *list);
/*
 * Fill in the blob of every chunk of the list: of known, or packed and written to fd (at its
 * position). What changed since mount_scan() is ERR_INVALID.
 */
FALLIBLE mount_pack(int tree_fd, const struct mount_scan_options *options, const struct map *known,
		int fd, struct mount_list *list, struct mount_parcels *ret);
