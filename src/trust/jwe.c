#include "trust/jwe.h"

#include "base/limits.h"
#include "base/xalloc.h"
#include "oci/json.h"
#include "stream/crypto.h"
#include "trust/base64.h"
#include "trust/jwe_key.h"

#include <limits.h>
#include <openssl/rand.h>
#include <string.h>

#define WHAT "envelope"

enum { KEY_BYTES = 32, IV_BYTES = 12, TAG_BYTES = 16 };

struct recipients {
	struct jwe_recipient *p;
	size_t n, capacity;
};

static void recipients_done(struct recipients *recipients)
{
	for (size_t i = 0; i < recipients->n; i++)
		jwe_recipient_done(&recipients->p[i]);
	vec_done(recipients);
}

DEFINE_AUTO_VALUE(recipients)

/* --- content --- */

struct content {
	unsigned char iv[IV_BYTES], tag[TAG_BYTES];
	struct secret bytes; /* encrypted */
};

static void content_done(struct content *content)
{
	secret_done(&content->bytes);
}

DEFINE_AUTO_VALUE(content)

static const EVP_CIPHER *cipher_for(size_t key_bytes)
{
	const struct crypto_calls *crypto = crypto_loaded();
	return key_bytes == 16   ? crypto->EVP_aes_128_gcm()
	       : key_bytes == 24 ? crypto->EVP_aes_192_gcm()
				 : crypto->EVP_aes_256_gcm();
}

static bool gcm_encrypt(const struct secret *key, const char *aad, const void *plain, size_t n,
		struct content *ret)
{
	const struct crypto_calls *crypto = crypto_loaded();
	EVP_CIPHER_CTX *context = crypto->EVP_CIPHER_CTX_new();
	int done = 0, last = 0;

	ret->bytes = (struct secret){ xcalloc(1, n + 1), n };
	bool ok = context &&
		  crypto->EVP_EncryptInit_ex2(context, cipher_for(key->n), key->p, ret->iv, NULL) ==
				  1 &&
		  crypto->EVP_EncryptUpdate(context, NULL, &done, (const unsigned char *)aad,
				  (int)strlen(aad)) == 1 &&
		  crypto->EVP_EncryptUpdate(context, ret->bytes.p, &done, plain, (int)n) == 1 &&
		  crypto->EVP_EncryptFinal_ex(context, ret->bytes.p + done, &last) == 1 &&
		  crypto->EVP_CIPHER_CTX_ctrl(
				  context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, ret->tag) == 1;

	crypto->EVP_CIPHER_CTX_free(context);
	return ok && (size_t)done + (size_t)last == n;
}

static bool gcm_decrypt(const struct secret *key, const char *aad, struct content *content,
		struct secret *ret)
{
	const struct crypto_calls *crypto = crypto_loaded();
	EVP_CIPHER_CTX *context = crypto->EVP_CIPHER_CTX_new();
	size_t n = content->bytes.n;
	AUTO(secret) struct secret plain = { xcalloc(1, n + 1), n };
	int done = 0, last = 0;
	bool ok = context &&
		  crypto->EVP_DecryptInit_ex2(
				  context, cipher_for(key->n), key->p, content->iv, NULL) == 1 &&
		  crypto->EVP_DecryptUpdate(context, NULL, &done, (const unsigned char *)aad,
				  (int)strlen(aad)) == 1 &&
		  crypto->EVP_DecryptUpdate(context, plain.p, &done, content->bytes.p, (int)n) ==
				  1 &&
		  crypto->EVP_CIPHER_CTX_ctrl(
				  context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, content->tag) == 1 &&
		  crypto->EVP_DecryptFinal_ex(context, plain.p + done, &last) == 1;

	crypto->EVP_CIPHER_CTX_free(context);
	crypto->ERR_clear_error();
	if (ok)
		*ret = TAKE_VALUE(plain);
	return ok;
}

/* --- writing --- */

static void put_header(struct json_out *out, const struct jwe_recipient *recipient)
{
	json_out_text(out, "alg", recipient->algorithm);
	if (!recipient->curve)
		return;
	json_out_open(out, "epk", '{');
	json_out_text(out, "kty", "EC");
	json_out_text(out, "crv", recipient->curve);
	json_out_text(out, "x", recipient->x);
	json_out_text(out, "y", recipient->y);
	json_out_close(out, '}');
}

/* What is authenticated: of one recipient all that is said of it. */
static char *protected_of(const struct recipients *recipients)
{
	AUTO(json_out) struct json_out out = { 0 };

	json_out_open(&out, NULL, '{');
	if (recipients->n == 1)
		put_header(&out, &recipients->p[0]);
	json_out_text(&out, "enc", "A256GCM");
	json_out_close(&out, '}');
	AUTO_FREE char *json = json_out_take(&out);
	return base64url_encode(json, strlen(json));
}

