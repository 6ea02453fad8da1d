/*
 * cosign_key: the encrypted private key that cosign and 'skopeo generate-sigstore-key' write: PEM
 * around JSON that names scrypt's parameters and a NaCl secret box.
 *
 * The box is opened by libsodium, loaded when such a key is used.
 *
 * Floor: trust.
 * Spec: github.com/theupdateframework/go-tuf, encrypted package.
 */
#pragma once
#include "base/str.h"
#include "trust/secret.h"

bool cosign_key_is(struct str pem);
/*
 * *ret is the key inside, DER. ERR_DENIED when the passphrase (NULL is the empty one) is wrong;
 * ERR_LIMIT for parameters that ask for more memory than such keys do; ERR_NOT_FOUND without
 * libsodium.
 */
FALLIBLE cosign_key_open(
		struct str pem, const char *what, const char *passphrase, struct secret *ret);
