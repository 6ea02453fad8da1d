#include "trust/jwk.h"

#include "base/limits.h"
#include "base/xalloc.h"
#include "oci/json.h"
#include "stream/crypto.h"
#include "trust/base64.h"
#include "trust/secret.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <string.h>

enum { POINT_BYTES_MAX = 66, RSA_BYTES_MAX = 2048 };

static const struct curve {
	const char *name, *group;
	size_t bytes;
} curves[] = {
	{ "P-256", "prime256v1", 32 },
	{ "P-384", "secp384r1", 48 },
	{ "P-521", "secp521r1", POINT_BYTES_MAX },
};

static const struct curve *find_curve(const char *name)
{
	for (size_t i = 0; name && i < COUNT(curves); i++)
		if (strcmp(curves[i].name, name) == 0)
			return &curves[i];
	return NULL;
}

const char *jwk_curve_of(const char *group)
{
	for (size_t i = 0; i < COUNT(curves); i++)
		if (strcmp(curves[i].group, group) == 0)
			return curves[i].name;
	return NULL;
}

FALLIBLE jwk_algorithm(const char *name, bool is_rsa, const char *what, const char **ret)
{
	static const struct {
		const char *name;
		bool is_rsa;
	} known[] = { { "RSA-OAEP", true }, { "RSA-OAEP-256", true }, { "ECDH-ES+A128KW", false },
		{ "ECDH-ES+A192KW", false }, { "ECDH-ES+A256KW", false } };

	for (size_t i = 0; i < COUNT(known); i++)
		if (strcmp(known[i].name, name) == 0 && known[i].is_rsa == is_rsa) {
			*ret = known[i].name;
			return NULL;
		}
	return error_new(ERR_UNSUPPORTED, "%s: '%.40s' is no way of encrypting for %s key", what,
			name, is_rsa ? "an RSA" : "an EC");
}

/* A point without compression, as OpenSSL takes it. Coordinates may be short of zeros in front. */
static bool join_point(const struct curve *curve, const char *x, const char *y,
		unsigned char point[static 1 + 2 * POINT_BYTES_MAX])
{
	const char *const texts[] = { x, y };

	memset(point, 0, 1 + 2 * POINT_BYTES_MAX);
	point[0] = 4;
	for (size_t i = 0; i < COUNT(texts); i++) {
		AUTO(secret) struct secret bytes = { 0 };

		if (!texts[i] || !base64url_decode(str_of(texts[i]), &bytes.p, &bytes.n) ||
				!bytes.n || bytes.n > curve->bytes)
			return false;
		memcpy(point + 1 + (i + 1) * curve->bytes - bytes.n, bytes.p, bytes.n);
	}
	return true;
}

static EVP_PKEY *make(const char *type, int selection, OSSL_PARAM_BLD *build)
{
	const struct crypto_calls *crypto = crypto_loaded();
	EVP_PKEY_CTX *context = crypto->EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = crypto->OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY *key = NULL;

	if (!context || !params || crypto->EVP_PKEY_fromdata_init(context) != 1 ||
			crypto->EVP_PKEY_fromdata(context, &key, selection, params) != 1)
		key = NULL;
	crypto->OSSL_PARAM_free(params);
	crypto->EVP_PKEY_CTX_free(context);
	crypto->ERR_clear_error();
	return key;
}

/* d: the private number, or NULL. */
static EVP_PKEY *make_ec(const char *curve_name, const char *x, const char *y, const char *d)
{
	const struct crypto_calls *crypto = crypto_loaded();
	const struct curve *curve = find_curve(curve_name);
	unsigned char point[1 + 2 * POINT_BYTES_MAX];
	AUTO(secret) struct secret number = { 0 };

	if (!curve || !join_point(curve, x, y, point))
		return NULL;
	if (d && (!base64url_decode(str_of(d), &number.p, &number.n) || number.n > curve->bytes))
		return NULL;
	OSSL_PARAM_BLD *build = crypto->OSSL_PARAM_BLD_new();
	BIGNUM *private = d ? crypto->BN_bin2bn(number.p, (int)number.n, NULL) : NULL;
	EVP_PKEY *key = NULL;

	if (build && (!d || private) &&
			crypto->OSSL_PARAM_BLD_push_utf8_string(
					build, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) == 1 &&
			crypto->OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
					point, 1 + 2 * curve->bytes) == 1 &&
			(!d || crypto->OSSL_PARAM_BLD_push_BN(
					       build, OSSL_PKEY_PARAM_PRIV_KEY, private) == 1))
		key = make("EC", d ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, build);
	crypto->BN_clear_free(private);
	crypto->OSSL_PARAM_BLD_free(build);
	crypto->ERR_clear_error();
	return key;
}

EVP_PKEY *jwk_point(const char *curve, const char *x, const char *y)
{
	return make_ec(curve, x, y, NULL);
}

static char *coordinate(const EVP_PKEY *key, const char *name, size_t bytes)
{
	const struct crypto_calls *crypto = crypto_loaded();
	unsigned char number[POINT_BYTES_MAX];
	BIGNUM *value = NULL;
	char *text = NULL;

	if (crypto->EVP_PKEY_get_bn_param(key, name, &value) == 1 &&
			crypto->BN_bn2binpad(value, number, (int)bytes) == (int)bytes)
		text = base64url_encode(number, bytes);
	crypto->BN_free(value);
	return text;
}

