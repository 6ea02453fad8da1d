/*
 * cache: what a step made, by its key (design: keys are computed before anything runs).
 *
 * A record is a promise that can still be kept: one whose layer is gone (no usable tree, no blob)
 * is not found, and dropped. The newest record of a key wins.
 *
 * Floor: store. Any thread.
 */
#pragma once
#include "base/auto.h"
#include "oci/digest.h"
#include "store/layers.h"
#include "store/store.h"

struct cache_record {
	enum cache_kind { CACHE_LAYER = 1, CACHE_EMPTY /* the step changed nothing */ } kind;
	char layer[LAYER_ID_TEXT]; /* CACHE_LAYER */
	struct digest diff_id;     /* of that layer, known or not; filled by cache_get */
	struct digest content;     /* of what the step made; known or not */
	int64_t created;           /* Unix seconds; 0 for cache_put is now */
	char *slot;                /* which step of which build, for cache_last(); or NULL */
	char *ingredients;         /* JSON: what the key was made of; or NULL */
};

/* Borrows record. kind, layer, content, created, slot and ingredients are read. */
FALLIBLE cache_put(
		struct store *store, const struct digest *key, const struct cache_record *record);
/* *ret is written when *ret_found. A found layer is leased. */
FALLIBLE cache_get(struct store *store, const struct digest *key, bool *ret_found,
		struct cache_record *ret);
/* The newest record of a slot, whether its layer is there or not: to explain a miss. */
FALLIBLE cache_last(struct store *store, const char *slot, bool *ret_found, struct digest *ret_key,
		struct cache_record *ret);
void cache_record_done(struct cache_record *record);

/*
 * Hints: was this definition (a step without the digests of its files) ever run here? false means
 * that no look-up can hit, so a COPY may be read, hashed and streamed in one pass.
 */
FALLIBLE definition_seen(struct store *store, const struct digest *definition, bool *ret);
FALLIBLE definition_mark(struct store *store, const struct digest *definition);

DEFINE_AUTO_VALUE(cache_record)
