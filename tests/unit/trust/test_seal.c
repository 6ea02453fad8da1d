#include "oci/digest.h"
#include "scratch.h"
#include "seal_vectors.h"
#include "stream/hash.h"
#include "trust/base64.h"
#include "trust/jwe.h"
#include "trust/seal.h"

#define JWE    "org.opencontainers.image.enc.keys.jwe="
#define PUBLIC "org.opencontainers.image.enc.pubopts="

static void add_private(const char *text, struct seal_keys *ret)
{
	assert_ok(seal_key_read_private(str_of(text), "K", NULL, ret));
}

static void add_public(const char *text, struct seal_keys *ret)
{
	assert_ok(seal_key_read_public(str_of(text), "K", ret));
}

/* --- what others encrypted --- */

static void expect_layer(const struct seal_secret *secret, const char *bytes)
{
	AUTO_FREE unsigned char *encrypted = NULL;
	AUTO_FREE char *plain = NULL;
	char text[DIGEST_TEXT];
	size_t n = 0, plain_n = 0;

	assert_true(base64_decode(str_of(bytes), &encrypted, &n));
	AUTO(reader)
	struct reader *reader =
			decrypt_reader(reader_from_bytes(encrypted, n), &secret->key, secret->mac);
	assert_ok(reader_read_all(reader, n, &plain, &plain_n));
	struct digest digest = digest_of(plain, plain_n);
	assert_string_equal(digest_text(&digest, text), plain_digest);
	assert_string_equal(digest_text(&secret->digest, text), plain_digest);
}

static void opens_what_ocicrypt_sealed(void **state)
{
	static const struct {
		const char *key, *keys, *options, *bytes;
	} cases[] = {
		{ rsa_private, rsa_keys, rsa_options, rsa_bytes },
		{ rsa_jwk, rsa_keys, rsa_options, rsa_bytes },
		{ p256_private, p256_keys, p256_options, p256_bytes },
		{ p256_jwk, p256_keys, p256_options, p256_bytes },
		{ p384_private, p384_keys, p384_options, p384_bytes },
		{ p521_private, p521_keys, p521_options, p521_bytes },
		{ rsa_private, two_keys, two_options, two_bytes },
		{ p256_private, two_keys, two_options, two_bytes },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(seal_keys) struct seal_keys keys = { 0 };
		AUTO(seal_secret) struct seal_secret secret = { 0 };
		AUTO(list) struct list annotations = { 0 };

		note("%zu", i);
		/* Another one before it. */
		add_private(p384_private, &keys);
		add_private(cases[i].key, &keys);
		list_add(&annotations, cases[i].keys);
		list_add(&annotations, cases[i].options);
		assert_ok(seal_read(&annotations, &keys, &secret));
		expect_layer(&secret, cases[i].bytes);
	}
}

/* Recipients that were added later: base64 of envelopes, with commas between. */
static void opens_one_of_several_envelopes(void **state)
{
	AUTO(seal_keys) struct seal_keys keys = { 0 };
	AUTO(seal_secret) struct seal_secret secret = { 0 };
	AUTO(list) struct list annotations = { 0 };

	add_private(rsa_private, &keys);
	list_addf(&annotations, "%s,%s", p521_keys, rsa_keys + strlen(JWE));
	list_add(&annotations, rsa_options);
	assert_ok(seal_read(&annotations, &keys, &secret));
	expect_layer(&secret, rsa_bytes);
}

/* --- what we encrypt --- */

