/*
 * spec: where a cache is to be found or put, as options say it (--cache-from, --cache-to,
 * --cache-repo). Owned texts; whoever parses options fills it, homes.h reads it.
 *
 * Floor: cache (pure).
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "oci/mediatype.h"
#include <stdint.h>

enum cache_home_kind {
	CACHE_HOME_REGISTRY = 1,
	CACHE_HOME_INLINE, /* to: inside the image itself; from: as registry */
	CACHE_HOME_LOCAL,
	CACHE_HOME_S3,
	CACHE_HOME_AZBLOB,
	CACHE_HOME_GHA,
};

/* mounts=true and its bounds: contents of cache mounts travel, too. */
struct cache_mounts {
	bool is_wanted;
	uint64_t max_bytes;      /* of one mount's contents; never 0 where it is wanted */
	int64_t max_age_seconds; /* of what a home has; 0: any */
};

struct cache_spec {
	enum cache_home_kind kind;
	bool is_max;      /* mode=max: steps of every stage, not only of the image's layers */
	bool keeps_error; /* ignore-error=false: a failed export fails the build */
	/* How layers are written, where it is not as the image has them. */
	enum compression compression; /* 0: as the image */
	int level;                    /* of compression; CODEC_LEVEL_DEFAULT */
	bool forces;                  /* those that are there otherwise, too */
	bool is_index;                /* image-manifest=false; of a registry */
	/*
	 * Which index: a registry's tag is in where; local: tag=, s3: name=, gha: scope=. NULL: one
	 * for each Dockerfile, target and platform.
	 */
	char *name;
	char *where; /* registry: reference as typed; local: directory; s3: bucket; gha: URL */
	/* s3, gha: "key=value", checked by whoever parsed them. */
	struct list settings;
	struct cache_mounts mounts;
};

struct cache_specs {
	struct cache_spec *p;
	size_t n, capacity;
};

void cache_spec_done(struct cache_spec *spec);
void cache_specs_done(struct cache_specs *specs);

DEFINE_AUTO_VALUE(cache_spec)
DEFINE_AUTO_VALUE(cache_specs)
