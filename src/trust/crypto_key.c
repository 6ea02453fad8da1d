#include "trust/crypto_key.h"

#include "base/xalloc.h"
#include "stream/crypto.h"
#include "trust/cosign_key.h"

#include <limits.h>
#include <string.h>

enum { RSA_BITS_MIN = 2048 };

struct crypto_key {
	const struct crypto_calls *crypto;
	EVP_PKEY *key;
};

void crypto_key_free(struct crypto_key *key)
{
	if (!key)
		return;
	key->crypto->EVP_PKEY_free(key->key);
	free(key);
}

/* Takes key. */
static FALLIBLE accept(const struct crypto_calls *crypto, EVP_PKEY *key, const char *what,
		struct crypto_key **ret)
{
	struct crypto_key *made = xcalloc(1, sizeof(*made));
	int type = crypto->EVP_PKEY_get_base_id(key);

	made->crypto = crypto;
	made->key = key;
	if (type == EVP_PKEY_RSA && crypto->EVP_PKEY_get_bits(key) < RSA_BITS_MIN) {
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
	const struct crypto_calls *crypto = NULL;

	TRY(crypto_load(&crypto));
	BIO *bio = pem.n < INT_MAX ? crypto->BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	EVP_PKEY *key = bio ? crypto->PEM_read_bio_PUBKEY(bio, NULL, give_passphrase, NULL) : NULL;

	crypto->BIO_free(bio);
	crypto->ERR_clear_error();
	if (!key)
		return error_hint(error_new(ERR_INVALID, "%s: no public key in PEM form", what),
				"it begins with -----BEGIN PUBLIC KEY-----");
	return accept(crypto, key, what, ret);
}

static FALLIBLE read_plain(const struct crypto_calls *crypto, struct str pem, const char *what,
		const char *passphrase, EVP_PKEY **ret)
{
	BIO *bio = pem.n < INT_MAX ? crypto->BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	bool is_encrypted = memmem(pem.p, pem.n, "ENCRYPTED", 9) != NULL;

	*ret = bio ? crypto->PEM_read_bio_PrivateKey(
				     bio, NULL, give_passphrase, (void *)(uintptr_t)passphrase)
		   : NULL;
	crypto->BIO_free(bio);
	crypto->ERR_clear_error();
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

static FALLIBLE read_cosign(const struct crypto_calls *crypto, struct str pem, const char *what,
		const char *passphrase, EVP_PKEY **ret)
{
	AUTO(secret) struct secret der = { 0 };

	TRY(cosign_key_open(pem, what, passphrase, &der));
	const unsigned char *at = der.p;
	*ret = crypto->d2i_AutoPrivateKey(NULL, &at, (long)der.n);
	crypto->ERR_clear_error();
	if (!*ret)
		return error_new(ERR_INVALID, "%s: what it encrypts is no private key", what);
	return NULL;
}

FALLIBLE crypto_key_read_private(
		struct str pem, const char *what, const char *passphrase, struct crypto_key **ret)
{
	const struct crypto_calls *crypto = NULL;
	EVP_PKEY *key = NULL;

	TRY(crypto_load(&crypto));
	TRY(cosign_key_is(pem) ? read_cosign(crypto, pem, what, passphrase, &key)
			       : read_plain(crypto, pem, what, passphrase, &key));
	return accept(crypto, key, what, ret);
}

static const EVP_MD *hash_for(const struct crypto_key *key)
{
	const struct crypto_calls *crypto = key->crypto;

	return crypto->EVP_PKEY_get_base_id(key->key) == EVP_PKEY_ED25519 ? NULL
									  : crypto->EVP_sha256();
}

bool crypto_key_verifies(
		const struct crypto_key *key, struct str message, const void *signature, size_t n)
{
	const struct crypto_calls *crypto = key->crypto;
	EVP_MD_CTX *context = crypto->EVP_MD_CTX_new();
	bool ok = context &&
		  crypto->EVP_DigestVerifyInit(context, NULL, hash_for(key), NULL, key->key) == 1 &&
		  crypto->EVP_DigestVerify(context, signature, n, (const unsigned char *)message.p,
				  message.n) == 1;

	crypto->EVP_MD_CTX_free(context);
	crypto->ERR_clear_error();
	return ok;
}

FALLIBLE crypto_key_sign(const struct crypto_key *key, struct str message, unsigned char **ret,
		size_t *ret_n)
{
	const struct crypto_calls *crypto = key->crypto;
	EVP_MD_CTX *context = crypto->EVP_MD_CTX_new();
	const unsigned char *bytes = (const unsigned char *)message.p;
	AUTO_FREE unsigned char *signature = NULL;
	size_t n = 0;
	bool ok = context &&
		  crypto->EVP_DigestSignInit(context, NULL, hash_for(key), NULL, key->key) == 1 &&
		  crypto->EVP_DigestSign(context, NULL, &n, bytes, message.n) == 1;

	if (ok) {
		signature = xcalloc(1, n);
		ok = crypto->EVP_DigestSign(context, signature, &n, bytes, message.n) == 1;
	}
	crypto->EVP_MD_CTX_free(context);
	crypto->ERR_clear_error();
	if (!ok)
		return error_new(ERR_INVALID, "OpenSSL cannot sign with this key");
	*ret = TAKE(signature);
	*ret_n = n;
	return NULL;
}
