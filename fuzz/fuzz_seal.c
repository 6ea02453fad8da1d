/*
 * What an image from anywhere says of its encrypted layers, and keys in files: the bytes as an
 * envelope, as either annotation, as what is inside an envelope, and as a key. What opens tells the
 * same once it is sealed again.
 */
#include "trust/base64.h"
#include "trust/jwe.h"
#include "trust/seal.h"

#include <stdlib.h>
#include <string.h>

#define JWE    "org.opencontainers.image.enc.keys.jwe="
#define PUBLIC "org.opencontainers.image.enc.pubopts="

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* One key for all inputs: RSA takes too long. */
static const struct seal_keys *one_key(void)
{
	static const char pem[] =
			"-----BEGIN PRIVATE KEY-----\n"
			"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgM2jiMJO3S2CKOe0X\n"
			"UFGiEVV+zXWB1hX2qk2YeLAOoYahRANCAATwrHD6VpwoTQqRuABio8gx0QIQixd1\n"
			"hE9WwKTuq35vB3FsVTZ5oZRhrwRRh2jd3Y3JM4MKaIYopebI36xgw3/n\n"
			"-----END PRIVATE KEY-----\n";
	static struct seal_keys keys;

	if (!keys.n && seal_key_read_private(str_of(pem), "K", NULL, &keys))
		abort();
	return &keys;
}

static char *annotation(const char *name, const void *bytes, size_t n)
{
	AUTO_FREE char *text = base64_encode(bytes, n);

	return xasprintf("%s%s", name, text);
}

static void read_annotations(const char *keys, const char *options)
{
	AUTO(list) struct list annotations = { 0 }, again = { 0 };
	AUTO(seal_secret) struct seal_secret secret = { 0 }, back = { 0 };

	list_add(&annotations, keys);
	list_add(&annotations, options);
	struct error *error = seal_read(&annotations, one_key(), &secret);
	if (error || !digest_known(&secret.digest)) {
		error_free(error);
		return;
	}
	error = seal_write(one_key(), &secret, &again);
	if (!error)
		error = seal_read(&again, one_key(), &back);
	if (error || memcmp(&secret.key, &back.key, sizeof(back.key)) != 0 ||
			memcmp(secret.mac, back.mac, sizeof(back.mac)) != 0 ||
			!digest_equal(&secret.digest, &back.digest))
		abort();
}

static void read_key(struct str text)
{
	AUTO(seal_keys) struct seal_keys keys = { 0 };
	const struct secret word = { (unsigned char *)(uintptr_t) "word", 4 };

	error_free(seal_key_read_public(text, "K", &keys));
	error_free(seal_key_read_private(text, "K", NULL, &keys));
	error_free(seal_key_read_private(text, "K", &word, &keys));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char good[] = "{\"cipher\":\"AES_256_CTR_HMAC_SHA256\",\"hmac\":"
				   "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}";
	struct str text = { (const char *)bytes, size };
	AUTO_FREE char *options = annotation(PUBLIC, good, strlen(good));
	AUTO_FREE char *inside = NULL;

	struct error *error = jwe_encrypt(one_key(), bytes, size, &inside);
	if (error)
		abort();
	AUTO_FREE char *sealed = annotation(JWE, inside, strlen(inside));
	AUTO_FREE char *raw = xasprintf(JWE "%.*s", (int)size, text.p);
	AUTO_FREE char *envelope = annotation(JWE, bytes, size);
	AUTO_FREE char *as_options = annotation(PUBLIC, bytes, size);
	read_annotations(sealed, options);
	read_annotations(sealed, as_options);
	read_annotations(envelope, options);
	read_annotations(raw, options);
	read_key(text);
	return 0;
}
