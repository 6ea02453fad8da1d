/*
 * attached: sigstore signatures that lie in the repository of their image, as cosign puts them
 * there: a manifest under the tag sha256-HEX.sig whose layers are payloads, each with its signature
 * in an annotation; or the same manifest as a referrer of the image (OCI 1.1).
 *
 * One manifest serves for both here: it has the tag, and the image as its subject. Where a registry
 * knows no referrers, it is entered in the index under the tag sha256-HEX.
 *
 * Floor: trust.
 * Spec: cosign, specs/SIGNATURE_SPEC.md; OCI distribution-spec v1.1, "Listing Referrers".
 */
#pragma once
#include "base/vec.h"
#include "oci/descriptor.h"
#include "oci/reference.h"

struct registry_client;

struct attached_signature {
	char *payload;
	size_t n;
	unsigned char *signature;
	size_t signature_n;
};

struct attached {
	struct attached_signature *p;
	size_t n, capacity;
	size_t looked; /* requests for signatures so far, those that brought none too */
};

void attached_done(struct attached *attached);

enum attached_where { ATTACHED_BY_TAG = 1, ATTACHED_AS_REFERRER };

/*
 * Adds those that are there; what is damaged is left out. None is success. At most LIMIT_SIGNATURES
 * are asked for, whatever a registry lists.
 */
FALLIBLE attached_read(struct registry_client *client, const struct reference *reference,
		const struct digest *manifest, enum attached_where where, struct attached *ret);
/* One more, beside all that are there. manifest: what is signed, as the registry has it. */
FALLIBLE attached_add(struct registry_client *client, const struct reference *reference,
		const struct descriptor *manifest, const struct attached_signature *signature);

DEFINE_AUTO_VALUE(attached)
