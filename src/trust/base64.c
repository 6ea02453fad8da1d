#include "trust/base64.h"

#include "base/auto.h"
#include "base/xalloc.h"
#include "trust/secret.h"

#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

bool base64_decode(struct str text, unsigned char **ret, size_t *ret_n)
{
	/* In one piece and wiped: it may be a key. */
	AUTO(secret) struct secret clean = { xcalloc(1, text.n + 1), text.n + 1 };
	size_t clean_n = 0;

	for (size_t i = 0; i < text.n; i++)
		if (!strchr(" \t\r\n", text.p[i]) || !text.p[i])
			clean.p[clean_n++] = (unsigned char)text.p[i];
	const char *encoded = (const char *)clean.p;
	size_t padding = clean_n - strcspn(encoded, "=");
	if (clean_n % 4 != 0 || clean_n > INT_MAX || padding > 2 ||
			strspn(encoded + clean_n - padding, "=") != padding)
		return false;
	AUTO_FREE unsigned char *bytes = xcalloc(1, clean_n + 1);
	int n = EVP_DecodeBlock(bytes, clean.p, (int)clean_n);
	/* Padding counts as bytes there. */
	if (n < (int)padding)
		return false;
	*ret = TAKE(bytes);
	*ret_n = (size_t)n - padding;
	return true;
}

char *base64_encode(const void *bytes, size_t n)
{
	char *text = xcalloc(1, (n + 2) / 3 * 4 + 1);

	(void)EVP_EncodeBlock((unsigned char *)text, bytes, (int)n);
	return text;
}

char *base64url_encode(const void *bytes, size_t n)
{
	char *text = base64_encode(bytes, n);

	text[strcspn(text, "=")] = '\0';
	for (char *p = text; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	return text;
}

bool base64url_decode(struct str text, unsigned char **ret, size_t *ret_n)
{
	AUTO(secret) struct secret plain = { xcalloc(1, text.n + 4), text.n + 4 };
	size_t n = 0;

	for (; n < text.n; n++) {
		char c = text.p[n];

		if (!c || strchr("+/= \t\r\n", c))
			return false;
		plain.p[n] = (unsigned char)(c == '-' ? '+' : c == '_' ? '/' : c);
	}
	while (n % 4)
		plain.p[n++] = '=';
	return base64_decode((struct str){ (const char *)plain.p, n }, ret, ret_n);
}
