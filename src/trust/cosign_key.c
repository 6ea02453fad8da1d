#include "trust/cosign_key.h"

#include "base/limits.h"
#include "base/xalloc.h"
#include "oci/json.h"
#include "stream/crypto.h"
#include "trust/base64.h"

#include <dlfcn.h>
#include <openssl/crypto.h>
#include <string.h>

enum { BOX_KEY = 32, BOX_NONCE = 24, BOX_MAC = 16 };
/* cosign writes N 32768 or 65536, r 8, p 1: 64 MiB. */
enum { SCRYPT_N_MAX = 1 << 20, SCRYPT_R_MAX = 16, SCRYPT_P_MAX = 4 };
#define SCRYPT_BYTES_MAX (UINT64_C(1) << 30)

static const char *const labels[] = { "ENCRYPTED SIGSTORE PRIVATE KEY",
	"ENCRYPTED COSIGN PRIVATE KEY" };

struct box {
	int64_t n, r, p;
	struct secret salt, nonce, ciphertext;
};

static void box_done(struct box *box)
{
	secret_done(&box->salt);
	secret_done(&box->nonce);
	secret_done(&box->ciphertext);
}

DEFINE_AUTO_VALUE(box)

/* What stands between the two lines of the PEM; false when there is none. */
static bool find_body(struct str pem, struct str *ret)
{
	for (size_t i = 0; i < COUNT(labels); i++) {
		AUTO_FREE char *begin = xasprintf("-----BEGIN %s-----", labels[i]);
		AUTO_FREE char *end = xasprintf("-----END %s-----", labels[i]);
		const char *from = memmem(pem.p, pem.n, begin, strlen(begin));

		if (!from)
			continue;
		from += strlen(begin);
		const char *to = memmem(from, (size_t)(pem.p + pem.n - from), end, strlen(end));
		if (!to)
			return false;
		*ret = (struct str){ from, (size_t)(to - from) };
		return true;
	}
	return false;
}

bool cosign_key_is(struct str pem)
{
	struct str body;

	return find_body(pem, &body);
}

static FALLIBLE get_bytes(const struct json_field *object, const char *key, struct secret *ret)
{
	AUTO_FREE char *text = NULL;

	TRY(json_get_text(object, key, JSON_MUST, &text));
	if (!base64_decode(str_of(text), &ret->p, &ret->n))
		return json_complain(
				&(struct json_field){ .up = object, .key = key }, "is not base64");
	return NULL;
}

static FALLIBLE check_name(const struct json_field *object, const char *wanted)
{
	AUTO_FREE char *name = NULL;

	TRY(json_get_text(object, "name", JSON_MUST, &name));
	if (strcmp(name, wanted) != 0)
		return error_new(ERR_UNSUPPORTED, "encrypted key: '%.80s' instead of '%s'", name,
				wanted);
	return NULL;
}

static FALLIBLE read_scrypt(const struct json_field *kdf, struct box *ret)
{
	struct json_field params;

	TRY(check_name(kdf, "scrypt"));
	TRY(get_bytes(kdf, "salt", &ret->salt));
	TRY(json_get_object(kdf, "params", JSON_MUST, &params));
	TRY(json_get_i64(&params, "N", JSON_MUST, 2, &ret->n));
	TRY(json_get_i64(&params, "r", JSON_MUST, 1, &ret->r));
	TRY(json_get_i64(&params, "p", JSON_MUST, 1, &ret->p));
	if (ret->n > SCRYPT_N_MAX || ret->r > SCRYPT_R_MAX || ret->p > SCRYPT_P_MAX)
		return error_new(
				ERR_LIMIT, "encrypted key: scrypt's parameters are beyond all use");
	return NULL;
}

static FALLIBLE read_box(struct str json, struct box *ret)
{
	json_auto_t *value = NULL;
	struct json_field root, kdf, cipher;

	TRY(json_parse(json, LIMIT_SETTINGS_BYTES, "encrypted key", &value));
	TRY(json_root(value, "encrypted key", &root));
	TRY(json_get_object(&root, "kdf", JSON_MUST, &kdf));
	TRY(read_scrypt(&kdf, ret));
	TRY(json_get_object(&root, "cipher", JSON_MUST, &cipher));
	TRY(check_name(&cipher, "nacl/secretbox"));
	TRY(get_bytes(&cipher, "nonce", &ret->nonce));
	TRY(get_bytes(&root, "ciphertext", &ret->ciphertext));
	if (ret->nonce.n != BOX_NONCE || ret->ciphertext.n <= BOX_MAC)
		return error_new(ERR_INVALID, "encrypted key: parts of it are missing");
	return NULL;
}

typedef int open_box(unsigned char *message, const unsigned char *box, unsigned long long box_bytes,
		const unsigned char *nonce, const unsigned char *key);

static FALLIBLE load_sodium(open_box **ret)
{
	/* Never closed, as curl. */
	void *library = dlopen("libsodium.so.23", RTLD_LAZY | RTLD_LOCAL);
	int (*init)(void) = NULL;

	if (library) {
		*(void **)&init = dlsym(library, "sodium_init");
		*(void **)ret = dlsym(library, "crypto_secretbox_open_easy");
	}
	if (!library || !init || !*ret || init() < 0)
		return error_hint(error_new(ERR_NOT_FOUND,
						  "load libsodium, which cosign's encrypted keys "
						  "need"),
				"install it, for example with apt-get install libsodium23, or use "
				"a key in PKCS #8");
	return NULL;
}

FALLIBLE cosign_key_open(
		struct str pem, const char *what, const char *passphrase, struct secret *ret)
{
	AUTO(secret) struct secret json = { 0 }, plain = { 0 };
	AUTO(box) struct box box = { 0 };
	const struct crypto_calls *crypto = NULL;
	unsigned char key[BOX_KEY];
	struct str body = { 0 };
	open_box *open = NULL;

	if (!find_body(pem, &body) || !base64_decode(body, &json.p, &json.n))
		return error_new(ERR_INVALID, "%s: an encrypted key that is not whole", what);
	TRY_WRAP(read_box((struct str){ (const char *)json.p, json.n }, &box), "%s", what);
	TRY(load_sodium(&open));
	TRY(crypto_load(&crypto));
	passphrase = passphrase ? passphrase : "";
	if (crypto->EVP_PBE_scrypt(passphrase, strlen(passphrase), box.salt.p, box.salt.n,
			    (uint64_t)box.n, (uint64_t)box.r, (uint64_t)box.p, SCRYPT_BYTES_MAX,
			    key, sizeof(key)) != 1) {
		crypto->ERR_clear_error();
		return error_new(ERR_INVALID, "%s: scrypt cannot take these parameters", what);
	}
	plain.n = box.ciphertext.n - BOX_MAC;
	plain.p = xcalloc(1, plain.n);
	int failed = open(plain.p, box.ciphertext.p, box.ciphertext.n, box.nonce.p, key);
	OPENSSL_cleanse(key, sizeof(key));
	if (failed)
		return error_hint(error_new(ERR_DENIED, "%s: the passphrase does not open the key",
						  what),
				"--sign-passphrase-file names a file with the passphrase");
	*ret = TAKE_VALUE(plain);
	return NULL;
}