static void reads_what_it_writes(void **state)
{
	static const char *const private[] = { rsa_private, p256_private, rsa_jwk, p256_jwk };

	for (size_t n = 1; n <= 2; n++) {
		AUTO(seal_keys) struct seal_keys recipients = { 0 };
		AUTO(seal_secret) struct seal_secret secret = { .mac = { 1, 2, 3 } };
		AUTO(list) struct list annotations = { 0 };

		list_add(&annotations, "other=1");
		add_public(rsa_public, &recipients);
		if (n > 1)
			add_public(p256_public, &recipients);
		assert_ok(seal_secret_new(&secret));
		assert_ok(digest_parse(str_of(plain_digest), &secret.digest));
		assert_ok(seal_write(&recipients, &secret, &annotations));
		assert_int_equal(annotations.n, 3);
		for (size_t i = 0; i < COUNT(private); i += 3 - n) {
			AUTO(seal_keys) struct seal_keys keys = { 0 };
			AUTO(seal_secret) struct seal_secret back = { 0 };

			add_private(private[i], &keys);
			assert_ok(seal_read(&annotations, &keys, &back));
			assert_memory_equal(&back.key, &secret.key, sizeof(back.key));
			assert_memory_equal(back.mac, secret.mac, CIPHER_MAC_BYTES);
			assert_true(digest_equal(&back.digest, &secret.digest));
		}
		seal_strip(&annotations);
		assert_int_equal(annotations.n, 1);
		assert_string_equal(annotations.p[0], "other=1");
	}
}

/* --- what is wrong --- */

static char *encoded(const char *name, const char *json)
{
	AUTO_FREE char *text = base64_encode(json, strlen(json));

	return xasprintf("%s%s", name, text);
}

static void expect_refusal(
		const char *keys_text, const char *options, enum error_kind kind, const char *why)
{
	AUTO(seal_keys) struct seal_keys keys = { 0 };
	AUTO(seal_secret) struct seal_secret secret = { 0 };
	AUTO(list) struct list annotations = { 0 };

	note("%s", why);
	add_private(rsa_private, &keys);
	if (keys_text)
		list_add(&annotations, keys_text);
	if (options)
		list_add(&annotations, options);
	assert_error(seal_read(&annotations, &keys, &secret), kind, why);
	assert_int_equal(secret.key.key[0] | secret.key.key[1] | secret.mac[0], 0);
}

static void refuses_annotations(void **state)
{
	AUTO_FREE char *huge = xmalloc(300 * 1024);
	AUTO_FREE char *cipher = encoded(PUBLIC, "{\"cipher\":\"AES_128\",\"hmac\":\"\"}");
	AUTO_FREE char *short_mac = encoded(
			PUBLIC, "{\"cipher\":\"AES_256_CTR_HMAC_SHA256\",\"hmac\":\"AAAA\"}");
	AUTO_FREE char *no_mac = encoded(
			PUBLIC, "{\"cipher\":\"AES_256_CTR_HMAC_SHA256\",\"cipheroptions\":{}}");

	memset(huge, 'A', 300 * 1024 - 1);
	huge[300 * 1024 - 1] = '\0';
	memcpy(huge, JWE, strlen(JWE));
	expect_refusal(NULL, rsa_options, ERR_INVALID, "keys.jwe' is missing");
	expect_refusal("org.opencontainers.image.enc.keys.pgp=AAAA", rsa_options, ERR_UNSUPPORTED,
			"keys.pgp");
	expect_refusal(rsa_keys, NULL, ERR_INVALID, "pubopts' is missing");
	expect_refusal(rsa_keys, PUBLIC "A", ERR_INVALID, "pubopts' is not base64");
	expect_refusal(rsa_keys, PUBLIC "AAAA", ERR_INVALID, "public options");
	expect_refusal(rsa_keys, cipher, ERR_UNSUPPORTED, "unknown cipher 'AES_128'");
	expect_refusal(rsa_keys, short_mac, ERR_INVALID, "3 bytes in 'hmac' instead of 32");
	expect_refusal(rsa_keys, no_mac, ERR_INVALID, "hmac");
	expect_refusal(JWE "!", rsa_options, ERR_INVALID, "keys.jwe' is not base64");
	expect_refusal(JWE, rsa_options, ERR_INVALID, "envelope");
	expect_refusal(huge, rsa_options, ERR_LIMIT, "at most");
	expect_refusal(p256_keys, p256_options, ERR_DENIED, "none of the private keys");
}

