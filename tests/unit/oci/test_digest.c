#include "oci/digest.h"
#include "unit.h"

#define HEX63 "3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HEX64 "e" HEX63

static void prints_what_it_parsed(void **state)
{
	struct digest digest = { 0 };
	char text[DIGEST_TEXT];

	assert_false(digest_known(&digest));
	assert_ok(digest_parse(STR("sha256:" HEX64), &digest));
	assert_true(digest_known(&digest));
	assert_string_equal(digest_text(&digest, text), "sha256:" HEX64);
	assert_string_equal(digest_hex(&digest, text), HEX64);
}

static void refuses(void **state)
{
	static const struct {
		const char *why, *text;
		enum error_kind kind;
	} cases[] = {
		{ "empty", "", ERR_INVALID },
		{ "no algorithm", HEX64, ERR_INVALID },
		{ "empty algorithm", ":" HEX64, ERR_INVALID },
		{ "unknown algorithm", "md5:" HEX64, ERR_INVALID },
		{ "upper-case algorithm", "SHA256:" HEX64, ERR_INVALID },
		{ "one digit short", "sha256:" HEX63, ERR_INVALID },
		{ "one digit long", "sha256:0" HEX64, ERR_INVALID },
		{ "upper-case digit", "sha256:E" HEX63, ERR_INVALID },
		{ "no digit", "sha256:g" HEX63, ERR_INVALID },
		{ "a path", "sha256:../../" HEX63, ERR_INVALID },
		{ "sha512", "sha512:" HEX64 HEX64, ERR_UNSUPPORTED },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct digest digest = { 0 };

		note("%s", cases[i].why);
		assert_error(digest_parse(str_of(cases[i].text), &digest), cases[i].kind,
				cases[i].text);
		assert_false(digest_known(&digest));
	}
	/* A NUL inside is a wrong digit, not the end. */
	struct digest digest;
	char text[] = "sha256:" HEX64;
	text[20] = '\0';
	assert_error(digest_parse((struct str){ text, sizeof(text) - 1 }, &digest), ERR_INVALID,
			"digits");
}

static void of_bytes(void **state)
{
	static const char zeros[1024];
	/* The empty layer that Docker has written since 1.10. */
	static const unsigned char gzip[] = { 31, 139, 8, 0, 0, 9, 110, 136, 0, 255, 98, 24, 5, 163,
		96, 20, 140, 88, 0, 8, 0, 0, 255, 255, 46, 175, 181, 239, 0, 4, 0, 0 };
	struct digest digest = digest_of(NULL, 0);
	char text[DIGEST_TEXT];

	assert_string_equal(digest_hex(&digest, text), HEX64);
	digest = digest_of(zeros, sizeof(zeros));
	assert_string_equal(digest_text(&digest, text), digest_empty_tar_text);
	digest = digest_of(gzip, sizeof(gzip));
	assert_string_equal(digest_text(&digest, text), digest_empty_gzip_layer_text);
}

static void compares(void **state)
{
	struct digest a = digest_of("a", 1), b = digest_of("b", 1), none = { 0 };

	assert_true(digest_equal(&a, &a));
	assert_false(digest_equal(&a, &b));
	assert_false(digest_equal(&a, &none));
	assert_int_equal(digest_compare(&a, &a), 0);
	assert_int_equal(digest_compare(&a, &b) < 0, digest_compare(&b, &a) > 0);
}

/* RFC 4231, cases 1, 2, 3 and 6; and no key, which RFC 2104 allows. */
static void makes_macs(void **state)
{
	uint8_t key[131], text[50];
	struct digest mac;
	char hex[DIGEST_HEX];

	memset(key, 0x0b, 20);
	mac = digest_hmac(key, 20, STR("Hi There"));
	assert_string_equal(digest_hex(&mac, hex),
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	mac = digest_hmac("Jefe", 4, STR("what do ya want for nothing?"));
	assert_string_equal(digest_hex(&mac, hex),
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	memset(text, 0xdd, sizeof(text));
	mac = digest_hmac(key, 20, (struct str){ (const char *)text, sizeof(text) });
	assert_string_equal(digest_hex(&mac, hex),
			"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	mac = digest_hmac(key, sizeof(key),
			STR("Test Using Larger Than Block-Size Key - Hash Key First"));
	assert_string_equal(digest_hex(&mac, hex),
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	mac = digest_hmac(NULL, 0, STR(""));
	assert_string_equal(digest_hex(&mac, hex),
			"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

UNIT_TESTS(prints_what_it_parsed, refuses, of_bytes, compares, makes_macs)
