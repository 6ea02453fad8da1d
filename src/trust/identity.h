/*
 * identity: whether the name that a signature speaks of is the name that an image is used by.
 *
 * Floor: trust (pure).
 * Spec: containers-policy.json(5), "signedIdentity".
 */
#pragma once
#include "oci/reference.h"

struct identity_rule {
	enum identity_kind {
		IDENTITY_REPO_DIGEST_OR_EXACT = 1, /* the default */
		IDENTITY_EXACT,
		IDENTITY_REPOSITORY,
		IDENTITY_EXACT_REFERENCE,
		IDENTITY_EXACT_REPOSITORY,
		IDENTITY_REMAP,
	} kind;
	char *name;                   /* of the two EXACT_: a reference or a repository */
	char *prefix, *signed_prefix; /* of REMAP */
};

void identity_rule_done(struct identity_rule *rule);

/*
 * used: the image's own name, or NULL for one that has none (a file). signed_name: what the
 * signature says, as it is there. ERR_DENIED says what differs.
 */
FALLIBLE identity_check(const struct identity_rule *rule, const struct reference *used,
		const char *signed_name);