static char *replaced(const char *text, const char *old, const char *new)
{
	const char *at = strstr(text, old);

	assert_non_null(at);
	return xasprintf("%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
}

static char *protected_header(const char *json)
{
	AUTO_FREE char *text = base64url_encode(json, strlen(json));

	return xasprintf("{\"protected\":\"%s\"", text);
}

static void refuses_envelopes(void **state)
{
	static const struct {
		const char *header, *rest;
		enum error_kind kind;
		const char *why;
	} cases[] = {
		{ "{\"alg\":\"RSA-OAEP\"}", "}", ERR_INVALID, "'enc' is missing" },
		{ "{\"enc\":\"A128CBC-HS256\"}", "}", ERR_UNSUPPORTED, "A128CBC-HS256" },
		{ "{\"enc\":\"A256GCM\",\"crit\":[\"b64\"]}", "}", ERR_UNSUPPORTED, "asks for" },
		{ "{\"enc\":\"A256GCM\",\"zip\":\"DEF\"}", "}", ERR_UNSUPPORTED, "compressed" },
		{ "{\"enc\":\"A256GCM\"}", "}", ERR_INVALID, "'encrypted_key' is missing" },
		{ "{\"enc\":\"A256GCM\"}", ",\"encrypted_key\":\"AA\",\"iv\":\"AA\"}", ERR_INVALID,
				"1 bytes in 'iv' instead of 12" },
		{ "{\"enc\":\"A256GCM\"}", ",\"recipients\":7}", ERR_INVALID, "recipients" },
		{ "{\"enc\":\"A256GCM\",\"alg\":\"dir\"}",
				",\"header\":{\"alg\":\"RSA-OAEP\"},\"encrypted_key\":\"AA\"}",
				ERR_INVALID, "'alg' again" },
		{ "{\"enc\":\"A256GCM\"}", ",\"recipients\":[{\"header\":{\"enc\":\"A128GCM\"}}]}",
				ERR_INVALID, "'enc' again" },
		{ "[]", "}", ERR_INVALID, "protected header" },
	};
	AUTO(seal_keys) struct seal_keys keys = { 0 };

	add_private(rsa_private, &keys);
	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_FREE char *header = protected_header(cases[i].header);
		AUTO_FREE char *json = xasprintf("%s%s", header, cases[i].rest);
		AUTO(secret) struct secret plain = { 0 };

		note("%s", json);
		assert_error(jwe_decrypt(str_of(json), &keys, &plain), cases[i].kind, cases[i].why);
	}
}

/* Nothing but the few ways that are safe, whatever the key could do besides. */
static void refuses_ways(void **state)
{
	static const char *const ways[] = { "dir", "none", "RSA1_5", "RSA-OAEP-512", "ECDH-ES",
		"A256KW", "A256GCMKW", "PBES2-HS512+A256KW", "rsa-oaep", "" };
	AUTO(seal_keys) struct seal_keys keys = { 0 };

	add_private(rsa_private, &keys);
	add_private(p256_private, &keys);
	for (size_t i = 0; i < COUNT(ways); i++) {
		AUTO_FREE char *header = xasprintf("{\"alg\":\"%s\",\"enc\":\"A256GCM\"}", ways[i]);
		AUTO_FREE char *start = protected_header(header);
		AUTO_FREE char *json = xasprintf("%s,\"encrypted_key\":\"\",\"iv\":\"%016d\","
						 "\"ciphertext\":\"\",\"tag\":\"%022d\"}",
				start, 0, 0);
		AUTO(secret) struct secret plain = { 0 };

		note("%s", ways[i]);
		assert_error(jwe_decrypt(str_of(json), &keys, &plain), ERR_DENIED, "none of");
	}
}

