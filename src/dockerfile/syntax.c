/*
 * Which frontend a file asks for. Other languages ask for theirs in comments of their own, so this
 * looks in more places than the Dockerfile parser does.
 */
#include "dockerfile/lines.h"

#include <jansson.h>

static struct str next_line(struct str *rest)
{
	struct str line = { 0 };

	(void)str_cut(*rest, '\n', &line, rest);
	return line;
}

/* The value of "syntax" among the directives at the top, behind sign. */
static struct str in_comments(struct str text, const char *sign, unsigned line, unsigned *ret_line)
{
	for (; text.n; line++) {
		struct str rest = next_line(&text);
		struct str name = { 0 }, value = { 0 };

		if (!str_starts(rest, sign))
			break;
		rest = str_slice(rest, strlen(sign), rest.n);
		if (!str_cut(rest, '=', &name, &value))
			break;
		name = str_trim(name);
		value = str_trim(value);
		if (str_is_nocase(name, "syntax") && value.n) {
			*ret_line = line;
			return value;
		}
		if (!str_is_nocase(name, "escape") && !str_is_nocase(name, "check"))
			break;
	}
	return (struct str){ 0 };
}

static const char *in_json(struct arena *arena, struct str text)
{
	json_t *root = str_starts(str_trim(text), "{") ? json_loadb(text.p, text.n, 0, NULL) : NULL;
	const char *value = json_string_value(json_object_get(root, "syntax"));
	const char *copy = arena_text(arena, value);

	json_decref(root);
	return copy;
}

void syntax_detect(struct arena *arena, struct str text, const char **ret_reference,
		unsigned *ret_line)
{
	unsigned line = 1;

	*ret_reference = NULL;
	*ret_line = 0;
	if (str_starts(text, "\xEF\xBB\xBF"))
		text = str_slice(text, 3, text.n);
	if (str_starts(text, "#!")) {
		(void)next_line(&text);
		line++;
	}
	struct str value = in_comments(text, "#", line, ret_line);
	if (!value.n)
		value = in_comments(text, "//", line, ret_line);
	if (value.n) {
		*ret_reference = arena_str(arena, str_slice(value, 0, str_find(value, ' ')));
		return;
	}
	*ret_reference = in_json(arena, text);
	*ret_line = *ret_reference ? line : 0;
}
