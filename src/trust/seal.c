#include "trust/seal.h"

#include "base/limits.h"
#include "base/xalloc.h"
#include "oci/json.h"
#include "stream/crypto.h"
#include "trust/base64.h"
#include "trust/jwe.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "org.opencontainers.image.enc."
#define JWE    PREFIX "keys.jwe"
#define PUBLIC PREFIX "pubopts"
#define CIPHER "AES_256_CTR_HMAC_SHA256"

/* {"symkey":"44","digest":"71","cipheroptions":{"nonce":"24"}} */
enum { PRIVATE_BYTES = 256 };

void seal_secret_done(struct seal_secret *secret)
{
	OPENSSL_cleanse(secret, sizeof(*secret));
}

FALLIBLE seal_secret_new(struct seal_secret *ret)
{
	const struct crypto_calls *crypto = NULL;
	struct cipher_key *key = &ret->key;

	TRY(crypto_load(&crypto));
	if (crypto->RAND_priv_bytes(key->key, CIPHER_KEY_BYTES) != 1 ||
			crypto->RAND_bytes(key->nonce, CIPHER_NONCE_BYTES) != 1)
		return error_new(ERR_UNSUPPORTED, "OpenSSL has no random numbers");
	return NULL;
}

/* --- writing --- */

static void add_base64(struct list *to, const char *name, const char *json)
{
	AUTO_FREE char *text = base64_encode(json, strlen(json));

	list_addf(to, "%s=%s", name, text);
}

static void write_public(const struct seal_secret *secret, struct list *ret)
{
	AUTO(json_out) struct json_out out = { 0 };
	const struct str mac = { (const char *)secret->mac, CIPHER_MAC_BYTES };

	json_out_open(&out, NULL, '{');
	json_out_text(&out, "cipher", CIPHER);
	json_out_base64(&out, "hmac", mac);
	json_out_open(&out, "cipheroptions", '{');
	json_out_close(&out, '}');
	json_out_close(&out, '}');
	AUTO_FREE char *json = json_out_take(&out);
	add_base64(ret, PUBLIC, json);
}

static FALLIBLE write_private(const struct seal_keys *recipients, const struct seal_secret *secret,
		struct list *ret)
{
	/* In one piece, so that no copy of it is left behind by memory that grew. */
	AUTO(secret) struct secret json = { xcalloc(1, PRIVATE_BYTES), PRIVATE_BYTES };
	AUTO(secret)
	struct secret key = { .p = (unsigned char *)base64_encode(
					      secret->key.key, CIPHER_KEY_BYTES) };
	AUTO_FREE char *nonce = base64_encode(secret->key.nonce, CIPHER_NONCE_BYTES);
	AUTO_FREE char *jwe = NULL;
	char digest[DIGEST_TEXT];

	key.n = strlen((const char *)key.p);
	int n = snprintf((char *)json.p, PRIVATE_BYTES,
			"{\"symkey\":\"%s\",\"digest\":\"%s\",\"cipheroptions\":{\"nonce\":\"%s\"}"
			"}",
			(const char *)key.p, digest_text(&secret->digest, digest), nonce);
	TRY(jwe_encrypt(recipients, json.p, (size_t)n, &jwe));
	add_base64(ret, JWE, jwe);
	return NULL;
}

FALLIBLE seal_write(const struct seal_keys *recipients, const struct seal_secret *secret,
		struct list *ret)
{
	TRY(write_private(recipients, secret, ret));
	write_public(secret, ret);
	return NULL;
}

/* --- reading --- */

static FALLIBLE get_base64(
		const struct json_field *object, const char *key, unsigned char *ret, size_t n)
{
	AUTO(secret) struct secret text = { 0 }, bytes = { 0 };

	TRY(json_get_text(object, key, JSON_MUST, (char **)&text.p));
	text.n = strlen((const char *)text.p);
	if (!base64_decode((struct str){ (const char *)text.p, text.n }, &bytes.p, &bytes.n))
		return json_complain(object, "has no base64 in '%s'", key);
	if (bytes.n != n)
		return json_complain(
				object, "has %zu bytes in '%s' instead of %zu", bytes.n, key, n);
	memcpy(ret, bytes.p, n);
	return NULL;
}

