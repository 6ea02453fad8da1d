/*
 * sigv4: signatures of requests to S3, AWS Signature Version 4, with the payload's own digest.
 *
 * Floor: cache (pure).
 * Spec: docs.aws.amazon.com, "Create a signed AWS API request".
 */
#pragma once
#include "base/vec.h"
#include "oci/digest.h"
#include "registry/url.h"

struct sigv4 {
	const char *key_id, *secret; /* NULL: not signed */
	const char *token;           /* or NULL */
	const char *region;
};

/* Add the headers that make the request a signed one, at that time (Unix seconds). */
void sigv4_sign(const struct sigv4 *sigv4, const char *method, const struct url *url,
		const struct digest *payload, int64_t now, struct list *headers);
