#include "trust/jwe_key.h"

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "stream/crypto.h"
#include "trust/base64.h"
#include "trust/jwk.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>
#include <string.h>

/* A wrapped key of 32 bytes has 40, one for RSA of 16,384 bits 2,048. */
enum { SHARED_BYTES_MAX = 66, WRAPPING_BYTES_MAX = 32, WRAP_MORE = 8, CONTENT_KEY_BYTES_MAX = 32 };

void jwe_recipient_done(struct jwe_recipient *recipient)
{
	free(recipient->algorithm);
	free(recipient->curve);
	free(recipient->x);
	free(recipient->y);
	free(recipient->apu);
	free(recipient->apv);
	free(recipient->key);
	*recipient = (struct jwe_recipient){ 0 };
}

static struct error *not_for_it(void)
{
	const struct crypto_calls *crypto = crypto_loaded();
	crypto->ERR_clear_error();
	return error_new(ERR_DENIED, "it is not encrypted for this key");
}

static struct error *cannot(const char *algorithm)
{
	const struct crypto_calls *crypto = crypto_loaded();
	crypto->ERR_clear_error();
	return error_new(ERR_UNSUPPORTED, "OpenSSL cannot encrypt by %s with this key", algorithm);
}

/* --- RSA --- */

static EVP_PKEY_CTX *rsa_begin(
		const struct seal_key *key, const char *algorithm, int (*init)(EVP_PKEY_CTX *))
{
	const struct crypto_calls *crypto = crypto_loaded();
	EVP_PKEY_CTX *context = crypto->EVP_PKEY_CTX_new_from_pkey(NULL, key->key, NULL);
	const EVP_MD *digest = strcmp(algorithm, "RSA-OAEP-256") == 0 ? crypto->EVP_sha256()
								      : crypto->EVP_sha1();

	if (context && init(context) == 1 &&
			crypto->EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) ==
					1 &&
			crypto->EVP_PKEY_CTX_set_rsa_oaep_md(context, digest) == 1 &&
			crypto->EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) == 1)
		return context;
	crypto->EVP_PKEY_CTX_free(context);
	return NULL;
}

static FALLIBLE rsa_wrap(const struct seal_key *to, const struct secret *content_key, char **ret)
{
	const struct crypto_calls *crypto = crypto_loaded();
	size_t n = (size_t)crypto->EVP_PKEY_get_size(to->key);
	AUTO_FREE unsigned char *wrapped = xcalloc(1, n);
	EVP_PKEY_CTX *context = rsa_begin(to, to->algorithm, crypto->EVP_PKEY_encrypt_init);
	bool ok = context && crypto->EVP_PKEY_encrypt(context, wrapped, &n, content_key->p,
					     content_key->n) == 1;

	crypto->EVP_PKEY_CTX_free(context);
	if (!ok)
		return cannot(to->algorithm);
	*ret = base64url_encode(wrapped, n);
	return NULL;
}

static FALLIBLE rsa_unwrap(const struct seal_key *key, const char *algorithm,
		const struct secret *wrapped, struct secret *ret)
{
	const struct crypto_calls *crypto = crypto_loaded();
	size_t n = (size_t)crypto->EVP_PKEY_get_size(key->key);

	/* RFC 8017, 7.1.2. OpenSSL takes shorter ones, of which an annotation has room for many. */
	if (wrapped->n != n)
		return not_for_it();
	AUTO(secret) struct secret plain = { xcalloc(1, n), n };
	EVP_PKEY_CTX *context = rsa_begin(key, algorithm, crypto->EVP_PKEY_decrypt_init);
	bool ok = context &&
		  crypto->EVP_PKEY_decrypt(context, plain.p, &n, wrapped->p, wrapped->n) == 1;

	crypto->EVP_PKEY_CTX_free(context);
	if (!ok)
		return not_for_it();
	plain.n = n;
	*ret = TAKE_VALUE(plain);
	return NULL;
}

/* --- EC --- */

static size_t wrapping_bytes(const char *algorithm)
{
	return strcmp(algorithm, "ECDH-ES+A128KW") == 0   ? 16
	       : strcmp(algorithm, "ECDH-ES+A192KW") == 0 ? 24
							  : WRAPPING_BYTES_MAX;
}

