/*
 * printf of templates: the verbs that people type (%s %v %d %q %t %x, widths and "-" and "0"), on
 * every kind of value as Go's fmt has them: a list is formatted item by item.
 */
#include "ui/template_value.h"

#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "ui/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH_MAX = 1000 };

/* Go's quoting. */
static void add_quoted(const char *text, struct strbuf *out)
{
	strbuf_add_char(out, '"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			strbuf_addf(out, "\\%c", c);
		else if (c == '\n' || c == '\t' || c == '\r')
			strbuf_add(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
		else if (c < ' ' || c == 0x7f)
			strbuf_addf(out, "\\x%02x", c);
		else
			strbuf_add_char(out, (char)c);
	}
	strbuf_add_char(out, '"');
}

/*
 * "1m30s" in nanoseconds. Documents have durations as Go prints them, and to Go they are numbers.
 */
static bool parse_duration(const char *text, long long *ret_ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "h", 3600e9 }, { "m", 60e9 },
		{ "s", 1e9 } };
	double sum = 0;

	if (!*text)
		return false;
	while (*text) {
		char *end = NULL;
		double number = isdigit((unsigned char)*text) ? strtod(text, &end) : -1;
		size_t i = 0;

		if (number < 0 || !end)
			return false;
		while (i < COUNT(units) && !text_starts(end, units[i].unit))
			i++;
		if (i == COUNT(units))
			return false;
		sum += number * units[i].ns;
		text = end + strlen(units[i].unit);
	}
	*ret_ns = (long long)sum;
	return true;
}

static void add_verb(char verb, const json_t *value, struct strbuf *out);

static void add_items(char verb, const json_t *value, struct strbuf *out)
{
	AUTO(list) struct list keys = { 0 };
	const char *key;
	json_t *item;

	if (json_is_array(value)) {
		strbuf_add_char(out, '[');
		for (size_t i = 0; i < json_array_size(value); i++) {
			strbuf_add(out, i ? " " : "");
			add_verb(verb, json_array_get(value, i), out);
		}
		strbuf_add_char(out, ']');
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)value, key, item) list_add(&keys, key);
	list_sort(&keys);
	strbuf_add(out, "map[");
	for (size_t i = 0; i < keys.n; i++) {
		json_auto_t *name = json_string(keys.p[i]);

		strbuf_add(out, i ? " " : "");
		add_verb(verb, name, out);
		strbuf_add_char(out, ':');
		add_verb(verb, json_object_get(value, keys.p[i]), out);
	}
	strbuf_add_char(out, ']');
}

static void add_verb(char verb, const json_t *value, struct strbuf *out)
{
	long long number = json_integer_value(value);
	bool is_number = json_is_integer(value);

	if ((json_is_array(value) || json_is_object(value)) && verb != 'v' && verb != 's') {
		add_items(verb, value, out);
	} else if (verb == 'q' && json_is_string(value)) {
		add_quoted(json_string_value(value), out);
	} else if (verb == 'd' && json_is_string(value) &&
			parse_duration(json_string_value(value), &number)) {
		strbuf_addf(out, "%lld", number);
	} else if (verb == 'x' && is_number) {
		strbuf_addf(out, "%llx", (unsigned long long)number);
	} else {
		template_print_value(value, out);
	}
}

/* One "%-8s" at *at (behind the %), which is moved behind it. */
static FALLIBLE add_directive(const char **at, const json_t *value, struct strbuf *out)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	bool is_left = false;
	char fill = ' ';
	size_t width = 0;

	for (; **at == '-' || **at == '0'; (*at)++) {
		is_left = is_left || **at == '-';
		fill = **at == '0' ? '0' : fill;
	}
	for (; isdigit((unsigned char)**at); (*at)++)
		width = width * 10 + (size_t)(**at - '0');
	if (width > WIDTH_MAX || !**at || !strchr("svdqtx", **at))
		return error_usage("template: printf does not know '%%%.20s'", *at);
	if (!value)
		return error_usage("template: printf has no value for '%%%c'", **at);
	add_verb(*(*at)++, value, &text);
	for (size_t i = text.n; !is_left && i < width; i++)
		strbuf_add_char(out, fill);
	strbuf_add_str(out, strbuf_str(&text));
	for (size_t i = text.n; is_left && i < width; i++)
		strbuf_add_char(out, ' ');
	return NULL;
}

FALLIBLE template_printf(const struct template_call *call, json_t **ret)
{
	const char *at = json_string_value(call->args[0]);
	AUTO(strbuf) struct strbuf out = { 0 };
	size_t next = 1;

	if (!at)
		return error_usage("template: printf begins with a text");
	while (*at) {
		if (*at != '%') {
			strbuf_add_char(&out, *at++);
		} else if (at[1] == '%') {
			strbuf_add_char(&out, '%');
			at += 2;
		} else {
			at++;
			TRY(add_directive(&at, next < call->n ? call->args[next] : NULL, &out));
			next++;
		}
	}
	*ret = json_string(strbuf_text(&out));
	return *ret ? NULL : error_usage("template: not a text");
}

static FALLIBLE add_all(const struct template_call *call, const char *end, json_t **ret)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	for (size_t i = 0; i < call->n; i++) {
		/* Go's Print has no space beside a text, its Println always. */
		bool is_apart = *end || (i && !json_is_string(call->args[i]) &&
							!json_is_string(call->args[i - 1]));

		strbuf_add(&out, i && is_apart ? " " : "");
		template_print_value(call->args[i], &out);
	}
	strbuf_add(&out, end);
	*ret = json_string(strbuf_text(&out));
	return *ret ? NULL : error_usage("template: not a text");
}

FALLIBLE template_printed(const struct template_call *call, json_t **ret)
{
	return add_all(call, "", ret);
}

FALLIBLE template_println(const struct template_call *call, json_t **ret)
{
	return add_all(call, "\n", ret);
}