/* OpenSSL leaves zeros in front to be understood; OAEP does not, and many would be much work. */
static void refuses_short_rsa(void **state)
{
	static const char member[] = "\"encrypted_key\":\"";
	AUTO(seal_keys) struct seal_keys recipients = { 0 }, keys = { 0 };
	AUTO(secret) struct secret plain = { 0 }, wrapped = { 0 };
	AUTO_FREE char *json = NULL, *old = NULL;

	add_public(rsa_public, &recipients);
	add_private(rsa_private, &keys);
	/* One of 256 begins with a zero. */
	while (!wrapped.p || wrapped.p[0]) {
		free(TAKE(json));
		free(TAKE(old));
		secret_done(&wrapped);
		assert_ok(jwe_encrypt(&recipients, "inside", 6, &json));
		const char *at = strstr(json, member) + strlen(member);
		old = xstrndup(at, strcspn(at, "\""));
		assert_true(base64url_decode(str_of(old), &wrapped.p, &wrapped.n));
	}
	AUTO_FREE char *new = base64url_encode(wrapped.p + 1, wrapped.n - 1);
	AUTO_FREE char *cut = replaced(json, old, new);
	assert_error(jwe_decrypt(str_of(cut), &keys, &plain), ERR_DENIED, "none of");
	assert_ok(jwe_decrypt(str_of(json), &keys, &plain));
}

/* Whatever part of an envelope is changed, what is inside does not come out. */
static void tells_changed_envelopes(void **state)
{
	static const char *const members[] = { "\"iv\":\"", "\"tag\":\"", "\"ciphertext\":\"",
		"\"encrypted_key\":\"" };
	AUTO(seal_keys) struct seal_keys recipients = { 0 }, keys = { 0 };
	AUTO_FREE char *json = NULL;

	add_public(p256_public, &recipients);
	add_private(p256_private, &keys);
	assert_ok(jwe_encrypt(&recipients, "inside", 6, &json));
	for (size_t i = 0; i < COUNT(members); i++) {
		AUTO_FREE char *changed = xstrdup(json);
		char *at = strstr(changed, members[i]) + strlen(members[i]);
		AUTO(secret) struct secret plain = { 0 };

		*at = *at == 'A' ? 'B' : 'A';
		struct error *error = jwe_decrypt(str_of(changed), &keys, &plain);
		note("%s", members[i]);
		assert_true(error_is(error, ERR_INVALID) || error_is(error, ERR_DENIED));
		error_free(error);
		assert_null(plain.p);
	}
	AUTO_FREE char *more = replaced(json, "{\"protected\"", "{\"aad\":\"AA\",\"protected\"");
	AUTO(secret) struct secret plain = { 0 };
	assert_error(jwe_decrypt(str_of(more), &keys, &plain), ERR_INVALID, "does not match");
	assert_ok(jwe_decrypt(str_of(json), &keys, &plain));
	assert_int_equal(plain.n, 6);
	assert_memory_equal(plain.p, "inside", 6);
}

/* An ephemeral key that is on no curve, or on another, gives nothing away. */
static void refuses_points(void **state)
{
	static const char *const points[] = {
		"\"crv\":\"P-256\",\"x\":\"AQ\",\"y\":\"AQ\"",
		"\"crv\":\"P-256\",\"x\":\"\",\"y\":\"AQ\"",
		"\"crv\":\"P-256\",\"x\":\"AQ\"",
		"\"crv\":\"P-384\",\"x\":\"AQ\",\"y\":\"AQ\"",
		"\"crv\":\"secp256k1\",\"x\":\"AQ\",\"y\":\"AQ\"",
	};
	AUTO(seal_keys) struct seal_keys keys = { 0 };

	add_private(p256_private, &keys);
	for (size_t i = 0; i < COUNT(points); i++) {
		AUTO_FREE char *header =
				xasprintf("{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\","
					  "\"epk\":{\"kty\":\"EC\",%s}}",
						points[i]);
		AUTO_FREE char *start = protected_header(header);
		AUTO_FREE char *json = xasprintf("%s,\"encrypted_key\":\"%053d\",\"iv\":\"%016d\","
						 "\"ciphertext\":\"\",\"tag\":\"%022d\"}",
				start, 0, 0, 0);
		AUTO(secret) struct secret plain = { 0 };

		note("%s", points[i]);
		struct error *error = jwe_decrypt(str_of(json), &keys, &plain);
		assert_true(error_is(error, ERR_DENIED) || error_is(error, ERR_INVALID));
		error_free(error);
		assert_null(plain.p);
	}
}

/* --- keys --- */

