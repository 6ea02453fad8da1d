/*
 * crypto: OpenSSL's libcrypto, loaded on first use: keys, signatures and what else needs the whole
 * of it. Binding its 4,200 symbols to each other costs every start 0.9 ms, and most commands need
 * nothing but SHA-256. That, base64 and OPENSSL_cleanse() are called as ever: a few small files of
 * libcrypto.a that are linked in (meson.build).
 *
 * Floor: stream. Safe on any thread; the table is constant once loaded.
 */
#pragma once
#include "base/error.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define CRYPTO_CALLS(X)            \
	X(BIO_free)                \
	X(BIO_new_mem_buf)         \
	X(ERR_clear_error)         \
	X(EVP_Digest)              \
	X(EVP_DigestSign)          \
	X(EVP_DigestSignInit)      \
	X(EVP_DigestVerify)        \
	X(EVP_DigestVerifyInit)    \
	X(EVP_MD_CTX_free)         \
	X(EVP_MD_CTX_new)          \
	X(EVP_PBE_scrypt)          \
	X(EVP_PKEY_free)           \
	X(EVP_PKEY_get_base_id)    \
	X(EVP_PKEY_get_bits)       \
	X(EVP_sha1)                \
	X(EVP_sha256)              \
	X(PEM_read_bio_PUBKEY)     \
	X(PEM_read_bio_PrivateKey) \
	X(d2i_AutoPrivateKey)

struct crypto_calls {
#define CRYPTO_MEMBER(name) __typeof__(&name) name;
	CRYPTO_CALLS(CRYPTO_MEMBER)
#undef CRYPTO_MEMBER
};

/* ERR_NOT_FOUND, with the package's name as hint, where it is not installed. */
FALLIBLE crypto_load(const struct crypto_calls **ret);
