/*
 * inside: what the files of trust share: the files that were read, once. Nobody else includes it.
 *
 * Floor: trust, inside.
 */
#pragma once
#include "trust/gpg.h"
#include "trust/policy.h"
#include "trust/registries_d.h"
#include "trust/trust.h"

#include <pthread.h>

struct trust {
	char *policy_named, *config_home, *lookaside, *registries_dir, *tmp_dir;
	struct registry_client *client; /* borrowed, or NULL */
	struct gpg gpg;
	pthread_mutex_t lock;
	bool has_policy, has_registries; /* guarded by lock: were they read */
	/* Constant once read. */
	char *policy_file; /* NULL: there is none */
	struct policy policy;
	struct registries_d registries;
};

FALLIBLE trust_need_policy(struct trust *trust);
FALLIBLE trust_need_registries(struct trust *trust);
/* Where simple signatures of a name are. Borrowed. */
const char *trust_lookaside(const struct trust *trust, const struct list *scopes, bool for_writing);

/* The bytes of every key of a requirement, each with a name for messages. */
struct key_text {
	char *what, *text;
	size_t n;
};
struct key_texts {
	struct key_text *p;
	size_t n, capacity;
};

FALLIBLE key_texts_read(const struct requirement *requirement, struct key_texts *ret);
void key_texts_done(struct key_texts *texts);

DEFINE_AUTO_VALUE(key_texts)
