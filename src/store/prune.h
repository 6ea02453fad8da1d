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
#include "store/store.h"

enum prune_kind {
	PRUNE_LEFTOVERS = 0, /* of dead processes, and files without a row */
	PRUNE_DUPLICATES,    /* second trees of one diffID */
	PRUNE_TREES,         /* unpacked layers whose blob is here */
	PRUNE_REMOTE,        /* blobs of no kept image that a registry was seen to hold */
	PRUNE_HINTS,         /* digests of context files, seen definitions */
	PRUNE_CACHE,         /* cache records, with layers and blobs that nothing else needs */
	PRUNE_UNTAGGED,      /* images without a name */
	PRUNE_BLOBS,         /* blobs that nothing refers to */
	PRUNE_TAGGED,        /* images with a name: only when asked for by kinds */
	PRUNE_HISTORY,       /* what builds told (history.h): by age, or when asked for by kinds */
};

enum { PRUNE_KINDS = PRUNE_HISTORY + 1 };

struct prune_options {
	unsigned kinds;              /* bits 1u << kind; 0: LEFTOVERS, DUPLICATES, UNTAGGED, BLOBS;
					with all, keep_bytes or older_than: every one but TAGGED */
	bool all;                    /* whatever its age */
	uint64_t older_than_seconds; /* only what was not used for so long; 0: any age */
	uint64_t keep_bytes;         /* stop once the store is this small; 0: no such bound */
	bool dry_run;                /* only report */
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

/* What is there, and how much of it prune could free with all set. */
struct store_usage {
	struct usage_count {
		uint64_t things, bytes;
	} images, blobs, trees, cache, digests, tmp;
	uint64_t bytes, reclaimable_bytes;
};

FALLIBLE store_usage(struct store *store, struct store_usage *ret);
