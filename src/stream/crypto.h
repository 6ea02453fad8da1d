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
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define CRYPTO_CALLS(X)                      \
	X(BIO_ctrl)                          \
	X(BIO_free)                          \
	X(BIO_new_mem_buf)                   \
	X(BN_bin2bn)                         \
	X(BN_bn2binpad)                      \
	X(BN_clear_free)                     \
	X(BN_free)                           \
	X(CRYPTO_memcmp)                     \
	X(ERR_clear_error)                   \
	X(EVP_CIPHER_CTX_ctrl)               \
	X(EVP_CIPHER_CTX_free)               \
	X(EVP_CIPHER_CTX_new)                \
	X(EVP_CIPHER_CTX_set_flags)          \
	X(EVP_CipherFinal_ex)                \
	X(EVP_CipherInit_ex2)                \
	X(EVP_CipherUpdate)                  \
	X(EVP_DecryptFinal_ex)               \
	X(EVP_DecryptInit_ex2)               \
	X(EVP_DecryptUpdate)                 \
	X(EVP_Digest)                        \
	X(EVP_DigestSign)                    \
	X(EVP_DigestSignInit)                \
	X(EVP_DigestVerify)                  \
	X(EVP_DigestVerifyInit)              \
	X(EVP_EncryptFinal_ex)               \
	X(EVP_EncryptInit_ex2)               \
	X(EVP_EncryptUpdate)                 \
	X(EVP_KDF_CTX_free)                  \
	X(EVP_KDF_CTX_new)                   \
	X(EVP_KDF_derive)                    \
	X(EVP_KDF_fetch)                     \
	X(EVP_KDF_free)                      \
	X(EVP_MAC_CTX_free)                  \
	X(EVP_MAC_CTX_new)                   \
	X(EVP_MAC_fetch)                     \
	X(EVP_MAC_final)                     \
	X(EVP_MAC_free)                      \
	X(EVP_MAC_init)                      \
	X(EVP_MAC_update)                    \
	X(EVP_MD_CTX_free)                   \
	X(EVP_MD_CTX_new)                    \
	X(EVP_PBE_scrypt)                    \
	X(EVP_PKEY_CTX_free)                 \
	X(EVP_PKEY_CTX_new_from_name)        \
	X(EVP_PKEY_CTX_new_from_pkey)        \
	X(EVP_PKEY_CTX_set_rsa_mgf1_md)      \
	X(EVP_PKEY_CTX_set_rsa_oaep_md)      \
	X(EVP_PKEY_CTX_set_rsa_padding)      \
	X(EVP_PKEY_Q_keygen)                 \
	X(EVP_PKEY_decrypt)                  \
	X(EVP_PKEY_decrypt_init)             \
	X(EVP_PKEY_derive)                   \
	X(EVP_PKEY_derive_init)              \
	X(EVP_PKEY_derive_set_peer)          \
	X(EVP_PKEY_encrypt)                  \
	X(EVP_PKEY_encrypt_init)             \
	X(EVP_PKEY_free)                     \
	X(EVP_PKEY_fromdata)                 \
	X(EVP_PKEY_fromdata_init)            \
	X(EVP_PKEY_get_base_id)              \
	X(EVP_PKEY_get_bits)                 \
	X(EVP_PKEY_get_bn_param)             \
	X(EVP_PKEY_get_size)                 \
	X(EVP_PKEY_get_utf8_string_param)    \
	X(EVP_PKEY_is_a)                     \
	X(EVP_aes_128_gcm)                   \
	X(EVP_aes_128_wrap)                  \
	X(EVP_aes_192_gcm)                   \
	X(EVP_aes_192_wrap)                  \
	X(EVP_aes_256_ctr)                   \
	X(EVP_aes_256_gcm)                   \
	X(EVP_aes_256_wrap)                  \
	X(EVP_sha1)                          \
	X(EVP_sha256)                        \
	X(OSSL_PARAM_BLD_free)               \
	X(OSSL_PARAM_BLD_new)                \
	X(OSSL_PARAM_BLD_push_BN)            \
	X(OSSL_PARAM_BLD_push_octet_string)  \
	X(OSSL_PARAM_BLD_push_utf8_string)   \
	X(OSSL_PARAM_BLD_to_param)           \
	X(OSSL_PARAM_construct_end)          \
	X(OSSL_PARAM_construct_octet_string) \
	X(OSSL_PARAM_construct_utf8_string)  \
	X(OSSL_PARAM_free)                   \
	X(PEM_read_bio_PUBKEY)               \
	X(PEM_read_bio_PrivateKey)           \
	X(PEM_read_bio_X509)                 \
	X(RAND_bytes)                        \
	X(RAND_priv_bytes)                   \
	X(X509_free)                         \
	X(X509_get_pubkey)                   \
	X(d2i_AutoPrivateKey)                \
	X(d2i_PUBKEY)                        \
	X(d2i_X509)

struct crypto_calls {
#define CRYPTO_MEMBER(name) __typeof__(&name) name;
	CRYPTO_CALLS(CRYPTO_MEMBER)
#undef CRYPTO_MEMBER
};

/* ERR_NOT_FOUND, with the package's name as hint, where it is not installed. */
FALLIBLE crypto_load(const struct crypto_calls **ret);
/* The same for whoever holds what it made: a key, a stream. Good once crypto_load() succeeded. */
const struct crypto_calls *crypto_loaded(void);
