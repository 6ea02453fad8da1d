/* The plain functions, for the reason that stream/hash.c gives. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "oci/digest.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

const char *const digest_empty_gzip_layer_text =
		"sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4";
const char *const digest_empty_tar_text =
		"sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

static const char digits[] = "0123456789abcdef";

static int hex_value(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static FALLIBLE refuse(struct str text, const char *why)
{
	return error_new(ERR_INVALID, "digest '%.*s' %s", (int)(text.n < 200 ? text.n : 200),
			text.p ? text.p : "", why);
}

FALLIBLE digest_parse(struct str text, struct digest *ret)
{
	struct digest digest = { .algo = DIGEST_SHA256 };
	struct str algorithm, hex;

	if (!str_cut(text, ':', &algorithm, &hex))
		return refuse(text, "has no algorithm");
	if (str_is(algorithm, "sha512") || str_is(algorithm, "sha384"))
		return error_new(ERR_UNSUPPORTED, "digest '%.*s' is %.*s; only sha256 is supported",
				(int)(text.n < 200 ? text.n : 200), text.p, STR_ARG(algorithm));
	if (!str_is(algorithm, "sha256"))
		return refuse(text, "has an unknown algorithm; wanted sha256");
	if (hex.n != 2 * DIGEST_BYTES)
		return refuse(text, "does not have 64 digits");
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		int high = hex_value(hex.p[2 * i]), low = hex_value(hex.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return refuse(text, "has something else than the digits 0-9 and a-f");
		digest.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret = digest;
	return NULL;
}

char *digest_hex(const struct digest *digest, char buf[static DIGEST_HEX])
{
	assert(digest_known(digest));
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		buf[2 * i] = digits[digest->bytes[i] >> 4];
		buf[2 * i + 1] = digits[digest->bytes[i] & 15];
	}
	buf[2 * DIGEST_BYTES] = '\0';
	return buf;
}

char *digest_text(const struct digest *digest, char buf[static DIGEST_TEXT])
{
	static const char prefix[] = { 's', 'h', 'a', '2', '5', '6', ':' };

	memcpy(buf, prefix, sizeof(prefix));
	digest_hex(digest, buf + sizeof(prefix));
	return buf;
}

bool digest_known(const struct digest *digest)
{
	return digest->algo != DIGEST_UNKNOWN;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return a->algo == b->algo && memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}

int digest_compare(const struct digest *a, const struct digest *b)
{
	return memcmp(a->bytes, b->bytes, DIGEST_BYTES);
}

struct digest digest_of(const void *bytes, size_t n)
{
	struct digest digest = { .algo = DIGEST_SHA256 };

	SHA256_CTX state;

	(void)SHA256_Init(&state);
	(void)SHA256_Update(&state, bytes, n);
	(void)SHA256_Final(digest.bytes, &state);
	return digest;
}

struct digest digest_hmac(const void *key, size_t key_bytes, struct str text)
{
	struct digest digest = { .algo = DIGEST_SHA256 };
	uint8_t pad[SHA256_CBLOCK] = { 0 };
	SHA256_CTX state;

	if (key_bytes > sizeof(pad))
		digest = digest_of(key, key_bytes);
	if (key_bytes)
		memcpy(pad, key_bytes > sizeof(pad) ? digest.bytes : key,
				key_bytes > sizeof(pad) ? sizeof(digest.bytes) : key_bytes);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	(void)SHA256_Init(&state);
	(void)SHA256_Update(&state, pad, sizeof(pad));
	(void)SHA256_Update(&state, text.p, text.n);
	(void)SHA256_Final(digest.bytes, &state);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	(void)SHA256_Init(&state);
	(void)SHA256_Update(&state, pad, sizeof(pad));
	(void)SHA256_Update(&state, digest.bytes, sizeof(digest.bytes));
	(void)SHA256_Final(digest.bytes, &state);
	OPENSSL_cleanse(pad, sizeof(pad));
	return digest;
}
