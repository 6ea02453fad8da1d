#include "oci/json.h"

#include "base/limits.h"

#include <string.h>

/*
 * jansson recurses and stops at its own 2,048 levels, so the depth is counted beforehand: brackets
 * outside of strings.
 */
static bool too_deep(struct str text)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			if (++depth > LIMIT_JSON_DEPTH)
				return true;
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return false;
}

/* Without the text that jansson quotes: the document may hold credentials. */
static struct error *broken(const char *what, const json_error_t *problem)
{
	const char *near = strstr(problem->text, " near ");
	int n = near ? (int)(near - problem->text) : (int)strlen(problem->text);

	return error_new(ERR_INVALID, "%s is not valid JSON: %.*s at line %d, column %d", what, n,
			problem->text, problem->line, problem->column);
}

FALLIBLE json_parse(struct str text, size_t limit, const char *what, json_t **ret)
{
	json_error_t problem;

	if (text.n > limit)
		return error_new(ERR_LIMIT, "%s of %zu bytes is larger than %zu", what, text.n,
				limit);
	if (too_deep(text))
		return error_new(ERR_LIMIT, "%s is nested deeper than %d levels", what,
				LIMIT_JSON_DEPTH);
	json_t *value = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &problem);
	if (!value)
		return broken(what, &problem);
	*ret = value;
	return NULL;
}

static const char *type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "text";
	case JSON_INTEGER:
		return "a number";
	case JSON_REAL:
		return "a number with a fraction";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		return "null";
	}
	return "unknown";
}

FALLIBLE json_root(json_t *value, const char *what, struct json_field *ret)
{
	if (!json_is_object(value))
		return error_new(ERR_INVALID, "%s is %s, not an object", what, type_name(value));
	*ret = (struct json_field){ .value = value, .key = what };
	return NULL;
}

static const char *document_name(const struct json_field *field)
{
	while (field->up)
		field = field->up;
	return field->key;
}

/* Keys come from outside: only the start of a long one is quoted. */
static void add_path(const struct json_field *field, struct strbuf *out)
{
	if (!field->up)
		return;
	add_path(field->up, out);
	if (!field->key)
		strbuf_addf(out, "[%zu]", field->index);
	else
		strbuf_addf(out, "%s%.80s", out->n ? "." : "", field->key);
}

struct error *json_complain(const struct json_field *field, const char *format, ...)
{
	AUTO(strbuf) struct strbuf path = { 0 };
	AUTO_FREE char *problem = NULL;
	va_list args;

	va_start(args, format);
	problem = xvasprintf(format, args);
	va_end(args);
	add_path(field, &path);
	return error_new(ERR_INVALID, "%s: '%s' %s", document_name(field), strbuf_text(&path),
			problem);
}

static struct json_field member(const struct json_field *object, const char *key)
{
	json_t *value = json_object_get(object->value, key);

	if (json_is_null(value))
		value = NULL;
	return (struct json_field){ .value = value, .up = object, .key = key };
}

static FALLIBLE find(const struct json_field *object, const char *key, enum json_need need,
		struct json_field *ret)
{
	*ret = member(object, key);
	if (!ret->value && need == JSON_MUST)
		return json_complain(ret, "is missing");
	return NULL;
}

static struct error *wrong_type(const struct json_field *field, const char *wanted)
{
	return json_complain(field, "is %s, not %s", type_name(field->value), wanted);
}

bool json_has(const struct json_field *object, const char *key)
{
	return member(object, key).value != NULL;
}

FALLIBLE json_get_text(
		const struct json_field *object, const char *key, enum json_need need, char **ret)
{
	struct json_field field;

	TRY(find(object, key, need, &field));
	if (!field.value)
		return NULL;
	if (!json_is_string(field.value))
		return wrong_type(&field, "text");
	free(*ret);
	*ret = xstrdup(json_string_value(field.value));
	return NULL;
}

FALLIBLE json_get_i64(const struct json_field *object, const char *key, enum json_need need,
		int64_t min, int64_t *ret)
{
	struct json_field field;

	TRY(find(object, key, need, &field));
	if (!field.value)
		return NULL;
	if (!json_is_integer(field.value))
		return wrong_type(&field, "a whole number");
	int64_t value = json_integer_value(field.value);
	if (value < min)
		return json_complain(&field, "is %lld, less than %lld", (long long)value,
				(long long)min);
	*ret = value;
	return NULL;
}