static void put_base64url(struct json_out *out, const char *key, const void *bytes, size_t n)
{
	AUTO_FREE char *text = base64url_encode(bytes, n);

	json_out_text(out, key, text);
}

static char *print(const char *protected, const struct recipients *recipients,
		const struct content *content)
{
	AUTO(json_out) struct json_out out = { 0 };

	json_out_open(&out, NULL, '{');
	json_out_text(&out, "protected", protected);
	if (recipients->n == 1) {
		json_out_text(&out, "encrypted_key", recipients->p[0].key);
	} else {
		json_out_open(&out, "recipients", '[');
		for (size_t i = 0; i < recipients->n; i++) {
			json_out_open(&out, NULL, '{');
			json_out_open(&out, "header", '{');
			put_header(&out, &recipients->p[i]);
			json_out_close(&out, '}');
			json_out_text(&out, "encrypted_key", recipients->p[i].key);
			json_out_close(&out, '}');
		}
		json_out_close(&out, ']');
	}
	put_base64url(&out, "iv", content->iv, IV_BYTES);
	put_base64url(&out, "ciphertext", content->bytes.p, content->bytes.n);
	put_base64url(&out, "tag", content->tag, TAG_BYTES);
	json_out_close(&out, '}');
	return json_out_take(&out);
}

FALLIBLE jwe_encrypt(const struct seal_keys *to, const void *plain, size_t n, char **ret)
{
	const struct crypto_calls *crypto = NULL;
	AUTO(secret) struct secret key = { xcalloc(1, KEY_BYTES), KEY_BYTES };
	AUTO(recipients) struct recipients recipients = { 0 };
	AUTO(content) struct content content = { 0 };

	TRY(crypto_load(&crypto));
	if (crypto->RAND_bytes(key.p, KEY_BYTES) != 1 ||
			crypto->RAND_bytes(content.iv, IV_BYTES) != 1)
		return error_new(ERR_UNSUPPORTED, "OpenSSL has no random numbers");
	for (size_t i = 0; i < to->n; i++)
		TRY(jwe_key_wrap(&to->p[i], &key, vec_add(&recipients)));
	AUTO_FREE char *protected = protected_of(&recipients);
	if (!gcm_encrypt(&key, protected, plain, n, &content))
		return error_new(ERR_UNSUPPORTED, "OpenSSL has no AES-256-GCM");
	*ret = print(protected, &recipients, &content);
	return NULL;
}

/* --- reading --- */

static FALLIBLE get_base64url(const struct json_field *root, const char *key, struct secret *ret)
{
	AUTO_FREE char *text = NULL;

	TRY(json_get_text(root, key, JSON_MUST, &text));
	return base64url_decode(str_of(text), &ret->p, &ret->n)
			       ? NULL
			       : json_complain(root, "has no base64url in '%s'", key);
}

static FALLIBLE get_fixed(
		const struct json_field *root, const char *key, unsigned char *ret, size_t n)
{
	AUTO(secret) struct secret bytes = { 0 };

	TRY(get_base64url(root, key, &bytes));
	if (bytes.n != n)
		return json_complain(root, "has %zu bytes in '%s' instead of %zu", bytes.n, key, n);
	memcpy(ret, bytes.p, n);
	return NULL;
}

/* What a header says of a recipient; an outer one came first. */
static FALLIBLE read_header(const struct json_field *header, struct jwe_recipient *ret)
{
	struct json_field point = { 0 };

	if (!header->value)
		return NULL;
	if (json_has(header, "crit"))
		return error_new(ERR_UNSUPPORTED, WHAT ": it asks for what kiln does not know");
	if (json_has(header, "zip"))
		return error_new(ERR_UNSUPPORTED, WHAT ": its content is compressed");
	TRY(json_get_text(header, "alg", JSON_MAY, &ret->algorithm));
	TRY(json_get_text(header, "apu", JSON_MAY, &ret->apu));
	TRY(json_get_text(header, "apv", JSON_MAY, &ret->apv));
	TRY(json_get_object(header, "epk", JSON_MAY, &point));
	if (!point.value)
		return NULL;
	TRY(json_get_text(&point, "crv", JSON_MUST, &ret->curve));
	TRY(json_get_text(&point, "x", JSON_MUST, &ret->x));
	return json_get_text(&point, "y", JSON_MAY, &ret->y);
}

/* RFC 7516, 4: nothing is said twice, or what is authenticated could be talked over. */
static FALLIBLE check_apart(const struct json_field *protected, const struct json_field *header)
{
	static const char *const names[] = { "alg", "apu", "apv", "enc", "epk" };

	for (size_t i = 0; header->value && i < COUNT(names); i++)
		if (json_has(protected, names[i]) && json_has(header, names[i]))
			return json_complain(
					header, "says '%s' again, which is protected", names[i]);
	return NULL;
}

