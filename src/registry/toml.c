#include "registry/toml.h"

#include "base/limits.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

#include <ctype.h>
#include <string.h>

struct parser {
	struct str text;
	size_t at;
	unsigned line;
	const char *what;
	const struct toml_events *events;
};

static struct error *complain(const struct parser *in, const char *why)
{
	return error_new(ERR_INVALID, "%s: line %u: %s", in->what, in->line, why);
}

static struct error *unsupported(const struct parser *in, const char *what)
{
	return error_new(ERR_UNSUPPORTED, "%s: line %u: %s", in->what, in->line, what);
}

static int peek(const struct parser *in)
{
	return in->at < in->text.n ? (unsigned char)in->text.p[in->at] : -1;
}

static void skip_blanks(struct parser *in)
{
	while (peek(in) == ' ' || peek(in) == '\t' || peek(in) == '\r')
		in->at++;
	if (peek(in) == '#')
		while (peek(in) >= 0 && peek(in) != '\n')
			in->at++;
}

static void skip_lines(struct parser *in)
{
	for (skip_blanks(in); peek(in) == '\n'; skip_blanks(in)) {
		in->line++;
		in->at++;
	}
}

static FALLIBLE end_of_line(struct parser *in)
{
	skip_blanks(in);
	if (peek(in) >= 0 && peek(in) != '\n')
		return complain(in, "something behind the value");
	return NULL;
}

static FALLIBLE hex_escape(struct parser *in, size_t digits, struct strbuf *out)
{
	struct str hex = str_slice(in->text, in->at, in->at + digits);
	uint32_t c = 0;

	if (hex.n != digits)
		return complain(in, "a bad escape");
	for (size_t i = 0; i < digits; i++) {
		if (!isxdigit((unsigned char)hex.p[i]))
			return complain(in, "a bad escape");
		int value = isdigit((unsigned char)hex.p[i]) ? hex.p[i] - '0'
							     : (hex.p[i] | 0x20) - 'a' + 10;
		c = c << 4 | (uint32_t)value;
	}
	if (!c || c > 0x7e)
		return unsupported(in, "an escape beyond ASCII");
	strbuf_add_char(out, (char)c);
	in->at += digits;
	return NULL;
}

static FALLIBLE escape(struct parser *in, struct strbuf *out)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	int c = peek(in);
	const char *found = c > 0 ? strchr(from, c) : NULL;

	in->at++;
	if (c == 'u' || c == 'U')
		return hex_escape(in, c == 'u' ? 4 : 8, out);
	if (!found)
		return complain(in, "a bad escape");
	strbuf_add_char(out, to[found - from]);
	return NULL;
}

static FALLIBLE quoted(struct parser *in, char **ret)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	int quote = peek(in);

	in->at++;
	if (peek(in) == quote && in->at + 1 < in->text.n && in->text.p[in->at + 1] == quote)
		return unsupported(in, "a string of several lines");
	while (peek(in) != quote) {
		int c = peek(in);

		if (c < 0 || c == '\n' || c == '\0')
			return complain(in, "a string without an end");
		in->at++;
		if (c == '\\' && quote == '"')
			TRY(escape(in, &text));
		else
			strbuf_add_char(&text, (char)c);
	}
	in->at++;
	*ret = strbuf_take(&text);
	return NULL;
}

static bool is_bare(int c)
{
	return isalnum(c) || c == '_' || c == '-';
}

/* a.b."c d" as "a.b.c d". */
static FALLIBLE key(struct parser *in, char **ret)
{
	AUTO(strbuf) struct strbuf name = { 0 };

	for (;;) {
		skip_blanks(in);
		if (peek(in) == '"' || peek(in) == '\'') {
			AUTO_FREE char *part = NULL;

			TRY(quoted(in, &part));
			strbuf_add(&name, part);
		} else {
			size_t start = in->at;

			while (peek(in) >= 0 && is_bare(peek(in)))
				in->at++;
			if (in->at == start)
				return complain(in, "a key was expected");
			strbuf_add_str(&name, str_slice(in->text, start, in->at));
		}
		skip_blanks(in);
		if (peek(in) != '.')
			break;
		in->at++;
		strbuf_add_char(&name, '.');
	}
	*ret = strbuf_take(&name);
	return NULL;
}

/*
 * Over one value that is none of those that are handed out: to the end of its last bracket, or of
 * its word. *in stands behind it.
 */
static FALLIBLE pass_over(struct parser *in)
{
	size_t depth = 0;

	do {
		AUTO_FREE char *text = NULL;

		skip_lines(in);
		int c = peek(in);
		if (c < 0)
			return complain(in, "a value without an end");
		if (c == '"' || c == '\'') {
			TRY(quoted(in, &text));
		} else if (strchr("[{", c)) {
			depth++;
			in->at++;
		} else if (strchr("]}", c)) {
			if (depth == 0)
				return complain(in, "a value was expected");
			depth--;
			in->at++;
		} else if (depth == 0) {
			while (peek(in) >= 0 && !strchr(" \t\r\n#,]}", peek(in)))
				in->at++;
		} else {
			in->at++;
		}
	} while (depth > 0);
	return NULL;
}

