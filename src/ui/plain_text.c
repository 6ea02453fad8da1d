#include "ui/plain_text.h"

enum { ESCAPE = 0x1b, DELETE = 0x7f, SGR_BYTES = 64 };

/*
 * One character of UTF-8: its bytes, or 0 when they are not one. Overlong forms, surrogates and
 * values above U+10FFFF are not.
 */
static size_t decode(struct str s, uint32_t *ret)
{
	const unsigned char *p = (const unsigned char *)s.p;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n;

	if (p[0] < 0x80) {
		*ret = p[0];
		return 1;
	}
	if (p[0] >= 0xf0 && p[0] < 0xf8)
		n = 4;
	else if (p[0] >= 0xe0 && p[0] < 0xf0)
		n = 3;
	else if (p[0] >= 0xc0 && p[0] < 0xe0)
		n = 2;
	else
		return 0;
	if (n > s.n)
		return 0;
	*ret = p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*ret = *ret << 6 | (p[i] & 0x3f);
	}
	if (*ret < least[n] || *ret > 0x10ffff || (*ret >= 0xd800 && *ret < 0xe000))
		return 0;
	return n;
}

/*
 * C0 and C1 controls, and the invisible characters that reorder or hide text on screen (bidi marks
 * and overrides, zero-width ones): a log could make a terminal show what was never said.
 */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= DELETE && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

/* Columns of one character: combining marks take none, East Asian wide forms and emoji two. */
static size_t width_of(uint32_t c)
{
	static const struct {
		uint32_t from, to;
	} wide[] = {
		{ 0x1100, 0x115f },
		{ 0x2e80, 0x303e },
		{ 0x3041, 0xa4cf },
		{ 0xac00, 0xd7a3 },
		{ 0xf900, 0xfaff },
		{ 0xfe30, 0xfe6f },
		{ 0xff00, 0xff60 },
		{ 0xffe0, 0xffe6 },
		{ 0x1f300, 0x1f64f },
		{ 0x1f680, 0x1f6ff },
		{ 0x1f900, 0x1f9ff },
		{ 0x20000, 0x3fffd },
	};

	if ((c >= 0x300 && c <= 0x36f) || (c >= 0x20d0 && c <= 0x20ff) ||
			(c >= 0xfe00 && c <= 0xfe0f))
		return 0;
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		if (c >= wide[i].from && c <= wide[i].to)
			return 2;
	return 1;
}

/* Bytes of the SGR sequence at s, or 0. */
static size_t sgr_bytes(struct str s)
{
	if (s.n < 3 || s.p[0] != ESCAPE || s.p[1] != '[')
		return 0;
	for (size_t i = 2; i < s.n && i < SGR_BYTES; i++) {
		if (s.p[i] == 'm')
			return i + 1;
		if (s.p[i] != ';' && s.p[i] != ':' && (s.p[i] < '0' || s.p[i] > '9'))
			return 0;
	}
	return 0;
}

/*
 * Bytes of the escape sequence at s (which starts with ESC), as ECMA-48 has them: CSI up to its
 * final byte, the string sequences (OSC, DCS, SOS, PM, APC) up to ST or BEL, others with their
 * intermediate bytes. One that does not end takes the rest of the line.
 */
static size_t escape_bytes(struct str s)
{
	size_t i = 2;

	if (s.n < 2)
		return s.n;
	switch (s.p[1]) {
	case '[':
		while (i < s.n && (unsigned char)s.p[i] >= 0x20 && (unsigned char)s.p[i] < 0x40)
			i++;
		return i < s.n ? i + 1 : i;
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		for (; i < s.n; i++) {
			if (s.p[i] == '\a')
				return i + 1;
			if (s.p[i] == ESCAPE && i + 1 < s.n && s.p[i + 1] == '\\')
				return i + 2;
		}
		return s.n;
	default:
		i = 1;
		while (i < s.n && (unsigned char)s.p[i] >= 0x20 && (unsigned char)s.p[i] < 0x30)
			i++;
		return i < s.n ? i + 1 : i;
	}
}

static struct str after_last_return(struct str line)
{
	while (line.n > 0 && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == '\n'))
		line.n--;

	size_t at = str_find_last(line, '\r');

	return at < line.n ? str_slice(line, at + 1, line.n) : line;
}

/* Bytes at the start of s that are printable ASCII: most of most logs. */
static size_t ascii_bytes(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= ' ' && s.p[n] < DELETE)
		n++;
	return n;
}

