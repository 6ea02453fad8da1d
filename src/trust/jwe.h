/*
 * jwe: some bytes encrypted for whoever has one of several private keys, as JSON.
 *
 * What go-jose writes by default for ocicrypt: the content with A256GCM, its key for each recipient
 * with RSA-OAEP or ECDH-ES+A256KW; flattened for one recipient, general for more. Read are these,
 * RSA-OAEP-256, the shorter key wraps, A128GCM and A192GCM.
 *
 * Floor: trust (pure).
 * Spec: RFC 7516, RFC 7518.
 */
#pragma once
#include "trust/seal_key.h"

/* *ret is new. */
FALLIBLE jwe_encrypt(const struct seal_keys *recipients, const void *plain, size_t n, char **ret);
/*
 * ERR_DENIED when none of the keys opens it; ERR_INVALID and ERR_LIMIT for what is no JWE;
 * ERR_UNSUPPORTED for content encrypted in another way.
 */
FALLIBLE jwe_decrypt(struct str json, const struct seal_keys *keys, struct secret *ret);
