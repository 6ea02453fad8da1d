/*
 * crypto_key: keys of sigstore signatures: a public one in PEM that verifies, a private one that
 * signs.
 *
 * ECDSA and RSA (PKCS #1 v1.5) sign the sha256 of the message, Ed25519 the message itself, as
 * cosign does. Private keys are PKCS #8 in PEM, plain or encrypted, or cosign's own encrypted form
 * (cosign_key.h).
 *
 * Floor: trust. A key belongs to one thread at a time.
 */
#pragma once
#include "base/auto.h"
#include "base/str.h"

struct crypto_key;

/* what names the key in messages. ERR_INVALID; ERR_UNSUPPORTED for a kind or curve not listed. */
FALLIBLE crypto_key_read_public(struct str pem, const char *what, struct crypto_key **ret);
/* passphrase: NULL where there is none. ERR_DENIED when it does not open the key. */
FALLIBLE crypto_key_read_private(
		struct str pem, const char *what, const char *passphrase, struct crypto_key **ret);
void crypto_key_free(struct crypto_key *key);

bool crypto_key_verifies(
		const struct crypto_key *key, struct str message, const void *signature, size_t n);
/* *ret is new; free(). */
FALLIBLE crypto_key_sign(const struct crypto_key *key, struct str message, unsigned char **ret,
		size_t *ret_n);

DEFINE_AUTO_PTR(crypto_key, crypto_key_free)
