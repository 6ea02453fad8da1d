#include "stream/cipher.h"
#include "base/xalloc.h"
#include "stream/crypto.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <string.h>

struct cipher_reader {
	struct reader base;
	struct reader *below;
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac;
	struct cipher_key key; /* until the first read */
	unsigned char wanted[CIPHER_MAC_BYTES];
	unsigned char *made; /* of what is encrypted; NULL: it is decrypted */
};

static void cipher_free(struct reader *reader)
{
	const struct crypto_calls *crypto = crypto_loaded();
	struct cipher_reader *self = (struct cipher_reader *)reader;

	reader_free(self->below);
	/* Of one that nobody read from the library may not even be there. */
	if (self->cipher)
		crypto->EVP_CIPHER_CTX_free(self->cipher);
	if (self->mac)
		crypto->EVP_MAC_CTX_free(self->mac);
	OPENSSL_cleanse(&self->key, sizeof(self->key));
	free(self);
}

/* Both directions of counter mode are the same. */
static FALLIBLE begin(struct cipher_reader *self)
{
	const struct crypto_calls *crypto = NULL;

	TRY(crypto_load(&crypto));
	EVP_MAC *hmac = crypto->EVP_MAC_fetch(NULL, "HMAC", NULL);
	const OSSL_PARAM params[] = { crypto->OSSL_PARAM_construct_utf8_string(
						      OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" },
						      0),
		crypto->OSSL_PARAM_construct_end() };

	self->cipher = crypto->EVP_CIPHER_CTX_new();
	self->mac = hmac ? crypto->EVP_MAC_CTX_new(hmac) : NULL;
	crypto->EVP_MAC_free(hmac);
	bool ok = self->cipher && self->mac &&
		  crypto->EVP_EncryptInit_ex2(self->cipher, crypto->EVP_aes_256_ctr(),
				  self->key.key, self->key.nonce, NULL) == 1 &&
		  crypto->EVP_MAC_init(self->mac, self->key.key, sizeof(self->key.key), params) ==
				  1;
	OPENSSL_cleanse(&self->key, sizeof(self->key));
	crypto->ERR_clear_error();
	return ok ? NULL : error_new(ERR_UNSUPPORTED, "OpenSSL has no AES-256-CTR with HMAC");
}

static FALLIBLE end(struct cipher_reader *self)
{
	const struct crypto_calls *crypto = crypto_loaded();
	unsigned char mac[CIPHER_MAC_BYTES];
	size_t n = 0;
	bool ok = crypto->EVP_MAC_final(self->mac, mac, &n, sizeof(mac)) == 1 && n == sizeof(mac);

	crypto->ERR_clear_error();
	if (!ok)
		return error_new(ERR_UNSUPPORTED, "OpenSSL cannot end an HMAC");
	if (self->made) {
		memcpy(self->made, mac, sizeof(mac));
		return NULL;
	}
	return crypto->CRYPTO_memcmp(mac, self->wanted, sizeof(mac)) == 0
			       ? NULL
			       : error_new(ERR_DIGEST,
						 "the encrypted bytes do not match their HMAC: "
						 "they, or what is said of them, were "
						 "changed");
}

static FALLIBLE cipher_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	const struct crypto_calls *crypto = crypto_loaded();
	struct cipher_reader *self = (struct cipher_reader *)reader;
	int done = 0;

	if (!self->cipher)
		TRY(begin(self));
	TRY(reader_read(self->below, buf, n < INT_MAX ? n : INT_MAX, ret_n));
	if (*ret_n == 0)
		return end(self);
	/* What is encrypted is what the MAC is of. */
	bool ok = self->made || crypto->EVP_MAC_update(self->mac, buf, *ret_n) == 1;
	ok = ok && crypto->EVP_EncryptUpdate(self->cipher, buf, &done, buf, (int)*ret_n) == 1 &&
	     (size_t)done == *ret_n;
	ok = ok && (!self->made || crypto->EVP_MAC_update(self->mac, buf, *ret_n) == 1);
	crypto->ERR_clear_error();
	return ok ? NULL : error_new(ERR_UNSUPPORTED, "OpenSSL stopped in the middle of a layer");
}

static struct cipher_reader *make(struct reader *below, const struct cipher_key *key)
{
	static const struct reader_ops ops = { .read = cipher_read, .free = cipher_free };
	struct cipher_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = &ops;
	self->below = below;
	self->key = *key;
	return self;
}

struct reader *encrypt_reader(struct reader *below, const struct cipher_key *key,
		unsigned char mac[static CIPHER_MAC_BYTES])
{
	struct cipher_reader *self = make(below, key);

	self->made = mac;
	return &self->base;
}

struct reader *decrypt_reader(struct reader *below, const struct cipher_key *key,
		const unsigned char mac[static CIPHER_MAC_BYTES])
{
	struct cipher_reader *self = make(below, key);

	memcpy(self->wanted, mac, sizeof(self->wanted));
	return &self->base;
}
