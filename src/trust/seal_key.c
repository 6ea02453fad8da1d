#include "trust/seal_key.h"

#include "base/xalloc.h"
#include "stream/crypto.h"
#include "trust/jwk.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/x509.h>
#include <string.h>

enum { RSA_BITS_MIN = 2048 };

void seal_keys_done(struct seal_keys *keys)
{
	const struct crypto_calls *crypto = crypto_loaded();
	for (size_t i = 0; i < keys->n; i++)
		crypto->EVP_PKEY_free(keys->p[i].key);
	vec_done(keys);
}

static const char *find_curve(const EVP_PKEY *key)
{
	const struct crypto_calls *crypto = crypto_loaded();
	char group[64];
	size_t n = 0;

	if (crypto->EVP_PKEY_get_utf8_string_param(
			    key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), &n) != 1)
		return NULL;
	return jwk_curve_of(group);
}

/* Takes key. algorithm: what a JWK says; or NULL. */
static FALLIBLE accept(EVP_PKEY *key, const char *what, const char *algorithm, bool is_private,
		struct seal_keys *ret)
{
	const struct crypto_calls *crypto = crypto_loaded();
	struct seal_key made = { .key = key };
	bool is_rsa = crypto->EVP_PKEY_is_a(key, "RSA");
	struct error *error = NULL;

	if (is_rsa && !is_private && crypto->EVP_PKEY_get_bits(key) < RSA_BITS_MIN)
		error = error_new(ERR_UNSUPPORTED, "%s: an RSA key of less than %d bits", what,
				RSA_BITS_MIN);
	if (crypto->EVP_PKEY_is_a(key, "EC"))
		made.curve = find_curve(key);
	if (!is_rsa && !made.curve)
		error = error_new(ERR_UNSUPPORTED,
				"%s: neither RSA nor EC on P-256, P-384 or P-521", what);
	made.algorithm = is_rsa ? "RSA-OAEP" : "ECDH-ES+A256KW";
	if (!error && algorithm)
		error = jwk_algorithm(algorithm, is_rsa, what, &made.algorithm);
	crypto->ERR_clear_error();
	if (error)
		crypto->EVP_PKEY_free(key);
	else
		vec_push(ret, made);
	return error;
}

/* OpenSSL would ask at the terminal. */
static int give_passphrase(char *buf, int size, int writes, void *user)
{
	const struct secret *passphrase = user;

	if (writes || !passphrase || passphrase->n > (size_t)size)
		return -1;
	memcpy(buf, passphrase->p, passphrase->n);
	return (int)passphrase->n;
}

static EVP_PKEY *read_public_pem(struct str text)
{
	const struct crypto_calls *crypto = crypto_loaded();
	BIO *bio = crypto->BIO_new_mem_buf(text.p, (int)text.n);
	EVP_PKEY *key = bio ? crypto->PEM_read_bio_PUBKEY(bio, NULL, give_passphrase, NULL) : NULL;

	if (bio && !key) {
		(void)crypto->BIO_ctrl(bio, BIO_CTRL_RESET, 0, NULL);
		X509 *certificate = crypto->PEM_read_bio_X509(bio, NULL, give_passphrase, NULL);

		key = certificate ? crypto->X509_get_pubkey(certificate) : NULL;
		crypto->X509_free(certificate);
	}
	crypto->BIO_free(bio);
	return key;
}

static EVP_PKEY *read_public_der(struct str text)
{
	const struct crypto_calls *crypto = crypto_loaded();
	const unsigned char *at = (const unsigned char *)text.p;
	EVP_PKEY *key = crypto->d2i_PUBKEY(NULL, &at, (long)text.n);

	if (key)
		return key;
	at = (const unsigned char *)text.p;
	X509 *certificate = crypto->d2i_X509(NULL, &at, (long)text.n);
	key = certificate ? crypto->X509_get_pubkey(certificate) : NULL;
	crypto->X509_free(certificate);
	return key;
}

/* PEM and DER begin with other characters. */
static bool is_jwk(struct str text)
{
	struct str trimmed = str_trim(text);

	return trimmed.n && trimmed.p[0] == '{';
}

FALLIBLE seal_key_read_public(struct str text, const char *what, struct seal_keys *ret)
{
	const struct crypto_calls *crypto = NULL;
	AUTO_FREE char *algorithm = NULL;
	EVP_PKEY *key = NULL;

	TRY(crypto_load(&crypto));
	if (is_jwk(text)) {
		TRY(jwk_read(text, what, false, &algorithm, &key));
	} else if (text.n < INT_MAX) {
		key = read_public_pem(text);
		key = key ? key : read_public_der(text);
	}
	crypto->ERR_clear_error();
	if (!key)
		return error_hint(error_new(ERR_INVALID, "%s is not a public key", what),
				"it begins with -----BEGIN PUBLIC KEY----- or "
				"-----BEGIN CERTIFICATE-----");
	return accept(key, what, algorithm, false, ret);
}

static FALLIBLE read_private_pem(
		struct str text, const char *what, const struct secret *passphrase, EVP_PKEY **ret)
{
	const struct crypto_calls *crypto = crypto_loaded();
	bool is_encrypted = memmem(text.p, text.n, "ENCRYPTED", 9) != NULL;
	BIO *bio = crypto->BIO_new_mem_buf(text.p, (int)text.n);

	*ret = bio ? crypto->PEM_read_bio_PrivateKey(
				     bio, NULL, give_passphrase, (void *)(uintptr_t)passphrase)
		   : NULL;
	crypto->BIO_free(bio);
	if (*ret || !is_encrypted)
		return NULL;
	if (!passphrase)
		return error_hint(error_new(ERR_DENIED,
						  "%s: missing password for encrypted private key",
						  what),
				"say FILE:file=PATH, or FILE:fd=NUMBER");
	return error_new(ERR_DENIED, "%s: wrong password: could not decrypt private key", what);
}

FALLIBLE seal_key_read_private(struct str text, const char *what, const struct secret *passphrase,
		struct seal_keys *ret)
{
	const struct crypto_calls *crypto = NULL;
	AUTO_FREE char *algorithm = NULL;
	EVP_PKEY *key = NULL;
	struct error *error = NULL;

	TRY(crypto_load(&crypto));
	if (is_jwk(text)) {
		TRY(jwk_read(text, what, true, &algorithm, &key));
	} else if (text.n < INT_MAX) {
		const unsigned char *at = (const unsigned char *)text.p;

		error = read_private_pem(text, what, passphrase, &key);
		if (!error && !key)
			key = crypto->d2i_AutoPrivateKey(NULL, &at, (long)text.n);
	}
	crypto->ERR_clear_error();
	TRY(error);
	if (!key)
		return error_hint(error_new(ERR_INVALID, "%s is not a private key", what),
				"PKCS #8, PKCS #1 or SEC 1, as OpenSSL writes them, or a JWK");
	return accept(key, what, algorithm, true, ret);
}
