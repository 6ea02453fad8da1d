/*
 * homes_inner: what cache_homes are made of. Private to homes.c, which looks up, homes_blobs.c,
 * which reads, and homes_mounts.c, for cache mounts.
 *
 * Floor: cache.
 */
#pragma once
#include "base/map.h"
#include "cache/homes.h"

#include <pthread.h>

struct found {
	struct cached_step step;
	bool is_distrusted;
};

/* One home and what it said. */
struct place {
	struct cache_homes *homes;
	struct cache_home *home;
	const struct cache_spec *to; /* written to, or NULL */
	bool is_read;
	/* Cache mounts are read from here, written here; or NULL. */
	const struct cache_mounts *mounts_from, *mounts_to;
	bool is_dead;         /* does not answer; guarded by homes->lock, as all below */
	bool is_away;         /* and not for what it said: nobody is there */
	unsigned complaints;  /* told so far */
	struct map *by_key;   /* digest text -> found */
	struct found **found; /* owned */
	size_t found_n, found_capacity;
	size_t index_n; /* how many of them the index had */
};

struct cache_homes {
	struct cache_means means;
	int64_t oldest; /* created before this does not count */
	void (*warn)(void *user, const char *text);
	void *user;
	struct place *places;
	size_t place_n;
	struct cache_target *targets;
	size_t target_n;
	struct group *starting; /* reads indexes; joined by the first who asks */
	pthread_mutex_t start_lock;
	bool is_started; /* guarded by start_lock */
	pthread_mutex_t lock;
	struct map *asked; /* guarded by lock */
	unsigned distrusted;
};

/* Takes error, NULL too. Wrong records are misses; a home that does not work is left alone. */
void cache_place_failed(struct place *place, struct error *error);
