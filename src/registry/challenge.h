/*
 * challenge: what a WWW-Authenticate header asks for.
 *
 * Floor: registry (pure). Input is hostile: bounded counts and lengths, anything malformed ends the
 * list, never the program.
 * Spec: RFC 9110, 11.6.1; distribution's token authentication (realm, service, scope, error).
 */
#pragma once
#include "base/auto.h"
#include "base/str.h"
#include "base/vec.h"

struct challenge {
	enum challenge_kind { CHALLENGE_OTHER = 0, CHALLENGE_BASIC, CHALLENGE_BEARER } kind;
	char *realm, *service, *scope, *error; /* or NULL */
};

struct challenges {
	struct challenge *p;
	size_t n, capacity;
};

enum { CHALLENGES_MAX = 8, CHALLENGE_PARAMETERS_MAX = 16 };

/* Add the challenges of one header's value. */
void challenges_parse(struct str value, struct challenges *ret);
/* Bearer with a realm if there is one, else Basic, else NULL. */
const struct challenge *challenges_best(const struct challenges *challenges);
void challenges_done(struct challenges *challenges);

DEFINE_AUTO_VALUE(challenges)
