/*
 * trust: whether an image may be used, as policy.json has it, and signatures for what is pushed.
 *
 *	TRY(trust_rules(trust, &origin, &rules));         which requirements, in words and as a key
 *	if (rules.answer == TRUST_ASK)
 *		TRY(trust_verify(trust, &origin, &rules, digests, n));
 *
 * Files are read at the first question and kept: policy.json (the one that is named, else the
 * user's, else the system's; without any, everything is accepted), its keys, registries.d. An image
 * is meant by the digest of its manifest; the index that it was chosen from speaks for it, too.
 *
 * Floor: trust. Thread-safe.
 * Spec: containers-policy.json(5), containers-registries.d(5).
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "oci/descriptor.h"
#include "oci/reference.h"
#include "sys/cancel.h"

struct registry_client;
struct requirements;
struct trust;

/* Copied. Any but tmp_dir may be NULL. */
struct trust_settings {
	const char *policy;         /* --signature-policy: this file, and it must be there */
	const char *config_home;    /* ~/.config: containers/policy.json and registries.d */
	const char *lookaside;      /* the folder for signatures that registries.d has none for */
	const char *registries_dir; /* instead of the user's or the system's registries.d */
	const char *tmp_dir;
	const char *const *env; /* of gpg; borrowed */
};

/* client (may be NULL: no network) and cancel are borrowed. Nothing is read yet. */
struct trust *trust_new(const struct trust_settings *settings, struct registry_client *client,
		struct cancel *cancel);
void trust_free(struct trust *trust); /* NULL is fine */

/* Where an image comes from. */
struct trust_origin {
	const char *transport;             /* "docker", "oci", "oci-archive", "dir" … */
	const struct reference *reference; /* of docker: as it was asked for, before mirrors */
	const char *path, *name;           /* of the others: absolute, and what stands behind it */
	const struct list *scopes; /* narrowest first, where they follow from neither; or NULL */
};

struct trust_rules {
	enum trust_answer { TRUST_ACCEPT = 1, TRUST_ASK } answer;
	const struct requirements *requirements; /* borrowed */
	struct digest key; /* of the requirements, their keys and the origin's name */
};

/*
 * ERR_DENIED when the policy rejects it whoever signed. ERR_INVALID and others for a policy or key
 * that cannot be read: nothing may be used then.
 */
FALLIBLE trust_rules(
		struct trust *trust, const struct trust_origin *origin, struct trust_rules *ret);
/*
 * Find signatures and verify them. digests: the manifest's, and its index's if there is one.
 * ERR_DENIED says which requirement is not met and why.
 */
FALLIBLE trust_verify(struct trust *trust, const struct trust_origin *origin,
		const struct trust_rules *rules, const struct digest *digests, size_t n);

DEFINE_AUTO_PTR(trust, trust_free)