static void add_sized(struct strbuf *to, const void *bytes, size_t n)
{
	const char size[] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n };

	strbuf_add_bytes(to, size, sizeof(size));
	strbuf_add_bytes(to, bytes, n);
}

/* RFC 7518, 4.6.2: what the derived key is for. */
static bool add_info(const struct jwe_recipient *recipient, size_t bytes, struct strbuf *to)
{
	const char *const parties[] = { recipient->apu, recipient->apv };

	add_sized(to, recipient->algorithm, strlen(recipient->algorithm));
	for (size_t i = 0; i < COUNT(parties); i++) {
		AUTO_FREE unsigned char *party = NULL;
		size_t n = 0;

		if (parties[i] && !base64url_decode(str_of(parties[i]), &party, &n))
			return false;
		add_sized(to, party ? (const char *)party : "", n);
	}
	const char bits[] = { 0, 0, (char)(bytes * 8 >> 8), (char)(bytes * 8) };
	strbuf_add_bytes(to, bits, sizeof(bits));
	return true;
}

static bool agree(EVP_PKEY *own, EVP_PKEY *peer, unsigned char *shared, size_t *ret_n)
{
	const struct crypto_calls *crypto = crypto_loaded();
	EVP_PKEY_CTX *context = crypto->EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	/* That the peer's point is on the curve is checked by the second. */
	bool ok = context && crypto->EVP_PKEY_derive_init(context) == 1 &&
		  crypto->EVP_PKEY_derive_set_peer(context, peer) == 1 &&
		  crypto->EVP_PKEY_derive(context, shared, ret_n) == 1;

	crypto->EVP_PKEY_CTX_free(context);
	return ok;
}

static bool derive(unsigned char *shared, size_t shared_n, const struct strbuf *info,
		unsigned char *wrapping, size_t n)
{
	const struct crypto_calls *crypto = crypto_loaded();
	EVP_KDF *kdf = crypto->EVP_KDF_fetch(NULL, "SSKDF", NULL);
	EVP_KDF_CTX *context = kdf ? crypto->EVP_KDF_CTX_new(kdf) : NULL;
	const OSSL_PARAM params[] = { crypto->OSSL_PARAM_construct_utf8_string(
						      OSSL_KDF_PARAM_DIGEST, (char[]){ "SHA256" },
						      0),
		crypto->OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, shared, shared_n),
		crypto->OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info->p, info->n),
		crypto->OSSL_PARAM_construct_end() };
	bool ok = context && crypto->EVP_KDF_derive(context, wrapping, n, params) == 1;

	crypto->EVP_KDF_CTX_free(context);
	crypto->EVP_KDF_free(kdf);
	return ok;
}

/* The key that wraps: bytes of it, WRAPPING_BYTES_MAX at most. */
static bool find_wrapping(const struct jwe_recipient *recipient, EVP_PKEY *own, EVP_PKEY *peer,
		unsigned char *wrapping, size_t bytes)
{
	AUTO(strbuf) struct strbuf info = { 0 };
	unsigned char shared[SHARED_BYTES_MAX];
	size_t n = sizeof(shared);
	bool ok = add_info(recipient, bytes, &info) && agree(own, peer, shared, &n) &&
		  derive(shared, n, &info, wrapping, bytes);

	OPENSSL_cleanse(shared, sizeof(shared));
	return ok;
}

/* AES Key Wrap, both ways. to has room for what comes out. */
static bool aes_wrap(const unsigned char *wrapping, size_t bytes, bool wraps,
		const struct secret *from, unsigned char *to, size_t *ret_n)
{
	const struct crypto_calls *crypto = crypto_loaded();
	const EVP_CIPHER *cipher = bytes == 16   ? crypto->EVP_aes_128_wrap()
				   : bytes == 24 ? crypto->EVP_aes_192_wrap()
						 : crypto->EVP_aes_256_wrap();
	EVP_CIPHER_CTX *context = crypto->EVP_CIPHER_CTX_new();
	int n = 0, last = 0;

	if (context)
		crypto->EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	bool ok = context &&
		  crypto->EVP_CipherInit_ex2(context, cipher, wrapping, NULL, wraps, NULL) == 1 &&
		  crypto->EVP_CipherUpdate(context, to, &n, from->p, (int)from->n) == 1 &&
		  crypto->EVP_CipherFinal_ex(context, to + n, &last) == 1;

	crypto->EVP_CIPHER_CTX_free(context);
	*ret_n = (size_t)n + (size_t)last;
	return ok;
}

