#include "oci/json.h"

#include <string.h>

/* The length of the UTF-8 character that starts at p (RFC 3629), or 0. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
	static const struct {
		unsigned char low, high, next_low, next_high, length;
	} forms[] = {
		{ 0x00, 0x7f, 0, 0, 1 },
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < COUNT(forms); i++) {
		if (p[0] < forms[i].low || p[0] > forms[i].high)
			continue;
		if (n < forms[i].length)
			return 0;
		for (size_t k = 1; k < forms[i].length; k++) {
			unsigned char low = k == 1 ? forms[i].next_low : 0x80;
			unsigned char high = k == 1 ? forms[i].next_high : 0xbf;

			if (p[k] < low || p[k] > high)
				return 0;
		}
		return forms[i].length;
	}
	return 0;
}

static void quote(struct strbuf *out, struct str text)
{
	strbuf_add_char(out, '"');
	for (size_t i = 0; i < text.n;) {
		unsigned char c = (unsigned char)text.p[i];
		size_t length = utf8_length((const unsigned char *)text.p + i, text.n - i);

		if (!length)
			strbuf_add(out, "\xef\xbf\xbd");
		else if (c == '"' || c == '\\')
			strbuf_addf(out, "\\%c", c);
		else if (c == '\n')
			strbuf_add(out, "\\n");
		else if (c == '\r')
			strbuf_add(out, "\\r");
		else if (c == '\t')
			strbuf_add(out, "\\t");
		else if (c < 0x20 || c == 0x7f)
			strbuf_addf(out, "\\u%04x", c);
		else
			strbuf_add_bytes(out, text.p + i, length);
		i += length ? length : 1;
	}
	strbuf_add_char(out, '"');
}

static void begin_item(struct json_out *out)
{
	if (out->comma)
		strbuf_add_char(&out->text, ',');
	out->comma = true;
}

static void begin_member(struct json_out *out, struct str key)
{
	begin_item(out);
	quote(&out->text, key);
	strbuf_add_char(&out->text, ':');
}

static void begin(struct json_out *out, const char *key)
{
	if (key)
		begin_member(out, str_of(key));
	else
		begin_item(out);
}

void json_out_open(struct json_out *out, const char *key, char bracket)
{
	begin(out, key);
	strbuf_add_char(&out->text, bracket);
	out->comma = false;
}

void json_out_close(struct json_out *out, char bracket)
{
	strbuf_add_char(&out->text, bracket);
	out->comma = true;
}

void json_out_text(struct json_out *out, const char *key, const char *value)
{
	if (!value)
		return;
	begin(out, key);
	quote(&out->text, str_of(value));
}

void json_out_i64(struct json_out *out, const char *key, int64_t value)
{
	begin(out, key);
	strbuf_addf(&out->text, "%lld", (long long)value);
}

void json_out_u64(struct json_out *out, const char *key, uint64_t value)
{
	begin(out, key);
	strbuf_addf(&out->text, "%llu", (unsigned long long)value);
}

void json_out_bool(struct json_out *out, const char *key, bool value)
{
	begin(out, key);
	strbuf_add(&out->text, value ? "true" : "false");
}

void json_out_raw(struct json_out *out, const char *key, const char *json)
{
	begin(out, key);
	strbuf_add(&out->text, json);
}

void json_out_digest(struct json_out *out, const char *key, const struct digest *digest)
{
	char text[DIGEST_TEXT];

	json_out_text(out, key, digest_text(digest, text));
}

/* RFC 4648, section 4. */
void json_out_base64(struct json_out *out, const char *key, struct str bytes)
{
	static const char digits[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = bytes.n;

	begin(out, key);
	strbuf_add_char(&out->text, '"');
	for (size_t i = 0; i < n; i += 3) {
		uint32_t bits = 0;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (i + k < n ? (unsigned char)bytes.p[i + k] : 0u);
		for (size_t k = 0; k < 4; k++)
			strbuf_add_char(&out->text,
					k && i + k > n ? '=' : digits[bits >> (18 - 6 * k) & 63]);
	}
	strbuf_add_char(&out->text, '"');
}

void json_out_list(struct json_out *out, const char *key, const struct list *list)
{
	json_out_open(out, key, '[');
	for (size_t i = 0; i < list->n; i++)
		json_out_text(out, NULL, list->p[i]);
	json_out_close(out, ']');
}

/* A pair of a list, its place kept so that the order is stable. */
struct pair {
	struct str name, value;
	size_t place;
};

static int by_name(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;
	size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;
	int order = n ? memcmp(a->name.p, b->name.p, n) : 0;

	if (order)
		return order;
	if (a->name.n != b->name.n)
		return a->name.n < b->name.n ? -1 : 1;
	return a->place < b->place ? -1 : 1;
}

void json_out_pairs(struct json_out *out, const char *key, const struct list *pairs)
{
	AUTO_FREE struct pair *sorted = NULL;

	if (!pairs->n)
		return;
	sorted = xcalloc(pairs->n, sizeof(*sorted));
	for (size_t i = 0; i < pairs->n; i++) {
		str_cut(str_of(pairs->p[i]), '=', &sorted[i].name, &sorted[i].value);
		sorted[i].place = i;
	}
	qsort(sorted, pairs->n, sizeof(*sorted), by_name);
	json_out_open(out, key, '{');
	for (size_t i = 0; i < pairs->n; i++) {
		if (i + 1 < pairs->n && str_equal(sorted[i].name, sorted[i + 1].name))
			continue;
		begin_member(out, sorted[i].name);
		quote(&out->text, sorted[i].value);
	}
	json_out_close(out, '}');
}

void json_out_names(struct json_out *out, const char *key, const struct list *names)
{
	AUTO(list) struct list sorted = { 0 };

	if (!names->n)
		return;
	list_add_all(&sorted, names);
	list_sort(&sorted);
	json_out_open(out, key, '{');
	for (size_t i = 0; i < sorted.n; i++) {
		if (i && strcmp(sorted.p[i - 1], sorted.p[i]) == 0)
			continue;
		json_out_open(out, sorted.p[i], '{');
		json_out_close(out, '}');
	}
	json_out_close(out, '}');
}

char *json_out_take(struct json_out *out)
{
	out->comma = false;
	return strbuf_take(&out->text);
}

void json_out_done(struct json_out *out)
{
	strbuf_done(&out->text);
}

void json_out_indented(const struct json_out *out, struct strbuf *text)
{
	json_auto_t *tree = json_loadb(out->text.p, out->text.n, JSON_DECODE_ANY, NULL);
	AUTO_FREE char *printed = json_dumps(tree, JSON_INDENT(2) | JSON_ENCODE_ANY);

	strbuf_addf(text, "%s\n", printed ? printed : strbuf_text(&out->text));
}
