/*
 * sign: signing what was pushed: with a key in the way of sigstore, the signature beside the image;
 * with a GPG key as a simple signature, in the lookaside of registries.d.
 *
 * Floor: trust. Thread-safe.
 */
#pragma once
#include "trust/trust.h"

/* Borrowed by signer_new() for its call. */
struct sign_settings {
	const char *key_file;        /* --sign-by-sigstore-private-key */
	const char *fingerprint;     /* --sign-by */
	const char *passphrase_file; /* of either */
};

struct signer;

/*
 * Reads the private key now, so that a wrong one is told before any work; from then on our memory
 * is private. *ret is NULL when nothing is to be signed by. trust is borrowed.
 */
FALLIBLE signer_new(struct trust *trust, const struct sign_settings *settings, struct signer **ret);
void signer_free(struct signer *signer); /* NULL is fine */

/* manifest: what is under to in its registry. */
FALLIBLE sign(struct signer *signer, const struct reference *to, const struct descriptor *manifest);

DEFINE_AUTO_PTR(signer, signer_free)
