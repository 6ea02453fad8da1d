/*
 * prune, usage: what fills the store, and giving it back.
 *
 * Kinds are freed in this order, cheapest to get back first; within a kind, the longest unused
 * first. Never touched: what a living process leases, blobs and layers of kept images (a tree of
 * an image whose blob is here can be unpacked again and counts as PRUNE_TREES).
 *
 * Floor: store.
 */
#pragma once
#include "base/vec.h"
#include "oci/digest.h"
#include "store/store.h"

enum prune_kind {
	PRUNE_LEFTOVERS = 0, /* of dead processes, and files without a row */
	PRUNE_DUPLICATES,    /* second trees of one diffID */
	PRUNE_TREES,         /* unpacked layers whose blob is here */
	PRUNE_REMOTE,        /* blobs of no kept image that a registry was seen to hold */
	PRUNE_HINTS,         /* digests of context files, seen definitions */
	PRUNE_MOUNTS,        /* directories of RUN --mount=type=cache */
	PRUNE_CACHE,         /* cache records, with layers and blobs that nothing else needs */
	PRUNE_UNTAGGED,      /* images without a name */
	PRUNE_BLOBS,         /* blobs that nothing refers to */
	PRUNE_TAGGED,        /* images with a name: only when asked for by kinds */
	PRUNE_HISTORY,       /* what builds told (history.h): by age, or when asked for by kinds */
};

enum { PRUNE_KINDS = PRUNE_HISTORY + 1 };

struct prune_options {
	unsigned kinds;              /* bits 1u << kind; 0: LEFTOVERS, DUPLICATES, UNTAGGED, BLOBS;
					with all, a bound or older_than: every one but TAGGED */
	bool all;                    /* whatever its age */
	uint64_t older_than_seconds; /* only what was not used for so long; 0: any age */
	/* With a bound, it stops once all bounds that are given hold. */
	uint64_t keep_bytes; /* the store is this small; 0: no such bound */
	uint64_t free_bytes; /* its file system has so much free; 0: no such bound */
	bool dry_run;        /* only report */
};

struct prune_report {
	struct prune_count {
		uint64_t things, bytes;
	} freed[PRUNE_KINDS];
	uint64_t bytes;      /* all of them */
	uint64_t kept_bytes; /* what the store holds now */
};

FALLIBLE store_prune(
		struct store *store, const struct prune_options *options, struct prune_report *ret);
const char *prune_kind_name(enum prune_kind kind); /* "unpacked layers" */

/*
 * Pruning that nobody has to ask for: when the store is over a bound, what was not used for
 * keep_seconds goes until it is not. Costs two sums and a statvfs otherwise. Without a bound
 * nothing is done.
 */
struct gc_bounds {
	uint64_t max_bytes;    /* of the store; 0: no bound */
	uint64_t free_bytes;   /* of its file system; 0: no bound */
	uint64_t keep_seconds; /* what was used since stays all the same */
};

FALLIBLE store_gc(struct store *store, const struct gc_bounds *bounds, bool *ret_ran,
		struct prune_report *ret);

/* What each image costs. */
struct image_cost {
	struct digest manifest;
	struct list names;
	/* Compressed and unpacked, of it alone (what goes when it is removed), and shared with
	 * other images. */
	uint64_t own_bytes, shared_bytes;
	uint64_t own_tree_bytes, shared_tree_bytes;
};

struct disk_report {
	struct {
		struct image_cost *p;
		size_t n, capacity;
	} images;                         /* the largest own part first */
	uint64_t image_bytes;             /* of all images, each thing once */
	uint64_t cache_bytes;             /* layers and blobs of no image */
	uint64_t free_bytes, total_bytes; /* of the file system */
};

FALLIBLE store_disk(struct store *store, struct disk_report *ret);
void disk_report_done(struct disk_report *report);

/* What is there, and how much of it prune could free with all set. */
struct store_usage {
	struct usage_count {
		uint64_t things, bytes;
	} images, blobs, trees, cache, digests, history, tmp, mounts;
	uint64_t bytes, reclaimable_bytes;
};

FALLIBLE store_usage(struct store *store, struct store_usage *ret);

DEFINE_AUTO_VALUE(disk_report)
