/*
 * What a downloaded file is called: by its address, else by what the server says. Either is text
 * from outside, and becomes one name, never a path.
 */
#include "base/limits.h"
#include "base/strbuf.h"
#include "build/fetched.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static int hex_of(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* Percent-decoded; NULL unless it is a name that a directory can hold. */
static char *name_of(struct str text)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == '%' && i + 2 < text.n && isxdigit((unsigned char)text.p[i + 1]) &&
				isxdigit((unsigned char)text.p[i + 2])) {
			c = (unsigned char)(hex_of(text.p[i + 1]) << 4 | hex_of(text.p[i + 2]));
			i += 2;
		}
		if (c < ' ' || c == 0x7f || c == '/')
			return NULL;
		strbuf_add_char(&out, (char)c);
	}
	const char *name = strbuf_text(&out);
	if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
			out.n > LIMIT_NAME_BYTES)
		return NULL;
	return strbuf_take(&out);
}

char *fetched_url_name(const char *url)
{
	const char *start = strstr(url, "://");
	struct str text = { start ? start + 3 : "", start ? strcspn(start + 3, "?#") : 0 };
	size_t slash = str_find_last(text, '/');

	return slash < text.n ? name_of(str_slice(text, slash + 1, text.n)) : NULL;
}

char *fetched_disposition_name(const char *header)
{
	struct str rest = str_of(header), part, key, value;

	while (rest.n) {
		(void)str_cut(rest, ';', &part, &rest);
		if (!str_cut(str_trim(part), '=', &key, &value))
			continue;
		value = str_trim(value);
		if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
			value = str_slice(value, 1, value.n - 1);
		/* RFC 6266: filename*=UTF-8''percent%20coded */
		if (str_is_nocase(str_trim(key), "filename*") && str_find(value, '\'') < value.n)
			value = str_slice(value, str_find_last(value, '\'') + 1, value.n);
		else if (!str_is_nocase(str_trim(key), "filename"))
			continue;
		/* Some servers send paths: the last part is the name. */
		size_t slash = str_find_last(value, '/');
		return name_of(str_slice(value, slash < value.n ? slash + 1 : 0, value.n));
	}
	return NULL;
}
