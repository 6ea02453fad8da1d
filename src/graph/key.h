/*
 * key: the cache key of a step: sha256 over a canonical record of what decides its result.
 *
 * A record is a kind ("run", "copy") and fields in a fixed order, each a name, a type and bytes,
 * every part framed by its length, so that no two different records hash the same bytes. Beside the
 * digest the record is kept as readable JSON, for "why did this step run?" (kiln explain). Secrets
 * never enter a record; nor do modification times.
 *
 * KEY_VERSION is part of each record: raise it when the meaning of a field changes.
 *
 * Floor: graph. One thread at a time. Document: docs/cache.md.
 */
#pragma once
#include "base/auto.h"
#include "graph/plan.h"
#include "oci/digest.h"

#define KEY_VERSION "1"

struct key;

struct key *key_new(const char *kind);
void key_free(struct key *key);
void key_text(struct key *key, const char *name, const char *text); /* NULL is a value of its own */
void key_number(struct key *key, const char *name, uint64_t value);
void key_digest(struct key *key, const char *name, const struct digest *digest);
void key_texts(struct key *key, const char *name, const struct texts *texts);
/* The digest; *ret_record (may be NULL) gets the JSON, free(). The key is spent. */
struct digest key_finish(struct key *key, char **ret_record);

DEFINE_AUTO_PTR(key, key_free)
