/*
 * sigv4: signatures of requests to AWS and what speaks like it, AWS Signature Version 4, with the
 * payload's own digest.
 *
 * Floor: registry (pure).
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
	const char *service; /* "s3", "ecr"; only S3 is told the payload's digest */
};

/*
 * Add the headers that make the request a signed one, at that time (Unix seconds). The signature
 * covers those that are in the list already ("Name: value"), but for Accept, Range and If-Range,
 * which proxies may touch. The path is signed as it stands.
 */
void sigv4_sign(const struct sigv4 *sigv4, const char *method, const struct url *url,
		const struct digest *payload, int64_t now, struct list *headers);
