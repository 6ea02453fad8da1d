/*
 * What a step prints must not be obeyed by a terminal: whatever comes in, nothing but printable
 * text and whole SGR sequences comes out, and a cut never takes more columns than it was given.
 */
#include "ui/plain_text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes of the SGR sequence at p, 0 when it is none. */
static size_t sgr(const char *p, size_t n)
{
	size_t i = 2;

	if (n < 3 || p[0] != '\x1b' || p[1] != '[')
		return 0;
	while (i < n && (p[i] == ';' || p[i] == ':' || (p[i] >= '0' && p[i] <= '9')))
		i++;
	return i < n && p[i] == 'm' ? i + 1 : 0;
}

static void check(const struct strbuf *text, bool has_colours)
{
	for (size_t i = 0; i < text->n;) {
		size_t n = has_colours ? sgr(text->p + i, text->n - i) : 0;
		unsigned char c = (unsigned char)text->p[i];

		if (!n && (c < 0x20 || c == 0x7f))
			abort();
		/* C1 controls in UTF-8. */
		if (c == 0xc2 && i + 1 < text->n && (unsigned char)text->p[i + 1] < 0xa0)
			abort();
		i += n ? n : 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str line = { (const char *)data, size };
	AUTO(strbuf) struct strbuf plain = { 0 }, coloured = { 0 }, cut = { 0 }, again = { 0 };
	size_t columns = size ? data[0] % 100 : 0;

	plain_text_line(line, 0, &plain);
	check(&plain, false);
	plain_text_line(line, KEEP_COLOURS, &coloured);
	check(&coloured, true);
	if (plain_text_width(strbuf_str(&plain)) != plain_text_width(strbuf_str(&coloured)))
		abort();
	if (plain_text_cut(strbuf_str(&coloured), columns, true, &cut) > columns)
		abort();
	check(&cut, true);
	/* Clean text stays as it is. */
	plain_text_line(strbuf_str(&plain), 0, &again);
	if (again.n != plain.n || (again.n && memcmp(again.p, plain.p, plain.n) != 0))
		abort();
	strbuf_clear(&again);
	plain_text_escape(line, &again);
	strbuf_clear(&again);
	plain_text_utf8(line, &again);
	return 0;
}