void plain_text_line(struct str line, unsigned keep, struct strbuf *out)
{
	bool is_coloured = false;
	size_t column = 0, n = 0;

	line = after_last_return(line);
	for (size_t i = 0; i < line.n; i += n) {
		struct str rest = str_slice(line, i, line.n);
		uint32_t c = 0;

		n = ascii_bytes(rest);
		if (n) {
			strbuf_add_bytes(out, rest.p, n);
			column += n;
		} else if (rest.p[0] == ESCAPE) {
			n = keep & KEEP_COLOURS ? sgr_bytes(rest) : 0;
			if (n) {
				strbuf_add_bytes(out, rest.p, n);
				is_coloured = true;
			} else {
				n = escape_bytes(rest);
			}
		} else if (rest.p[0] == '\t' && keep & KEEP_TABS) {
			strbuf_add_char(out, '\t');
			n = 1;
		} else if (rest.p[0] == '\t') {
			n = 1;
			do
				strbuf_add_char(out, ' ');
			while (++column % 8);
		} else if (!(n = decode(rest, &c))) {
			n = 1;
			column++;
			strbuf_add(out, "\xef\xbf\xbd");
		} else if (!is_control(c)) {
			strbuf_add_bytes(out, rest.p, n);
			column += width_of(c);
		}
	}
	if (is_coloured)
		strbuf_add(out, "\x1b[0m");
}

void plain_text_escape(struct str text, struct strbuf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i += n) {
		struct str rest = str_slice(text, i, text.n);
		uint32_t c = 0;

		n = decode(rest, &c);
		if (!n) {
			n = 1;
			strbuf_addf(out, "\\x%02x", (unsigned char)rest.p[0]);
		} else if (is_control(c) && c != '\n' && c != '\t') {
			strbuf_addf(out, c < 0x80 ? "\\x%02x" : "\\u%04x", c);
		} else {
			strbuf_add_bytes(out, rest.p, n);
		}
	}
}

void plain_text_json(struct str json, struct strbuf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < json.n; i += n) {
		struct str rest = str_slice(json, i, json.n);
		uint32_t c = 0;

		n = decode(rest, &c);
		if (n && is_control(c) && c != '\n' && c != '\t' && c != '\r')
			strbuf_addf(out, "\\u%04x", c);
		else
			strbuf_add_bytes(out, rest.p, n ? n : 1);
		n = n ? n : 1;
	}
}

char *plain_text_of_json(const json_t *value, unsigned indent)
{
	size_t flags = (indent ? JSON_INDENT(indent) : JSON_COMPACT) | JSON_ENCODE_ANY;
	char *text = json_dumps(value, flags);
	AUTO(strbuf) struct strbuf out = { 0 };

	plain_text_json(str_of(text ? text : "null"), &out);
	free(text);
	return strbuf_take(&out);
}

/* The next thing of a clean text: its bytes, and the columns it takes. */
static size_t next_cell(struct str rest, size_t *ret_columns)
{
	uint32_t c = 0;
	size_t n = sgr_bytes(rest);

	*ret_columns = 0;
	if (n)
		return n;
	n = decode(rest, &c);
	*ret_columns = n ? width_of(c) : 1;
	return n ? n : 1;
}

size_t plain_text_width(struct str text)
{
	size_t width = 0;

	while (text.n > 0) {
		size_t columns, n = next_cell(text, &columns);

		width += columns;
		text = str_slice(text, n, text.n);
	}
	return width;
}

size_t plain_text_cut(struct str text, size_t columns, bool has_ellipsis, struct strbuf *out)
{
	bool fits = plain_text_width(text) <= columns;
	size_t room = fits || !has_ellipsis || !columns ? columns : columns - 1, used = 0;

	while (text.n > 0) {
		size_t wide, n = next_cell(text, &wide);

		/* Colours behind the cut still count: the last one is the reset. */
		if (wide == 0 || used + wide <= room) {
			strbuf_add_bytes(out, text.p, n);
			used += wide;
		} else {
			room = used;
		}
		text = str_slice(text, n, text.n);
	}
	if (!fits && has_ellipsis && columns) {
		strbuf_add(out, "…");
		used++;
	}
	return used;
}

void plain_text_utf8(struct str text, struct strbuf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i += n) {
		struct str rest = str_slice(text, i, text.n);
		uint32_t c = 0;

		n = decode(rest, &c);
		if (n)
			strbuf_add_bytes(out, rest.p, n);
		else
			strbuf_add(out, "\xef\xbf\xbd");
		n = n ? n : 1;
	}
}
