/*
 * seal: what the descriptor of an encrypted layer says in its annotations: for all how it is
 * encrypted and its HMAC, and for whom it is meant the key and the digest of what is inside.
 *
 *	org.opencontainers.image.enc.keys.jwe   base64 of a JWE, of several with commas between
 *	org.opencontainers.image.enc.pubopts    base64 of {"cipher":…,"hmac":…,"cipheroptions":{}}
 *
 * Floor: trust (pure).
 * Spec: ocicrypt's docs/spec, as containers/image and containerd write it; OCI has none.
 */
#pragma once
#include "oci/digest.h"
#include "stream/cipher.h"
#include "trust/seal_key.h"

/* What opens one layer. A value; wiped by seal_secret_done(). */
struct seal_secret {
	struct cipher_key key;
	unsigned char mac[CIPHER_MAC_BYTES];
	/*
	 * Of the layer before it was encrypted, or, where Buildah compressed it on the way, before
	 * that. Unknown where nothing is said.
	 */
	struct digest digest;
};

void seal_secret_done(struct seal_secret *secret);
/* A key and nonce that nobody had before. */
FALLIBLE seal_secret_new(struct seal_secret *ret);

/* The annotations for it, added to *ret ("key=value"). At least one recipient. */
FALLIBLE seal_write(const struct seal_keys *recipients, const struct seal_secret *secret,
		struct list *ret);
/*
 * ERR_DENIED when none of the keys opens it, ERR_UNSUPPORTED for what is encrypted in another way,
 * else ERR_INVALID or ERR_LIMIT.
 */
FALLIBLE seal_read(const struct list *annotations, const struct seal_keys *keys,
		struct seal_secret *ret);
/* Drop what is said of encryption. */
void seal_strip(struct list *annotations);

DEFINE_AUTO_VALUE(seal_secret)
