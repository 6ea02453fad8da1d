/*
 * home_kinds: the constructors that cache_home_open() chooses from. Private to cache/.
 *
 * Floor: cache.
 */
#pragma once
#include "cache/home.h"
#include "cache/objects.h"

FALLIBLE cache_home_registry(const struct cache_spec *spec, const struct cache_means *means,
		struct cache_home **ret);
/* A bucket, a container of Azure, and GitHub's cache service. */
FALLIBLE objects_s3(const struct cache_spec *spec, const struct cache_means *means,
		struct objects **ret);
FALLIBLE objects_azblob(const struct cache_spec *spec, const struct cache_means *means,
		struct objects **ret);
FALLIBLE objects_gha(const struct cache_spec *spec, const struct cache_means *means,
		struct objects **ret);
/* Over a store of objects (takes it, and name). index: name of the index. */
struct cache_home *cache_home_objects(struct objects *objects, char *name, const char *index);
