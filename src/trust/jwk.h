/*
 * jwk: keys as JSON, and what JOSE calls curves and ways of encrypting.
 *
 * Floor: trust (pure).
 * Spec: RFC 7517, RFC 7518.
 */
#pragma once
#include "base/str.h"

#include <openssl/types.h>

/*
 * RSA, or EC on P-256, P-384 or P-521. *ret_algorithm (new) is its "alg", NULL when it has none.
 * *ret (new): EVP_PKEY_free(). ERR_INVALID for a public key where a private one is wanted and the
 * other way round.
 */
FALLIBLE jwk_read(struct str json, const char *what, bool is_private, char **ret_algorithm,
		EVP_PKEY **ret);

/* "P-256" of OpenSSL's "prime256v1"; NULL for a curve that JOSE has not. */
const char *jwk_curve_of(const char *group);
/* A public key of a point, new; NULL when the curve is unknown or the point not on it. */
EVP_PKEY *jwk_point(const char *curve, const char *x, const char *y);
/* The other way: x and y in base64url, new. False when OpenSSL cannot say. */
bool jwk_point_text(const EVP_PKEY *key, const char *curve, char **ret_x, char **ret_y);
/* The way of encrypting for such a key that is called so. ERR_UNSUPPORTED names what. */
FALLIBLE jwk_algorithm(const char *name, bool is_rsa, const char *what, const char **ret);