bool jwk_point_text(const EVP_PKEY *key, const char *curve, char **ret_x, char **ret_y)
{
	const struct crypto_calls *crypto = crypto_loaded();
	size_t bytes = find_curve(curve)->bytes;
	AUTO_FREE char *x = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, bytes);
	AUTO_FREE char *y = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, bytes);

	crypto->ERR_clear_error();
	if (!x || !y)
		return false;
	*ret_x = TAKE(x);
	*ret_y = TAKE(y);
	return true;
}

struct rsa_numbers {
	OSSL_PARAM_BLD *build;
	BIGNUM *p[8]; /* what build points to */
	size_t n;
};

static void rsa_numbers_done(struct rsa_numbers *numbers)
{
	const struct crypto_calls *crypto = crypto_loaded();
	crypto->OSSL_PARAM_BLD_free(numbers->build);
	for (size_t i = 0; i < numbers->n; i++)
		crypto->BN_clear_free(numbers->p[i]);
}

DEFINE_AUTO_VALUE(rsa_numbers)

static FALLIBLE add_number(const struct json_field *root, const char *key, const char *param,
		struct rsa_numbers *numbers)
{
	const struct crypto_calls *crypto = crypto_loaded();
	AUTO(secret) struct secret text = { 0 }, bytes = { 0 };

	TRY(json_get_text(root, key, JSON_MUST, (char **)&text.p));
	text.n = strlen((const char *)text.p);
	if (!base64url_decode((struct str){ (const char *)text.p, text.n }, &bytes.p, &bytes.n) ||
			!bytes.n || bytes.n > RSA_BYTES_MAX)
		return json_complain(root, "has no number '%s'", key);
	BIGNUM *number = crypto->BN_bin2bn(bytes.p, (int)bytes.n, NULL);
	numbers->p[numbers->n++] = number;
	if (!number || crypto->OSSL_PARAM_BLD_push_BN(numbers->build, param, number) != 1)
		return json_complain(root, "has a number '%s' that OpenSSL does not take", key);
	return NULL;
}

static FALLIBLE read_rsa(const struct json_field *root, bool is_private, EVP_PKEY **ret)
{
	const struct crypto_calls *crypto = crypto_loaded();
	static const struct {
		const char *key, *param;
	} members[] = { { "n", OSSL_PKEY_PARAM_RSA_N }, { "e", OSSL_PKEY_PARAM_RSA_E },
		{ "d", OSSL_PKEY_PARAM_RSA_D }, { "p", OSSL_PKEY_PARAM_RSA_FACTOR1 },
		{ "q", OSSL_PKEY_PARAM_RSA_FACTOR2 }, { "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 },
		{ "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 },
		{ "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 } };
	/* Of a private key the factors are left out by some, but then all of them. */
	bool has_factors = json_has(root, "p") && json_has(root, "qi");
	size_t n = !is_private ? 2 : has_factors ? COUNT(members) : 3;
	AUTO(rsa_numbers) struct rsa_numbers numbers = { .build = crypto->OSSL_PARAM_BLD_new() };

	if (!numbers.build)
		return error_new(ERR_UNSUPPORTED, "OpenSSL makes no keys of numbers");
	for (size_t i = 0; i < n; i++)
		TRY(add_number(root, members[i].key, members[i].param, &numbers));
	*ret = make("RSA", is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, numbers.build);
	return NULL;
}

static FALLIBLE read_ec(const struct json_field *root, bool is_private, EVP_PKEY **ret)
{
	AUTO_FREE char *curve = NULL, *x = NULL, *y = NULL;
	AUTO(secret) struct secret d = { 0 };

	TRY(json_get_text(root, "crv", JSON_MUST, &curve));
	TRY(json_get_text(root, "x", JSON_MUST, &x));
	TRY(json_get_text(root, "y", JSON_MUST, &y));
	if (is_private) {
		TRY(json_get_text(root, "d", JSON_MUST, (char **)&d.p));
		d.n = strlen((const char *)d.p);
	}
	*ret = make_ec(curve, x, y, (const char *)d.p);
	return NULL;
}

FALLIBLE jwk_read(struct str json, const char *what, bool is_private, char **ret_algorithm,
		EVP_PKEY **ret)
{
	const struct crypto_calls *crypto = crypto_loaded();
	json_auto_t *value = NULL;
	struct json_field root;
	AUTO_FREE char *type = NULL;

	TRY(json_parse(json, LIMIT_SETTINGS_BYTES, what, &value));
	TRY(json_root(value, what, &root));
	TRY(json_get_text(&root, "kty", JSON_MUST, &type));
	if (json_has(&root, "d") != is_private)
		return error_new(ERR_INVALID, "%s is not a %s key", what,
				is_private ? "private" : "public");
	if (strcmp(type, "RSA") == 0)
		TRY(read_rsa(&root, is_private, ret));
	else if (strcmp(type, "EC") == 0)
		TRY(read_ec(&root, is_private, ret));
	else
		return error_new(ERR_UNSUPPORTED, "%s: neither RSA nor EC but '%.20s'", what, type);
	if (!*ret)
		return error_new(ERR_INVALID, "%s: its numbers make no key", what);
	struct error *error = json_get_text(&root, "alg", JSON_MAY, ret_algorithm);
	if (error)
		crypto->EVP_PKEY_free(TAKE(*ret));
	return error;
}
