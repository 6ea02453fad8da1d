#include "scratch.h"
#include "trust/base64.h"
#include "trust/crypto_key.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

/* A new key as two PEM texts. */
static void make(EVP_PKEY *key, char **ret_private, char **ret_public)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *at = NULL;

	assert_non_null(key);
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	*ret_private = xstrndup("", 0);
	long n = BIO_get_mem_data(bio, &at);
	free(*ret_private);
	*ret_private = xstrndup(at, (size_t)n);
	(void)BIO_reset(bio);
	assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
	n = BIO_get_mem_data(bio, &at);
	*ret_public = xstrndup(at, (size_t)n);
	BIO_free(bio);
	EVP_PKEY_free(key);
}

static void signs_and_verifies(void **state)
{
	EVP_PKEY *keys[] = { EVP_EC_gen("P-256"), EVP_RSA_gen(2048),
		EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };

	for (size_t i = 0; i < COUNT(keys); i++) {
		AUTO_FREE char *private = NULL, *public = NULL;
		AUTO_FREE unsigned char *signature = NULL;
		AUTO(crypto_key) struct crypto_key *signer = NULL, *verifier = NULL;
		size_t n = 0;

		make(keys[i], &private, &public);
		assert_ok(crypto_key_read_private(str_of(private), "K", NULL, &signer));
		assert_ok(crypto_key_read_public(str_of(public), "K", &verifier));
		assert_ok(crypto_key_sign(signer, STR("message"), &signature, &n));
		assert_true(crypto_key_verifies(verifier, STR("message"), signature, n));
		assert_true(crypto_key_verifies(signer, STR("message"), signature, n));
		assert_false(crypto_key_verifies(verifier, STR("massage"), signature, n));
		signature[n / 2] ^= 1;
		assert_false(crypto_key_verifies(verifier, STR("message"), signature, n));
		assert_false(crypto_key_verifies(verifier, STR("message"), signature, 0));
	}
}

static void refuses(void **state)
{
	AUTO_FREE char *private = NULL, *public = NULL;
	AUTO(crypto_key) struct crypto_key *key = NULL;

	make(EVP_RSA_gen(1024), &private, &public);
	assert_error(crypto_key_read_public(str_of(public), "K", &key), ERR_UNSUPPORTED,
			"less than 2048 bits");
	assert_error(crypto_key_read_public(str_of(private), "K", &key), ERR_INVALID,
			"no public key");
	assert_error(crypto_key_read_private(str_of(public), "K", NULL, &key), ERR_INVALID,
			"no private key");
	assert_error(crypto_key_read_private(STR("-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n"
						 "e30=\n-----END ENCRYPTED COSIGN PRIVATE "
						 "KEY-----\n"),
				     "K", NULL, &key),
			ERR_INVALID, "'kdf' is missing");
	assert_error(crypto_key_read_private(STR("-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n"
						 "e30=\n"),
				     "K", NULL, &key),
			ERR_DENIED, "encrypted");
	assert_error(crypto_key_read_public(STR(""), "K", &key), ERR_INVALID, "no public key");
}

static void base64(void **state)
{
	static const struct {
		const char *text, *bytes;
	} cases[] = { { "", "" }, { "YQ==", "a" }, { "YWI=", "ab" }, { "YWJj", "abc" },
		{ "YW\nJj\r\n", "abc" } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_FREE unsigned char *bytes = NULL;
		size_t n = 0;

		note("'%s'", cases[i].text);
		assert_true(base64_decode(str_of(cases[i].text), &bytes, &n));
		assert_int_equal(n, strlen(cases[i].bytes));
		assert_memory_equal(bytes, cases[i].bytes, n);
	}
	static const char *const bad[] = { "Y", "YQ=", "YQ", "====", "Y@==", "YQ==YQ==" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		unsigned char *bytes = NULL;
		size_t n = 0;

		note("'%s'", bad[i]);
		assert_false(base64_decode(str_of(bad[i]), &bytes, &n));
		assert_null(bytes);
	}
}

UNIT_TESTS(signs_and_verifies, refuses, base64)
