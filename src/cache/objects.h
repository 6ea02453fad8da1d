/*
 * objects: bytes by name, which is all that a directory, a bucket or a CI's cache service has in
 * common. home_objects.c makes a cache home of it.
 *
 * Names are of the form "blobs/sha256/<hex>", "steps/<hex>", "index/<text>", made by home_objects.c
 * of digests and of text that it escaped. A put is whole or not there.
 *
 * Floor: cache. Calls come from several threads.
 */
#pragma once
#include "cache/home.h"
#include "stream/reader.h"

struct objects;

struct objects_ops {
	/* ERR_NOT_FOUND. Not verified: names of blobs say what they hold, the caller checks. */
	struct error *(*get)(struct objects *objects, const char *name, struct reader **ret);
	struct error *(*has)(struct objects *objects, const char *name, bool *ret);
	/* Replaces what is there. */
	struct error *(*put)(struct objects *objects, const char *name,
			const struct registry_blob *blob);
	void (*free)(struct objects *objects);
};

struct objects {
	const struct objects_ops *ops;
};

/* A directory, made on the first put. */
struct objects *objects_dir(const char *path);