FALLIBLE json_get_bool(const struct json_field *object, const char *key, bool *ret)
{
	struct json_field field = member(object, key);

	if (!field.value)
		return NULL;
	if (!json_is_boolean(field.value))
		return wrong_type(&field, "a boolean");
	*ret = json_is_true(field.value);
	return NULL;
}

static FALLIBLE field_digest(const struct json_field *field, struct digest *ret)
{
	AUTO(strbuf) struct strbuf path = { 0 };

	if (!json_is_string(field->value))
		return wrong_type(field, "a digest");
	add_path(field, &path);
	struct str text = { json_string_value(field->value), json_string_length(field->value) };
	TRY_WRAP(digest_parse(text, ret), "%s: '%s'", document_name(field), strbuf_text(&path));
	return NULL;
}

FALLIBLE json_get_digest(const struct json_field *object, const char *key, enum json_need need,
		struct digest *ret)
{
	struct json_field field;

	TRY(find(object, key, need, &field));
	return field.value ? field_digest(&field, ret) : NULL;
}

FALLIBLE json_get_object(const struct json_field *object, const char *key, enum json_need need,
		struct json_field *ret)
{
	TRY(find(object, key, need, ret));
	if (ret->value && !json_is_object(ret->value))
		return wrong_type(ret, "an object");
	return NULL;
}

static FALLIBLE check_count(const struct json_field *field, size_t n)
{
	AUTO(strbuf) struct strbuf path = { 0 };

	if (n <= LIMIT_LIST_ENTRIES)
		return NULL;
	add_path(field, &path);
	return error_new(ERR_LIMIT, "%s: '%s' has %zu entries, more than %d", document_name(field),
			strbuf_text(&path), n, LIMIT_LIST_ENTRIES);
}

FALLIBLE json_get_array(const struct json_field *object, const char *key, enum json_need need,
		struct json_field *ret)
{
	TRY(find(object, key, need, ret));
	if (!ret->value)
		return NULL;
	if (!json_is_array(ret->value))
		return wrong_type(ret, "a list");
	return check_count(ret, json_array_size(ret->value));
}

size_t json_count(const struct json_field *array)
{
	return json_array_size(array->value);
}

struct json_field json_item(const struct json_field *array, size_t i)
{
	return (struct json_field){
		.value = json_array_get(array->value, i), .up = array, .index = i
	};
}

FALLIBLE json_item_object(const struct json_field *array, size_t i, struct json_field *ret)
{
	*ret = json_item(array, i);
	return json_is_object(ret->value) ? NULL : wrong_type(ret, "an object");
}

FALLIBLE json_item_digest(const struct json_field *array, size_t i, struct digest *ret)
{
	struct json_field field = json_item(array, i);

	return field_digest(&field, ret);
}

FALLIBLE json_get_list(const struct json_field *object, const char *key, struct list *ret,
		bool *ret_present)
{
	struct json_field array;

	TRY(json_get_array(object, key, JSON_MAY, &array));
	for (size_t i = 0; i < json_count(&array); i++) {
		struct json_field item = json_item(&array, i);

		if (!json_is_string(item.value))
			return wrong_type(&item, "text");
		list_add(ret, json_string_value(item.value));
	}
	if (ret_present)
		*ret_present = array.value != NULL;
	return NULL;
}

FALLIBLE json_get_pairs(const struct json_field *object, const char *key, struct list *ret)
{
	struct json_field pairs;
	const char *name;
	json_t *value;

	TRY(json_get_object(object, key, JSON_MAY, &pairs));
	TRY(check_count(&pairs, json_object_size(pairs.value)));
	json_object_foreach(pairs.value, name, value)
	{
		struct json_field pair = { .value = value, .up = &pairs, .key = name };

		if (!json_is_string(value) && !json_is_null(value))
			return wrong_type(&pair, "text");
		if (strchr(name, '='))
			return error_new(ERR_UNSUPPORTED, "%s: '%s' has a name with '=': '%.80s'",
					document_name(object), key, name);
		list_addf(ret, "%s=%s", name, json_is_null(value) ? "" : json_string_value(value));
	}
	return NULL;
}

FALLIBLE json_get_names(const struct json_field *object, const char *key, struct list *ret)
{
	struct json_field names;
	const char *name;
	json_t *value;

	TRY(json_get_object(object, key, JSON_MAY, &names));
	TRY(check_count(&names, json_object_size(names.value)));
	json_object_foreach(names.value, name, value)
	{
		list_add(ret, name);
	}
	return NULL;
}
