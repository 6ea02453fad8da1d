/*
 * home: one place that records and layers of steps are kept in besides the store: a registry's
 * repository, a directory, a bucket. One interface, so that what looks up and what exports knows no
 * kind.
 *
 * A home holds four sorts of things:
 *
 *	blobs   layers, tables of contents, lists and chunks of cache mounts, by digest
 *	steps   one record for each key (and definition): written once, by whoever ran the step
 *	index   all records of the last build under a name, so that a build learns all in one go
 *	mounts  what cache mounts hold, where that was asked for (mount_record.h)
 *
 * Nothing is read to be written again: every put replaces one whole thing, so any number of
 * builders may write at once, and what is half written is not named by anything.
 *
 * Floor: cache. Calls come from several threads. Format: docs/cache-format.md.
 */
#pragma once
#include "cache/mount_list.h"
#include "cache/mount_record.h"
#include "cache/record.h"
#include "cache/spec.h"
#include "oci/platform.h"
#include "registry/registry.h"

struct cache_home;

struct cache_home_ops {
	/* ERR_NOT_FOUND: nothing of that name. Records are added to *ret. */
	struct error *(*read_index)(struct cache_home *home, struct cached_steps *ret);
	struct error *(*read_step)(struct cache_home *home, const struct digest *key,
			struct cached_steps *ret);
	/* Verified against digest and size while it is read. */
	struct error *(*open_blob)(struct cache_home *home, const struct cached_blob *blob,
			struct reader **ret);
	/* Nothing is sent when it is there. */
	struct error *(*put_blob)(struct cache_home *home, const struct registry_blob *blob);
	/* Under the key of the only record, or another name of it. Its blobs are there. */
	struct error *(*put_step)(struct cache_home *home, const struct digest *key,
			const struct cached_steps *one);
	struct error *(*put_index)(struct cache_home *home, const struct cached_steps *steps);
	/* ERR_NOT_FOUND, as read_index. name: mount_record_name(). */
	struct error *(*read_mount)(struct cache_home *home, const struct digest *name,
			struct mount_record *ret);
	/* The blobs of the list, and the list itself, are there. */
	struct error *(*put_mount)(struct cache_home *home, const struct digest *name,
			const struct mount_record *record, const struct mount_list *list);
	/* "host/repository" when blobs can be mounted from here, else NULL. Borrowed. */
	const char *(*repository)(const struct cache_home *home);
	void (*free)(struct cache_home *home);
};

/* Embedded first in each kind's own struct. */
struct cache_home {
	const struct cache_home_ops *ops;
	char *name; /* "registry cache 'r/app:main'", for messages; two of one name are one home */
	/* The index lies in an image (type=inline): there is nothing but the index. */
	bool is_image;
	char *scope;         /* whose cache mounts: the name that the user gave; NULL: the home's */
	unsigned senders;    /* uploads at a time; 0: as who exports likes */
	bool writes_indexes; /* a registry's documents are indexes and no manifests */
};

/* What a home needs to work. Borrowed, and outlives the homes. */
struct cache_means {
	struct registry_client *registry; /* to write */
	struct registry_client *reader;   /* to read: nobody waits long for a cache */
	struct cancel *cancel;
	struct platform platform;
	const char *index_name; /* for specs without a name of their own */
};

/* By kind. Nothing is connected to or read before the first call of an op. */
FALLIBLE cache_home_open(const struct cache_spec *spec, const struct cache_means *means,
		struct cache_home **ret);
void cache_home_free(struct cache_home *home); /* NULL is fine */

DEFINE_AUTO_PTR(cache_home, cache_home_free)
