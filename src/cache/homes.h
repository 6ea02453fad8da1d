/*
 * homes: all the places that a build looks for its steps in besides the store, and what they said.
 *
 *	cache_homes_start()   indexes are read in the background, while base images are opened
 *	cache_homes_find()    what is known of a key; the first call waits for the indexes
 *	cache_homes_ask()     every home, for all these keys at the same time
 *
 * Homes are asked in the order they were given; the first that has a usable record wins. What a
 * home says is bounded and checked (record.h). A home that fails is told of once, as a warning, and
 * not asked again.
 *
 * Floor: cache. Any thread, once started.
 */
#pragma once
#include "cache/home.h"
#include "image/image.h"

struct cache_homes;

struct cache_homes_settings {
	const struct cache_specs *from, *to; /* borrowed */
	struct cache_means means;            /* its texts are borrowed */
	int64_t ttl_seconds;                 /* records older than this do not count; 0: any age */
	void (*warn)(void *user, const char *text); /* from any thread */
	void *user;
};

/* A place that cache_homes_export() writes to, with what it is to do. */
struct cache_target {
	struct cache_home *home;
	const struct cache_spec *spec;
	const struct cache_mounts *mounts; /* cache mounts go there, too; or NULL */
};

/* A usage error when a spec cannot be a home. *ret is NULL when there is none. */
FALLIBLE cache_homes_new(const struct cache_homes_settings *settings, struct cache_homes **ret);
void cache_homes_free(struct cache_homes *homes);
void cache_homes_start(struct cache_homes *homes);
/* There is at least one home to look up in (not only to write to). */
bool cache_homes_can_read(const struct cache_homes *homes);

/* An index said something: this build was seen before in this form or another. */
bool cache_homes_know_some(struct cache_homes *homes);

/*
 * What is known of a key or definition: borrowed until the homes are freed, or NULL. *ret_home (may
 * be NULL) has its blobs. *ret_asked: every home was asked for it, so there is no use in asking.
 */
const struct cached_step *cache_homes_find(struct cache_homes *homes, const struct digest *key,
		struct cache_home **ret_home, bool *ret_asked);
/* Ask for those not asked for yet. True: something was found. */
bool cache_homes_ask(struct cache_homes *homes, const struct digest *keys, size_t n);
/* This record turned out to be wrong: it is not found again. why is told as a warning (takes). */
void cache_homes_distrust(
		struct cache_homes *homes, const struct cached_step *step, struct error *why);
/* How many records were distrusted so far: a build that failed for one is worth another try. */
unsigned cache_homes_distrusted(struct cache_homes *homes);

/* Some home said something of this key, those that are only written to as well. */
bool cache_homes_know(struct cache_homes *homes, const struct digest *key);
/* What one home said of a key, whoever is first; for exports. */
const struct cached_step *cache_home_has(
		struct cache_homes *homes, const struct cache_home *home, const struct digest *key);
/* The homes to write to. */
const struct cache_target *cache_homes_targets(const struct cache_homes *homes, size_t *ret_n);
/*
 * ERR_NETWORK when nobody answered at the home as its index was read: what would be sent there
 * waits for each of its tries in vain.
 */
FALLIBLE cache_home_check_away(struct cache_homes *homes, const struct cache_home *home);
/* Whether the index that was read has exactly these keys. */
bool cache_home_index_is(struct cache_homes *homes, const struct cache_home *home,
		const struct cached_steps *steps);

/* The bytes of a record's layer or table; a failure distrusts the record. */
FALLIBLE cache_homes_open(struct cache_homes *homes, const struct cached_step *step,
		struct cache_home *home, const struct cached_blob *blob, struct reader **ret);

/* homes_mounts.c */

/* A cache mount that a home has. */
struct found_mount {
	struct mount_record record;
	struct cache_home *home;
	uint64_t max_bytes; /* as that home's option says */
};

void found_mount_done(struct found_mount *found);
/* Some home was asked for cache mounts (mounts=true). */
bool cache_homes_have_mounts(const struct cache_homes *homes);
/*
 * The first of them that has this mount, within its option's bounds; one that is beyond them is
 * told of as a warning. False: none.
 */
bool cache_homes_find_mount(
		struct cache_homes *homes, const struct digest *mount, struct found_mount *ret);

/*
 * Blobs of records that were found, else those of below (may be NULL; a reference is taken), as a
 * source of images.
 */
struct image_source *cache_homes_source(struct cache_homes *homes, struct image_source *below);

DEFINE_AUTO_PTR(cache_homes, cache_homes_free)
DEFINE_AUTO_VALUE(found_mount)
