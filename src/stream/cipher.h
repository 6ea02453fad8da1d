/*
 * cipher: encrypted layers as bytes in motion: AES-256 in counter mode, and HMAC-SHA256 with the
 * same key over what is encrypted ("AES_256_CTR_HMAC_SHA256" of ocicrypt). As many bytes come out
 * as go in.
 *
 * Floor: stream. OpenSSL's ciphers and MAC.
 */
#pragma once
#include "stream/reader.h"

enum { CIPHER_KEY_BYTES = 32, CIPHER_NONCE_BYTES = 16, CIPHER_MAC_BYTES = 32 };

/* A plain value; whoever keeps one wipes it (OPENSSL_cleanse). */
struct cipher_key {
	unsigned char key[CIPHER_KEY_BYTES];
	unsigned char nonce[CIPHER_NONCE_BYTES];
};

/*
 * What is read is the encrypted form of below (taken). mac is written when the end is seen and must
 * live until then. key is copied.
 */
struct reader *encrypt_reader(struct reader *below, const struct cipher_key *key,
		unsigned char mac[static CIPHER_MAC_BYTES]);
/*
 * The other way. The read that would have said "end" is ERR_DIGEST when mac is another: whoever
 * reads keeps nothing before that. key and mac are copied.
 */
struct reader *decrypt_reader(struct reader *below, const struct cipher_key *key,
		const unsigned char mac[static CIPHER_MAC_BYTES]);
