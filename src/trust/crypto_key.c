#include "trust/crypto_key.h"

#include "base/xalloc.h"
#include "trust/cosign_key.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

enum { RSA_BITS_MIN = 2048 };

struct crypto_key {
	EVP_PKEY *key;
};

void crypto_key_free(struct crypto_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->key);
	free(key);
}

/* Takes key. */
static FALLIBLE accept(EVP_PKEY *key, const char *what, struct crypto_key **ret)
{
	struct crypto_key *made = xcalloc(1, sizeof(*made));
	int type = EVP_PKEY_get_base_id(key);

	made->key = key;
	if (type == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) < RSA_BITS_MIN) {
		crypto_key_free(made);
		return error_new(ERR_UNSUPPORTED, "%s: an RSA key of less than %d bits", what,
				RSA_BITS_MIN);
	}
	if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC && type != EVP_PKEY_ED25519) {
		crypto_key_free(made);
		return error_new(ERR_UNSUPPORTED, "%s: neither ECDSA nor RSA nor Ed25519", what);
	}
	*ret = made;
	return NULL;
}

/* OpenSSL would ask at the terminal. */
static int give_passphrase(char *buf, int size, int writes, void *user)
{
	const char *passphrase = user;
	size_t n = passphrase ? strlen(passphrase) : 0;

	if (writes || !n || n > (size_t)size)
		return 0;
	// NOLINTNEXTLINE(bugprone-not-null-terminated-result): OpenSSL goes by the length
	memcpy(buf, passphrase, n);
	return (int)n;
}

FALLIBLE crypto_key_read_public(struct str pem, const char *what, struct crypto_key **ret)
{
	BIO *bio = pem.n < INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, give_passphrase, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	if (!key)
		return error_hint(error_new(ERR_INVALID, "%s: no public key in PEM form", what),
				"it begins with -----BEGIN PUBLIC KEY-----");
	return accept(key, what, ret);
}

static FALLIBLE read_plain(struct str pem, const char *what, const char *passphrase, EVP_PKEY **ret)
{
	BIO *bio = pem.n < INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	bool is_encrypted = memmem(pem.p, pem.n, "ENCRYPTED", 9) != NULL;

	*ret = bio ? PEM_read_bio_PrivateKey(
				     bio, NULL, give_passphrase, (void *)(uintptr_t)passphrase)
		   : NULL;
	BIO_free(bio);
	ERR_clear_error();
	if (*ret)
		return NULL;
	if (is_encrypted && !passphrase)
		return error_hint(error_new(ERR_DENIED, "%s: the key is encrypted", what),
				"--sign-passphrase-file names a file with its passphrase");
	if (is_encrypted)
		return error_new(ERR_DENIED, "%s: the passphrase does not open the key", what);
	return error_hint(error_new(ERR_INVALID, "%s: no private key in PEM form", what),
			"PKCS #8, as 'openssl genpkey' and 'cosign generate-key-pair' write it");
}

static FALLIBLE read_cosign(
		struct str pem, const char *what, const char *passphrase, EVP_PKEY **ret)
{
	AUTO(secret) struct secret der = { 0 };

	TRY(cosign_key_open(pem, what, passphrase, &der));
	const unsigned char *at = der.p;
	*ret = d2i_AutoPrivateKey(NULL, &at, (long)der.n);
	ERR_clear_error();
	if (!*ret)
		return error_new(ERR_INVALID, "%s: what it encrypts is no private key", what);
	return NULL;
}

FALLIBLE crypto_key_read_private(
		struct str pem, const char *what, const char *passphrase, struct crypto_key **ret)
{
	EVP_PKEY *key = NULL;

	TRY(cosign_key_is(pem) ? read_cosign(pem, what, passphrase, &key)
			       : read_plain(pem, what, passphrase, &key));
	return accept(key, what, ret);
}

static const EVP_MD *hash_for(const struct crypto_key *key)
{
	return EVP_PKEY_get_base_id(key->key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

bool crypto_key_verifies(
		const struct crypto_key *key, struct str message, const void *signature, size_t n)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool ok = context &&
		  EVP_DigestVerifyInit(context, NULL, hash_for(key), NULL, key->key) == 1 &&
		  EVP_DigestVerify(context, signature, n, (const unsigned char *)message.p,
				  message.n) == 1;

	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return ok;
}

FALLIBLE crypto_key_sign(const struct crypto_key *key, struct str message, unsigned char **ret,
		size_t *ret_n)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const unsigned char *bytes = (const unsigned char *)message.p;
	AUTO_FREE unsigned char *signature = NULL;
	size_t n = 0;
	bool ok = context &&
		  EVP_DigestSignInit(context, NULL, hash_for(key), NULL, key->key) == 1 &&
		  EVP_DigestSign(context, NULL, &n, bytes, message.n) == 1;

	if (ok) {
		signature = xcalloc(1, n);
		ok = EVP_DigestSign(context, signature, &n, bytes, message.n) == 1;
	}
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	if (!ok)
		return error_new(ERR_INVALID, "OpenSSL cannot sign with this key");
	*ret = TAKE(signature);
	*ret_n = n;
	return NULL;
}