/* The protected header and, of several, what is said of this one. */
static FALLIBLE read_recipient(const struct json_field *object, const struct json_field *protected,
		struct jwe_recipient *ret)
{
	struct json_field header = { 0 };

	TRY(read_header(protected, ret));
	TRY(json_get_object(object, "header", JSON_MAY, &header));
	TRY(check_apart(protected, &header));
	TRY(read_header(&header, ret));
	return json_get_text(object, "encrypted_key", JSON_MUST, &ret->key);
}

static FALLIBLE read_recipients(const struct json_field *root, const struct json_field *protected,
		struct recipients *ret)
{
	struct json_field list = { 0 };

	TRY(json_get_array(root, "recipients", JSON_MAY, &list));
	if (!list.value)
		return read_recipient(root, protected, vec_add(ret));
	if (json_count(&list) > LIMIT_SEAL_KEYS)
		return error_new(ERR_LIMIT, WHAT ": it is for %zu keys (at most %d)",
				json_count(&list), LIMIT_SEAL_KEYS);
	for (size_t i = 0; i < json_count(&list); i++) {
		struct json_field item;

		TRY(json_item_object(&list, i, &item));
		TRY(read_recipient(&item, protected, vec_add(ret)));
	}
	return NULL;
}

static FALLIBLE find_key_bytes(const struct json_field *protected, size_t *ret)
{
	AUTO_FREE char *name = NULL;

	TRY(json_get_text(protected, "enc", JSON_MUST, &name));
	*ret = strcmp(name, "A256GCM") == 0   ? 32
	       : strcmp(name, "A192GCM") == 0 ? 24
	       : strcmp(name, "A128GCM") == 0 ? 16
					      : 0;
	return *ret ? NULL : error_new(ERR_UNSUPPORTED, WHAT ": encrypted by '%.40s'", name);
}

static FALLIBLE open_for(const struct jwe_recipient *recipient, const struct seal_key *key,
		size_t key_bytes, const char *aad, struct content *content, struct secret *ret)
{
	AUTO(secret) struct secret content_key = { 0 };

	TRY(jwe_key_unwrap(recipient, key, &content_key));
	if (content_key.n == key_bytes && gcm_decrypt(&content_key, aad, content, ret))
		return NULL;
	return error_new(ERR_INVALID, WHAT ": its content does not match its tag");
}

/* Every key at each recipient that it may be. */
static FALLIBLE open_by_any(const struct recipients *recipients, const struct seal_keys *keys,
		size_t key_bytes, const char *aad, struct content *content, struct secret *ret)
{
	for (size_t i = 0; i < recipients->n; i++)
		for (size_t k = 0; k < keys->n; k++) {
			struct error *error = open_for(&recipients->p[i], &keys->p[k], key_bytes,
					aad, content, ret);

			if (!error_is(error, ERR_DENIED))
				return error;
			error_free(error);
		}
	return error_new(ERR_DENIED, "none of the private keys could be used for decryption");
}

/* The text that is authenticated. */
static FALLIBLE read_protected(const struct json_field *root, char **ret_aad, json_t **ret)
{
	AUTO_FREE char *text = NULL, *more = NULL;
	AUTO(secret) struct secret json = { 0 };

	TRY(json_get_text(root, "protected", JSON_MUST, &text));
	TRY(json_get_text(root, "aad", JSON_MAY, &more));
	if (!base64url_decode(str_of(text), &json.p, &json.n))
		return json_complain(root, "has no base64url in 'protected'");
	*ret_aad = xasprintf("%s%s%s", text, more ? "." : "", more ? more : "");
	return json_parse((struct str){ (const char *)json.p, json.n }, LIMIT_SEAL_BYTES,
			WHAT "'s protected header", ret);
}

FALLIBLE jwe_decrypt(struct str json, const struct seal_keys *keys, struct secret *ret)
{
	AUTO(recipients) struct recipients recipients = { 0 };
	AUTO(content) struct content content = { 0 };
	json_auto_t *value = NULL, *inner = NULL;
	struct json_field root, protected;
	AUTO_FREE char *aad = NULL;
	size_t key_bytes = 0;

	TRY(json_parse(json, LIMIT_SEAL_BYTES, WHAT, &value));
	TRY(json_root(value, WHAT, &root));
	TRY(read_protected(&root, &aad, &inner));
	TRY(json_root(inner, WHAT "'s protected header", &protected));
	TRY(find_key_bytes(&protected, &key_bytes));
	TRY(read_recipients(&root, &protected, &recipients));
	TRY(get_fixed(&root, "iv", content.iv, IV_BYTES));
	TRY(get_fixed(&root, "tag", content.tag, TAG_BYTES));
	TRY(get_base64url(&root, "ciphertext", &content.bytes));
	return open_by_any(&recipients, keys, key_bytes, aad, &content, ret);
}
