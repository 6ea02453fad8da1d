/*
 * prune: old records out of a cache repository. Their layers go with them, when the registry
 * collects what no manifest names.
 *
 * Only manifests that carry a document of ours are looked at further: whatever else lies in the
 * repository stays. An index goes when all its records are old. A record is as old as the run of
 * its step; that it was used since is not known to a registry. A cache mount is as old as the last
 * build that brought it, or said within a day that it is good.
 *
 * Floor: cache.
 */
#pragma once
#include "base/error.h"
#include "registry/registry.h"
#include "sys/cancel.h"

struct cache_prune_options {
	uint64_t older_than_seconds;
	bool dry_run;
	/* Told of each tag that goes; may be NULL. */
	void (*told)(void *user, const char *tag, int64_t created);
	void *user;
};

struct cache_prune_report {
	size_t tags, ours, deleted; /* in the repository; with our records; that went */
};

/* repository: "host/name". ERR_UNSUPPORTED: the registry deletes nothing. */
FALLIBLE cache_prune_repository(struct registry_client *registry, const char *repository,
		const struct cache_prune_options *options, struct cancel *cancel,
		struct cache_prune_report *ret);
