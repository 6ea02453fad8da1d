/*
 * cache_flag: the values of --cache-from and --cache-to, as BuildKit's users write them:
 * "type=registry,ref=r.example/app/cache,mode=max", or a reference alone.
 *
 * Everything that can be wrong with them is found here, before any work, as error_usage. Keys that
 * say what kiln does anyway (image-manifest=true) are taken; those it cannot do are refused by
 * name.
 *
 * Floor: ui (pure).
 */
#pragma once
#include "base/error.h"
#include "cache/spec.h"

struct cache_flags {
	/* For what services take from the environment (AWS_..., ACTIONS_...); NULL: nothing. */
	const char *(*getenv)(const char *name);
	struct cache_specs from, to;
	bool is_inline; /* --cache-to type=inline */
};

FALLIBLE cache_flags_add_from(struct cache_flags *flags, const char *value);
FALLIBLE cache_flags_add_to(struct cache_flags *flags, const char *value);
/* Kaniko's --cache-repo: read from and written to, steps of every stage. */
FALLIBLE cache_flags_add_repo(struct cache_flags *flags, const char *value);
struct build_options;
/* --cache-ttl (NULL: not given), in whole seconds. Of 0 nothing is young enough: no cache. */
FALLIBLE cache_ttl_set(const char *text, struct build_options *ret);
void cache_flags_done(struct cache_flags *flags);

DEFINE_AUTO_VALUE(cache_flags)
