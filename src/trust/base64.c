#include "trust/base64.h"

#include "base/auto.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

bool base64_decode(struct str text, unsigned char **ret, size_t *ret_n)
{
	AUTO(strbuf) struct strbuf clean = { 0 };

	for (size_t i = 0; i < text.n; i++)
		if (!strchr(" \t\r\n", text.p[i]) || !text.p[i])
			strbuf_add_char(&clean, text.p[i]);
	const char *encoded = strbuf_text(&clean);
	size_t padding = clean.n - strcspn(encoded, "=");
	if (clean.n % 4 != 0 || clean.n > INT_MAX || padding > 2 ||
			strspn(encoded + clean.n - padding, "=") != padding)
		return false;
	AUTO_FREE unsigned char *bytes = xcalloc(1, clean.n + 1);
	int n = EVP_DecodeBlock(bytes, (const unsigned char *)encoded, (int)clean.n);
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
	AUTO(strbuf) struct strbuf plain = { 0 };

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (!c || strchr("+/= \t\r\n", c))
			return false;
		strbuf_add_char(&plain, c);
		plain.p[i] = c == '-' ? '+' : c == '_' ? '/' : c;
	}
	while (plain.n % 4)
		strbuf_add_char(&plain, '=');
	return base64_decode(strbuf_str(&plain), ret, ret_n);
}
