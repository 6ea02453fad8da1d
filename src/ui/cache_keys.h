/*
 * cache_keys: which keys a cache's type has in --cache-from and --cache-to, and what BuildKit's
 * users know that kiln refuses, with the reason. The values are cache_flag.h's business.
 *
 * Floor: ui (pure), private to cache_flag.c.
 */
#pragma once
#include "base/error.h"
#include "base/str.h"
#include "cache/spec.h"

enum cache_where { CACHE_FROM = 1, CACHE_TO = 2, CACHE_BOTH = 3 };

enum cache_key_sort {
	KEY_COMMON = 1, /* of every type: mode, compression, ... */
	KEY_WHERE,
	KEY_NAME,
	KEY_SETTING,
	KEY_BOOL,     /* a setting, "true" or "false" */
	KEY_COUNT,    /* a setting, at least 1 */
	KEY_DURATION, /* a setting, as Go writes them */
	KEY_REFUSED,
};

struct cache_key {
	const char *name;
	unsigned kinds; /* bits: 1 << kind */
	enum cache_where where;
	enum cache_key_sort sort;
	const char *why; /* KEY_REFUSED: what to do instead, or why there is no need */
};

/* error_usage when the word is no type, or no key of this type, with what may have been meant. */
FALLIBLE cache_kind_parse(const char *option, const char *word, enum cache_home_kind *ret);
FALLIBLE cache_key_find(const char *option, const char *word, enum cache_home_kind kind,
		enum cache_where where, const struct cache_key **ret);

/* Fill what the option did not say from the environment; getenv may be NULL. */
void cache_spec_fill(struct cache_spec *spec, const char *(*getenv)(const char *name));
/* error_usage when a key that the type cannot do without is not there. */
FALLIBLE cache_spec_check(const char *option, enum cache_where where, struct cache_spec *spec);
