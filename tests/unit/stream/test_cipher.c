#include "faults.h"
#include "stream/cipher.h"
#include "unit.h"

#include <stdlib.h>

/* SP 800-38A, F.5.5, and the HMAC that Python's hmac has for it. */
#define KEY   "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
#define NONCE "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define PLAIN                                                              \
	"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" \
	"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
#define CIPHER                                                             \
	"601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5" \
	"2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"
#define MAC "c24f1318ee1ab5f6e6468f7bc85f05eafcc5abeb16d46b2955f7c22e32a73161"

enum { BYTES = 64 };

static void from_hex(const char *hex, unsigned char *ret)
{
	for (size_t i = 0; hex[2 * i]; i++) {
		const char byte[] = { hex[2 * i], hex[2 * i + 1], 0 };

		ret[i] = (unsigned char)strtoul(byte, NULL, 16);
	}
}

static struct cipher_key key_of_test(void)
{
	struct cipher_key key;

	from_hex(KEY, key.key);
	from_hex(NONCE, key.nonce);
	return key;
}

/* The first test, so that nobody has loaded OpenSSL: a layer that is opened may never be read. */
static void may_stay_unread(void **state)
{
	const struct cipher_key key = key_of_test();
	const unsigned char mac[CIPHER_MAC_BYTES] = { 0 };

	reader_free(decrypt_reader(reader_from_bytes("x", 1), &key, mac));
}

/* In pieces of n bytes. */
static struct error *read_in_pieces(struct reader *reader, size_t n, struct strbuf *ret)
{
	char buf[BYTES];
	size_t got = 0;

	do {
		TRY(reader_read(reader, buf, n, &got));
		strbuf_add_bytes(ret, buf, got);
	} while (got);
	return NULL;
}

static void agrees_with_the_standard(void **state)
{
	const struct cipher_key key = key_of_test();
	unsigned char plain[BYTES], cipher[BYTES], wanted[CIPHER_MAC_BYTES];

	from_hex(PLAIN, plain);
	from_hex(CIPHER, cipher);
	from_hex(MAC, wanted);
	for (size_t n = 1; n <= BYTES; n++) {
		unsigned char mac[CIPHER_MAC_BYTES] = { 0 };
		AUTO(strbuf) struct strbuf made = { 0 }, back = { 0 };
		AUTO(reader)
		struct reader *in = encrypt_reader(reader_from_bytes(plain, BYTES), &key, mac);
		AUTO(reader)
		struct reader *out = decrypt_reader(reader_from_bytes(cipher, BYTES), &key, wanted);

		assert_ok(read_in_pieces(in, n, &made));
		assert_int_equal(made.n, BYTES);
		assert_memory_equal(made.p, cipher, BYTES);
		assert_memory_equal(mac, wanted, CIPHER_MAC_BYTES);
		assert_ok(read_in_pieces(out, n, &back));
		assert_int_equal(back.n, BYTES);
		assert_memory_equal(back.p, plain, BYTES);
	}
}

static void nothing_is_nothing(void **state)
{
	const struct cipher_key key = key_of_test();
	unsigned char mac[CIPHER_MAC_BYTES] = { 0 };
	AUTO(strbuf) struct strbuf made = { 0 };
	AUTO(reader) struct reader *in = encrypt_reader(reader_from_bytes("", 0), &key, mac);

	assert_ok(read_in_pieces(in, BYTES, &made));
	assert_int_equal(made.n, 0);
	AUTO(reader) struct reader *out = decrypt_reader(reader_from_bytes("", 0), &key, mac);
	assert_ok(read_in_pieces(out, BYTES, &made));
	assert_int_equal(made.n, 0);
}

/* A bit of the bytes, of their MAC or of the key; too few and too many. */
static void tells_what_was_changed(void **state)
{
	unsigned char cipher[BYTES + 1] = { 0 }, mac[CIPHER_MAC_BYTES];

	for (int i = 0; i < 5; i++) {
		struct cipher_key key = key_of_test();
		AUTO(strbuf) struct strbuf back = { 0 };

		from_hex(CIPHER, cipher);
		from_hex(MAC, mac);
		cipher[17] ^= i == 0;
		mac[31] ^= i == 1;
		key.key[0] ^= i == 2;
		size_t n = i == 3 ? BYTES - 1 : i == 4 ? BYTES + 1 : BYTES;
		AUTO(reader)
		struct reader *out = decrypt_reader(reader_from_bytes(cipher, n), &key, mac);
		note("%d", i);
		assert_error(read_in_pieces(out, BYTES, &back), ERR_DIGEST, "HMAC");
		assert_error(read_in_pieces(out, BYTES, &back), ERR_DIGEST, "earlier read");
	}
}

UNIT_TESTS(may_stay_unread, agrees_with_the_standard, nothing_is_nothing, tells_what_was_changed)
