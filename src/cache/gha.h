/*
 * gha: what the two versions of GitHub's cache service have in common. The second is GitHub's own;
 * the first lives on in the runners of Gitea and Forgejo, and in GitHub's servers for companies.
 * Private to objects_gha.c and the two.
 *
 * Floor: cache.
 */
#pragma once
#include "cache/exchange.h"
#include "cache/home_kinds.h"
#include "oci/json.h"

struct gha;

struct gha_version {
	/*
	 * Where the bytes of an entry are: exactly key's, or (is_prefix) those of the newest whose
	 * key begins so. ERR_NOT_FOUND.
	 */
	struct error *(*find)(struct gha *gha, const char *key, bool is_prefix, struct url *ret);
	/* A new entry; nothing is sent when it is there, for entries never change. */
	struct error *(*put)(struct gha *gha, const char *key, const struct registry_blob *blob);
};

/* REST: an entry is reserved, filled in pieces, closed. */
extern const struct gha_version gha_v1;
/* Twirp: calls with JSON, which hand out addresses. */
extern const struct gha_version gha_v2;

struct gha {
	struct objects objects;
	const struct gha_version *version;
	const struct cache_means *means;
	struct url base; /* ends with '/' */
	char *token;
	char *realm;      /* "version" to the service: entries of another one are not seen */
	int64_t limit_ns; /* timeout=: reading, and writing, begin nothing after it; 0: none */
	_Atomic uint64_t read_began, write_began;
};

/* An object that is about the entry of that key; the rest of it is the caller's. */
void gha_begin(const struct gha *gha, struct json_out *request, const char *key);
/* A request to base and path with the token; exchange has the method and what else it needs. */
FALLIBLE gha_send(struct gha *gha, struct exchange *exchange, const char *path,
		struct reader **ret_body);
/*
 * The same with JSON there (json, or NULL for none) and back: *ret (may be NULL) is NULL where the
 * answer was empty.
 */
FALLIBLE gha_call(struct gha *gha, const char *method, const char *path, struct json_out *json,
		json_t **ret);