/* {append = true}: how a list of containers.conf goes with those of earlier files. */
static bool is_append(struct str item, enum toml_append *ret)
{
	struct str name, value;

	if (!str_starts(item, "{") || !str_ends(item, "}") ||
			!str_cut(str_slice(item, 1, item.n - 1), '=', &name, &value) ||
			!str_is(str_trim(name), "append"))
		return false;
	value = str_trim(value);
	*ret = str_is(value, "true") ? APPEND_YES : str_is(value, "false") ? APPEND_NO : *ret;
	return str_is(value, "true") || str_is(value, "false");
}

static FALLIBLE list_item(struct parser *in, struct toml_value *value)
{
	AUTO_FREE char *item = NULL;
	size_t start = in->at;

	if (peek(in) == '"' || peek(in) == '\'') {
		TRY(quoted(in, &item));
		if (value->list.n >= LIMIT_LIST_ENTRIES)
			return error_new(ERR_LIMIT, "%s: line %u: a list of more than %d entries",
					in->what, in->line, LIMIT_LIST_ENTRIES);
		list_add(&value->list, item);
		return NULL;
	}
	TRY(pass_over(in));
	if (in->at == start)
		return complain(in, "a value was expected");
	if (!is_append(str_slice(in->text, start, in->at), &value->append))
		value->kind = TOML_OTHER;
	return NULL;
}

static FALLIBLE list_value(struct parser *in, struct toml_value *value)
{
	value->kind = TOML_LIST;
	in->at++;
	for (;;) {
		skip_lines(in);
		if (peek(in) == ']')
			break;
		if (peek(in) < 0)
			return complain(in, "a list without an end");
		TRY(list_item(in, value));
		skip_lines(in);
		if (peek(in) == ',')
			in->at++;
		else if (peek(in) != ']')
			return complain(in, "a list without an end");
	}
	in->at++;
	return NULL;
}

static FALLIBLE word(struct parser *in, struct toml_value *value)
{
	size_t start = in->at;

	while (peek(in) >= 0 && !strchr(" \t\r\n#,]", peek(in)))
		in->at++;
	struct str text = str_slice(in->text, start, in->at);
	if (!text.n)
		return complain(in, "a value was expected");
	value->kind = TOML_OTHER;
	if (str_is(text, "true") || str_is(text, "false")) {
		value->kind = TOML_BOOL;
		value->flag = text.p[0] == 't';
		return NULL;
	}
	if (!isdigit((unsigned char)text.p[0]) && !strchr("+-", text.p[0]) &&
			!str_is(text, "inf") && !str_is(text, "nan"))
		return complain(in, "text without quotes");
	struct error *error = parse_i64(text, INT64_MIN, INT64_MAX, &value->number);
	if (!error)
		value->kind = TOML_NUMBER;
	error_free(error);
	return NULL;
}

static FALLIBLE parse_value(struct parser *in, struct toml_value *value)
{
	skip_blanks(in);
	if (peek(in) == '"' || peek(in) == '\'') {
		value->kind = TOML_TEXT;
		return quoted(in, &value->text);
	}
	if (peek(in) == '[')
		return list_value(in, value);
	if (peek(in) != '{')
		return word(in, value);
	value->kind = TOML_OTHER;
	return pass_over(in);
}

static FALLIBLE assignment(struct parser *in)
{
	AUTO_FREE char *name = NULL;
	struct toml_value value = { 0 };

	TRY(key(in, &name));
	if (peek(in) != '=')
		return complain(in, "'=' was expected");
	in->at++;
	struct error *error = parse_value(in, &value);
	if (!error)
		error = end_of_line(in);
	if (!error)
		error = in->events->value(in->events->user, name, &value);
	free(value.text);
	list_done(&value.list);
	TRY_WRAP(error, "%s: line %u: '%.80s'", in->what, in->line, name);
	return NULL;
}

static FALLIBLE header(struct parser *in)
{
	AUTO_FREE char *name = NULL;
	bool is_array = str_starts(str_slice(in->text, in->at, in->text.n), "[[");

	in->at += is_array ? 2 : 1;
	TRY(key(in, &name));
	for (int i = 0; i < (is_array ? 2 : 1); i++, in->at++)
		if (peek(in) != ']')
			return complain(in, "']' was expected");
	TRY(end_of_line(in));
	TRY_WRAP(in->events->table(in->events->user, name, is_array), "%s: line %u", in->what,
			in->line);
	return NULL;
}

FALLIBLE toml_parse(struct str text, const char *what, const struct toml_events *events)
{
	struct parser in = { .text = text, .line = 1, .what = what, .events = events };

	if (str_starts(text, "\xef\xbb\xbf"))
		in.at = 3;
	for (skip_lines(&in); peek(&in) >= 0; skip_lines(&in))
		TRY(peek(&in) == '[' ? header(&in) : assignment(&in));
	return NULL;
}

FALLIBLE toml_take_text(const struct toml_value *value, char **ret)
{
	if (value->kind != TOML_TEXT)
		return error_new(ERR_INVALID, "is not text");
	free(*ret);
	*ret = xstrdup(value->text);
	return NULL;
}

FALLIBLE toml_take_bool(const struct toml_value *value, bool *ret)
{
	if (value->kind != TOML_BOOL)
		return error_new(ERR_INVALID, "is neither true nor false");
	*ret = value->flag;
	return NULL;
}