/* Earlier versions of ocicrypt had the HMAC among the options. */
static FALLIBLE read_public(struct str json, struct seal_secret *ret)
{
	json_auto_t *value = NULL;
	struct json_field root, options = { 0 };
	AUTO_FREE char *cipher = NULL;

	TRY(json_parse(json, LIMIT_SEAL_BYTES, "public options", &value));
	TRY(json_root(value, "public options", &root));
	TRY(json_get_text(&root, "cipher", JSON_MUST, &cipher));
	if (strcmp(cipher, CIPHER) != 0)
		return error_new(ERR_UNSUPPORTED, "public options: unknown cipher '%.40s'", cipher);
	if (json_has(&root, "hmac"))
		return get_base64(&root, "hmac", ret->mac, CIPHER_MAC_BYTES);
	TRY(json_get_object(&root, "cipheroptions", JSON_MUST, &options));
	return get_base64(&options, "hmac", ret->mac, CIPHER_MAC_BYTES);
}

static FALLIBLE read_private(struct str json, struct seal_secret *ret)
{
	json_auto_t *value = NULL;
	struct json_field root, options;
	AUTO_FREE char *digest = NULL;

	TRY(json_parse(json, LIMIT_SEAL_BYTES, "private options", &value));
	TRY(json_root(value, "private options", &root));
	TRY(get_base64(&root, "symkey", ret->key.key, CIPHER_KEY_BYTES));
	TRY(json_get_object(&root, "cipheroptions", JSON_MUST, &options));
	TRY(get_base64(&options, "nonce", ret->key.nonce, CIPHER_NONCE_BYTES));
	TRY(json_get_text(&root, "digest", JSON_MAY, &digest));
	return digest && digest[0] ? digest_parse(str_of(digest), &ret->digest) : NULL;
}

static FALLIBLE decode(struct str text, const char *what, struct secret *ret)
{
	if (text.n > LIMIT_SEAL_BYTES)
		return error_new(ERR_LIMIT, "annotation '%s' has %zu bytes (at most %d)", what,
				text.n, LIMIT_SEAL_BYTES);
	return base64_decode(text, &ret->p, &ret->n)
			       ? NULL
			       : error_new(ERR_INVALID, "annotation '%s' is not base64", what);
}

/* The first of the envelopes that one of the keys opens. */
static FALLIBLE open_any(const char *annotation, const struct seal_keys *keys, struct secret *ret)
{
	struct str rest = str_of(annotation), one;
	struct error *error = NULL;

	if (rest.n > LIMIT_SEAL_BYTES)
		return error_new(ERR_LIMIT, "annotation '" JWE "' has %zu bytes (at most %d)",
				rest.n, LIMIT_SEAL_BYTES);
	do {
		AUTO(secret) struct secret json = { 0 };

		error_free(error);
		(void)str_cut(rest, ',', &one, &rest);
		TRY(decode(one, JWE, &json));
		error = jwe_decrypt((struct str){ (const char *)json.p, json.n }, keys, ret);
	} while (error_is(error, ERR_DENIED) && rest.n);
	return error;
}

static struct error *no_envelope(const struct list *annotations)
{
	for (size_t i = 0; i < annotations->n; i++) {
		const char *one = annotations->p[i];

		if (text_starts(one, PREFIX "keys."))
			return error_new(ERR_UNSUPPORTED,
					"it is encrypted for keys of another kind than JWE's "
					"('%.*s')",
					(int)strcspn(one, "="), one);
	}
	return error_new(ERR_INVALID, "annotation '" JWE "' is missing");
}

FALLIBLE seal_read(const struct list *annotations, const struct seal_keys *keys,
		struct seal_secret *ret)
{
	AUTO(secret) struct secret private = { 0 }, public = { 0 };
	AUTO(seal_secret) struct seal_secret secret = { 0 };
	const char *jwe = list_env_get(annotations, JWE);
	const char *options = list_env_get(annotations, PUBLIC);

	if (!jwe)
		return no_envelope(annotations);
	if (!options)
		return error_new(ERR_INVALID, "annotation '" PUBLIC "' is missing");
	if (!keys->n)
		return error_hint(
				error_new(ERR_DENIED, "missing private key needed for decryption"),
				"name it with --decryption-key FILE, or in "
				"KILN_DECRYPTION_KEY");
	TRY(decode(str_of(options), PUBLIC, &public));
	TRY(read_public((struct str){ (const char *)public.p, public.n }, &secret));
	TRY(open_any(jwe, keys, &private));
	TRY(read_private((struct str){ (const char *)private.p, private.n }, &secret));
	*ret = secret;
	return NULL;
}

void seal_strip(struct list *annotations)
{
	for (size_t i = annotations->n; i-- > 0;)
		if (text_starts(annotations->p[i], PREFIX))
			list_remove(annotations, i);
}