static void refuses_keys(void **state)
{
	AUTO(seal_keys) struct seal_keys keys = { 0 };

	assert_error(seal_key_read_public(str_of(rsa_private), "K", &keys), ERR_INVALID,
			"K is not a public key");
	assert_error(seal_key_read_public(str_of(rsa_jwk), "K", &keys), ERR_INVALID,
			"K is not a public key");
	assert_error(seal_key_read_private(str_of(rsa_public), "K", NULL, &keys), ERR_INVALID,
			"K is not a private key");
	assert_error(seal_key_read_private(STR("{\"kty\":\"oct\",\"d\":\"AA\"}"), "K", NULL, &keys),
			ERR_UNSUPPORTED, "neither RSA nor EC");
	assert_error(seal_key_read_private(STR(""), "K", NULL, &keys), ERR_INVALID,
			"not a private");
	assert_int_equal(keys.n, 0);
}

static void expect_keys(const char *text, const char *wrong, enum error_kind kind)
{
	AUTO(seal_keys) struct seal_keys keys = { 0 };
	AUTO(list) struct list texts = { 0 };

	note("%s", text);
	list_add(&texts, text);
	if (wrong) {
		assert_error(seal_keys_read_private(&texts, &keys), kind, wrong);
		assert_int_equal(keys.n, 0);
	} else {
		assert_ok(seal_keys_read_private(&texts, &keys));
		assert_int_equal(keys.n, 1);
	}
}

static void reads_passwords(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *file = xasprintf("%s/key", scratch.path);
	AUTO_FREE char *none = xasprintf("%s/none", scratch.path);
	AUTO_FREE char *word = xasprintf("%s:open", file);
	AUTO_FREE char *pass = xasprintf("%s:pass=open", file);
	AUTO_FREE char *of_file = xasprintf("%s:file=%s/word", file, scratch.path);
	AUTO_FREE char *wrong = xasprintf("%s:pass=shut", file);
	AUTO_FREE char *no_fd = xasprintf("%s:fd=x", file);

	scratch_put(scratch.fd, "key", rsa_locked);
	scratch_put(scratch.fd, "word", "open\n");
	AUTO_FD int fd = openat(scratch.fd, "word", O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *of_fd = xasprintf("%s:fd=%d", file, fd);
	expect_keys(word, NULL, 0);
	expect_keys(pass, NULL, 0);
	expect_keys(of_file, NULL, 0);
	expect_keys(of_fd, NULL, 0);
	expect_keys(file, "missing password", ERR_DENIED);
	expect_keys(wrong, "wrong password", ERR_DENIED);
	expect_keys(no_fd, "number of the descriptor", ERR_INVALID);
	expect_keys(none, "No such file", ERR_SYS);
}

static void refuses_recipients(void **state)
{
	static const struct {
		const char *text, *why;
		enum error_kind kind;
	} cases[] = {
		{ "key.pem", "is no recipient", ERR_INVALID },
		{ "foo:key.pem", "unknown protocol 'foo'", ERR_INVALID },
		{ "pgp:somebody@example.org", "by JWE only", ERR_UNSUPPORTED },
		{ "pkcs7:cert.pem", "by JWE only", ERR_UNSUPPORTED },
		{ "pkcs11:key.yaml", "hardware", ERR_UNSUPPORTED },
		{ "provider:x:y", "programs that keep keys", ERR_UNSUPPORTED },
		{ "jwe:/nonexistent/key", "No such file", ERR_SYS },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(seal_keys) struct seal_keys keys = { 0 };
		AUTO(list) struct list texts = { 0 };

		note("%s", cases[i].text);
		list_add(&texts, cases[i].text);
		assert_error(seal_keys_read_recipients(&texts, &keys), cases[i].kind, cases[i].why);
	}
}

UNIT_TESTS(opens_what_ocicrypt_sealed, opens_one_of_several_envelopes, reads_what_it_writes,
		refuses_annotations, refuses_envelopes, refuses_ways, refuses_short_rsa,
		tells_changed_envelopes, refuses_points, refuses_keys, reads_passwords,
		refuses_recipients)
