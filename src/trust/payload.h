/*
 * payload: the small JSON document that is signed: which manifest, under which name. Simple signing
 * (GPG) and cosign have the same one with another type.
 *
 * Floor: trust (pure).
 * Spec: containers/image, docs/atomic-signature.md; cosign, specs/SIGNATURE_SPEC.md.
 */
#pragma once
#include "base/auto.h"
#include "oci/digest.h"

enum payload_kind { PAYLOAD_SIMPLE = 1, PAYLOAD_SIGSTORE };

struct payload {
	struct digest manifest;
	char *reference; /* as it is written */
};

/*
 * A payload of that kind and no other. Fields of "critical" must be these exactly; what "optional"
 * holds is anybody's, and of no weight. ERR_INVALID, ERR_LIMIT.
 */
FALLIBLE payload_parse(struct str json, enum payload_kind kind, struct payload *ret);
void payload_done(struct payload *payload);

/* created: Unix seconds. New; free(). */
char *payload_print(const struct payload *payload, enum payload_kind kind, const char *creator,
		int64_t created);

DEFINE_AUTO_VALUE(payload)
