#include "ui/template_value.h"

#include "base/error.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "ui/options.h"

#include <ctype.h>
#include <string.h>

bool template_is_true(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return json_object_size(value) > 0;
	case JSON_ARRAY:
		return json_array_size(value) > 0;
	case JSON_STRING:
		return json_string_length(value) > 0;
	case JSON_INTEGER:
		return json_integer_value(value) != 0;
	case JSON_REAL:
		return json_real_value(value) != 0;
	case JSON_TRUE:
		return true;
	case JSON_FALSE:
	case JSON_NULL:
		return false;
	}
	return false;
}

static void print_object(const json_t *value, struct strbuf *out)
{
	AUTO(list) struct list keys = { 0 };
	const char *key;
	json_t *item;

	json_object_foreach((json_t *)(uintptr_t)value, key, item) list_add(&keys, key);
	list_sort(&keys);
	strbuf_add(out, "map[");
	for (size_t i = 0; i < keys.n; i++) {
		const json_t *one = json_object_get(value, keys.p[i]);

		strbuf_addf(out, "%s%s:", i ? " " : "", keys.p[i]);
		/* A set, as Go makes one: map[80/tcp:{}]. */
		if (json_is_object(one) && json_object_size(one) == 0)
			strbuf_add(out, "{}");
		else
			template_print_value(one, out);
	}
	strbuf_add_char(out, ']');
}

void template_print_value(const json_t *value, struct strbuf *out)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		print_object(value, out);
		return;
	case JSON_ARRAY:
		strbuf_add_char(out, '[');
		for (size_t i = 0; i < json_array_size(value); i++) {
			if (i)
				strbuf_add_char(out, ' ');
			template_print_value(json_array_get(value, i), out);
		}
		strbuf_add_char(out, ']');
		return;
	case JSON_STRING:
		strbuf_add(out, json_string_value(value));
		return;
	case JSON_INTEGER:
		strbuf_addf(out, "%lld", (long long)json_integer_value(value));
		return;
	case JSON_REAL:
		strbuf_addf(out, "%g", json_real_value(value));
		return;
	case JSON_TRUE:
	case JSON_FALSE:
		strbuf_add(out, json_is_true(value) ? "true" : "false");
		return;
	case JSON_NULL:
		strbuf_add(out, "<nil>");
		return;
	}
}

void template_print_result(const json_t *value, struct strbuf *out)
{
	if (json_is_null(value))
		strbuf_add(out, "<no value>");
	else
		template_print_value(value, out);
}

/* --- functions --- */

void template_call_done(struct template_call *call)
{
	for (size_t i = 0; i < call->n; i++)
		json_decref(call->args[i]);
}

static FALLIBLE call_json(const struct template_call *call, json_t **ret)
{
	AUTO_FREE char *text =
			json_dumps(call->args[0], JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);

	*ret = json_string(text ? text : "null");
	return NULL;
}

static FALLIBLE call_len(const struct template_call *call, json_t **ret)
{
	const json_t *value = call->args[0];
	size_t n = json_is_object(value)   ? json_object_size(value)
		   : json_is_array(value)  ? json_array_size(value)
		   : json_is_string(value) ? json_string_length(value)
					   : 0;

	*ret = json_integer((json_int_t)n);
	return NULL;
}

static FALLIBLE call_index(const struct template_call *call, json_t **ret)
{
	json_t *value = call->args[0];

	for (size_t i = 1; i < call->n; i++) {
		const json_t *key = call->args[i];
		json_t *next = NULL;

		if (json_is_array(value) && json_is_integer(key) && json_integer_value(key) >= 0)
			next = json_array_get(value, (size_t)json_integer_value(key));
		else if (json_is_object(value) && json_is_string(key))
			next = json_object_get(value, json_string_value(key));
		if (!next && json_is_array(value))
			return error_usage("template: index out of range");
		/* Go gives the zero value for a key that a map does not have. */
		value = next ? next : json_null();
	}
	*ret = json_is_null(value) && call->n > 1 ? json_string("") : json_incref(value);
	return NULL;
}

static FALLIBLE call_join(const struct template_call *call, json_t **ret)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	const char *between = call->n > 1 && json_is_string(call->args[1])
					      ? json_string_value(call->args[1])
					      : " ";

	for (size_t i = 0; i < json_array_size(call->args[0]); i++) {
		strbuf_add(&text, i ? between : "");
		template_print_value(json_array_get(call->args[0], i), &text);
	}
	*ret = json_string(strbuf_text(&text));
	return NULL;
}

static FALLIBLE change_case(const struct template_call *call, int (*change)(int), json_t **ret)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	template_print_value(call->args[0], &text);
	for (size_t i = 0; i < text.n; i++)
		text.p[i] = (char)change((unsigned char)text.p[i]);
	*ret = json_string(strbuf_text(&text));
	return *ret ? NULL : error_usage("template: not a text");
}

static FALLIBLE call_upper(const struct template_call *call, json_t **ret)
{
	return change_case(call, toupper, ret);
}

static FALLIBLE call_lower(const struct template_call *call, json_t **ret)
{
	return change_case(call, tolower, ret);
}

static FALLIBLE call_eq(const struct template_call *call, json_t **ret)
{
	bool same = false;

	for (size_t i = 1; i < call->n; i++)
		same = same || json_equal(call->args[0], call->args[i]);
	*ret = json_boolean(same);
	return NULL;
}

static FALLIBLE call_ne(const struct template_call *call, json_t **ret)
{
	*ret = json_boolean(call->n > 1 && !json_equal(call->args[0], call->args[1]));
	return NULL;
}

static FALLIBLE call_not(const struct template_call *call, json_t **ret)
{
	*ret = json_boolean(!template_is_true(call->args[0]));
	return NULL;
}

static FALLIBLE call_and(const struct template_call *call, json_t **ret)
{
	size_t i = 0;

	while (i + 1 < call->n && template_is_true(call->args[i]))
		i++;
	*ret = json_incref(call->args[i]);
	return NULL;
}

static FALLIBLE call_or(const struct template_call *call, json_t **ret)
{
	size_t i = 0;

	while (i + 1 < call->n && !template_is_true(call->args[i]))
		i++;
	*ret = json_incref(call->args[i]);
	return NULL;
}

static const struct {
	const char *name;
	template_function *call;
} functions[] = { { "and", call_and }, { "eq", call_eq }, { "index", call_index },
	{ "join", call_join }, { "json", call_json }, { "len", call_len }, { "lower", call_lower },
	{ "ne", call_ne }, { "not", call_not }, { "or", call_or }, { "print", template_printed },
	{ "printf", template_printf }, { "println", template_println }, { "upper", call_upper } };

template_function *template_find(const char *name)
{
	for (size_t i = 0; i < COUNT(functions); i++)
		if (strcmp(functions[i].name, name) == 0)
			return functions[i].call;
	return NULL;
}