static FALLIBLE ec_wrap(const struct seal_key *to, const struct secret *content_key,
		struct jwe_recipient *ret)
{
	const struct crypto_calls *crypto = crypto_loaded();
	unsigned char wrapping[WRAPPING_BYTES_MAX];
	unsigned char wrapped[CONTENT_KEY_BYTES_MAX + WRAP_MORE];
	size_t bytes = wrapping_bytes(to->algorithm), n = 0;
	EVP_PKEY *own = crypto->EVP_PKEY_Q_keygen(NULL, NULL, "EC", to->curve);
	bool ok = own && jwk_point_text(own, to->curve, &ret->x, &ret->y) &&
		  find_wrapping(ret, own, to->key, wrapping, bytes) &&
		  aes_wrap(wrapping, bytes, true, content_key, wrapped, &n);

	crypto->EVP_PKEY_free(own);
	OPENSSL_cleanse(wrapping, sizeof(wrapping));
	if (!ok)
		return cannot(to->algorithm);
	ret->curve = xstrdup(to->curve);
	ret->key = base64url_encode(wrapped, n);
	return NULL;
}

static FALLIBLE ec_unwrap(const struct seal_key *key, const struct jwe_recipient *recipient,
		const struct secret *wrapped, struct secret *ret)
{
	const struct crypto_calls *crypto = crypto_loaded();
	unsigned char wrapping[WRAPPING_BYTES_MAX];
	size_t bytes = wrapping_bytes(recipient->algorithm), n = 0;
	AUTO(secret)
	struct secret plain = { xcalloc(1, CONTENT_KEY_BYTES_MAX + WRAP_MORE),
		CONTENT_KEY_BYTES_MAX + WRAP_MORE };
	bool same_curve = recipient->curve && strcmp(recipient->curve, key->curve) == 0;
	EVP_PKEY *peer =
			same_curve ? jwk_point(recipient->curve, recipient->x, recipient->y) : NULL;
	bool ok = peer && wrapped->n <= plain.n &&
		  find_wrapping(recipient, key->key, peer, wrapping, bytes) &&
		  aes_wrap(wrapping, bytes, false, wrapped, plain.p, &n);

	crypto->EVP_PKEY_free(peer);
	OPENSSL_cleanse(wrapping, sizeof(wrapping));
	if (!ok)
		return not_for_it();
	plain.n = n;
	*ret = TAKE_VALUE(plain);
	return NULL;
}

FALLIBLE jwe_key_wrap(const struct seal_key *to, const struct secret *content_key,
		struct jwe_recipient *ret)
{
	ret->algorithm = xstrdup(to->algorithm);
	return to->curve ? ec_wrap(to, content_key, ret) : rsa_wrap(to, content_key, &ret->key);
}

FALLIBLE jwe_key_unwrap(const struct jwe_recipient *recipient, const struct seal_key *key,
		struct secret *ret)
{
	AUTO(secret) struct secret wrapped = { 0 };
	const char *algorithm = NULL;
	struct error *error = recipient->algorithm
					      ? jwk_algorithm(recipient->algorithm, !key->curve,
								"envelope", &algorithm)
					      : NULL;

	if (error || !algorithm) {
		error_ignore(error, "for another kind of key");
		return not_for_it();
	}
	if (!recipient->key || !base64url_decode(str_of(recipient->key), &wrapped.p, &wrapped.n))
		return error_new(ERR_INVALID, "envelope: 'encrypted_key' is not base64url");
	return key->curve ? ec_unwrap(key, recipient, &wrapped, ret)
			  : rsa_unwrap(key, algorithm, &wrapped, ret);
}
