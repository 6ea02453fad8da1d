/*
 * seal_key: keys of encrypted images: public ones that layers are encrypted for, private ones that
 * open them. RSA, or EC on P-256, P-384 or P-521.
 *
 * Public keys are SubjectPublicKeyInfo or a certificate, private ones PKCS #8, PKCS #1 or SEC 1,
 * all in PEM or DER, the private ones in PEM also encrypted; or either is a JWK.
 *
 * Floor: trust. Read-only once made; any thread.
 */
#pragma once
#include "base/auto.h"
#include "base/str.h"
#include "base/vec.h"
#include "trust/secret.h"

#include <openssl/types.h>

struct seal_key {
	EVP_PKEY *key;
	const char *curve;     /* as JOSE names it; NULL: RSA */
	const char *algorithm; /* by which a layer's key is encrypted for it, as JOSE names it */
};

struct seal_keys {
	struct seal_key *p;
	size_t n, capacity;
};

/* Added to *ret. what names the key in messages, which never quote it. */
FALLIBLE seal_key_read_public(struct str text, const char *what, struct seal_keys *ret);
/* passphrase may be NULL; ERR_DENIED when it is missing or wrong. */
FALLIBLE seal_key_read_private(struct str text, const char *what, const struct secret *passphrase,
		struct seal_keys *ret);

/*
 * Each of texts is whom to encrypt for, as Buildah and skopeo have it: "jwe:FILE". Other protocols
 * are ERR_UNSUPPORTED and say why.
 */
FALLIBLE seal_keys_read_recipients(const struct list *texts, struct seal_keys *ret);
/*
 * Each is what to decrypt with: "FILE", or with the passphrase behind it "FILE:TEXT",
 * "FILE:pass=TEXT", "FILE:file=PATH", "FILE:fd=NUMBER". From then on our memory is private.
 */
FALLIBLE seal_keys_read_private(const struct list *texts, struct seal_keys *ret);

void seal_keys_done(struct seal_keys *keys);

DEFINE_AUTO_VALUE(seal_keys)
