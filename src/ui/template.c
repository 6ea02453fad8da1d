/*
 * The template is run from its text: a block that is not taken is passed over by the same code with
 * printing off, a range goes back to where its body begins.
 */
#include "ui/template.h"

#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "ui/options.h"
#include "ui/template_value.h"

#include <ctype.h>
#include <string.h>

enum { DEPTH_MAX = 100 };

struct variable {
	char *name;
	json_t *value;
};

struct run {
	const char *at;
	struct strbuf *out;
	json_t *dot; /* borrowed */
	bool is_off; /* pass over */
	bool trims;  /* the text that follows loses its leading space */
	unsigned depth;
	VEC(struct variable) variables;
};

/* What stopped a block: the end of the text, or one of the words that do. */
enum stop { STOP_TEXT, STOP_END, STOP_ELSE };

static FALLIBLE run_block(struct run *run, enum stop *ret);

/* --- expressions; every value is a new reference --- */

static void skip_space(struct run *run)
{
	while (isspace((unsigned char)*run->at))
		run->at++;
}

static bool at_close(const struct run *run)
{
	return text_starts(run->at, "}}") || text_starts(run->at, "-}}");
}

static struct error *cannot(const struct run *run)
{
	const char *end = strstr(run->at, "}}");
	int n = end ? (int)(end - run->at) : (int)strlen(run->at);

	return error_usage("template: unexpected '%.*s' in a command", n > 80 ? 80 : n, run->at);
}

static FALLIBLE run_pipeline(struct run *run, json_t **ret);

/* Go knows maps from structs, where a field that is not there is an error. */
static bool is_map(const char *name)
{
	static const char *const maps[] = { "Annotations", "ExposedPorts", "ImageAnnotations",
		"Labels", "Volumes" };

	for (size_t i = 0; i < COUNT(maps); i++)
		if (text_equal(maps[i], name))
			return true;
	return false;
}

/* ".A.B" behind a value (takes it). */
static FALLIBLE follow_path(struct run *run, json_t *from, json_t **ret)
{
	json_auto_t *value = from;
	AUTO_FREE char *above = NULL;

	while (*run->at == '.' && (isalnum((unsigned char)run->at[1]) || run->at[1] == '_')) {
		const char *begin = ++run->at;

		while (isalnum((unsigned char)*run->at) || *run->at == '_')
			run->at++;
		AUTO_FREE char *key = xstrndup(begin, (size_t)(run->at - begin));
		json_t *next = json_is_object(value) ? json_object_get(value, key) : NULL;
		if (run->is_off)
			continue;
		if (!next && !is_map(above))
			return error_usage("template: can't evaluate field %s", key);
		next = next ? json_incref(next) : json_null();
		free(above);
		above = TAKE(key);
		json_decref(value);
		value = next;
	}
	*ret = json_incref(value);
	return NULL;
}

static FALLIBLE run_string(struct run *run, json_t **ret)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	char quote = *run->at++;

	for (; *run->at && *run->at != quote; run->at++) {
		if (*run->at == '\\' && quote == '"' && run->at[1]) {
			run->at++;
			strbuf_add_char(&text, *run->at == 'n'   ? '\n'
					       : *run->at == 't' ? '\t'
								 : *run->at);
		} else {
			strbuf_add_char(&text, *run->at);
		}
	}
	if (!*run->at)
		return error_usage("template: a text is not closed");
	run->at++;
	*ret = json_string(strbuf_text(&text));
	return *ret ? NULL : error_usage("template: a text is not UTF-8");
}

static FALLIBLE run_variable(struct run *run, json_t **ret)
{
	const char *begin = run->at++;

	while (isalnum((unsigned char)*run->at) || *run->at == '_')
		run->at++;
	AUTO_FREE char *name = xstrndup(begin, (size_t)(run->at - begin));
	for (size_t i = run->variables.n; i-- > 0;)
		if (text_equal(run->variables.p[i].name, name))
			return follow_path(run, json_incref(run->variables.p[i].value), ret);
	if (run->is_off)
		return follow_path(run, json_null(), ret);
	return error_usage("template: undefined variable \"%s\"", name);
}

/* *ret stays NULL when no operand begins here. */
static FALLIBLE run_operand(struct run *run, json_t **ret)
{
	static const struct {
		const char *word;
		int value;
	} words[] = { { "true", 1 }, { "false", 0 }, { "nil", -1 } };

	skip_space(run);
	if (*run->at == '"' || *run->at == '`')
		return run_string(run, ret);
	if (*run->at == '$')
		return run_variable(run, ret);
	if (*run->at == '(') {
		run->at++;
		TRY(run_pipeline(run, ret));
		skip_space(run);
		if (*run->at != ')') {
			json_decref(TAKE(*ret));
			return error_usage("template: a ')' is missing");
		}
		run->at++;
		return follow_path(run, TAKE(*ret), ret);
	}
	if (*run->at == '.') {
		bool is_dot = !isalnum((unsigned char)run->at[1]) && run->at[1] != '_';

		run->at += is_dot;
		return follow_path(run, json_incref(run->dot), ret);
	}
	if (isdigit((unsigned char)*run->at) ||
			(*run->at == '-' && isdigit((unsigned char)run->at[1]))) {
		size_t n = 1 + strspn(run->at + 1, "0123456789");
		int64_t number = 0;

		TRY(parse_i64((struct str){ run->at, n }, INT32_MIN, INT32_MAX, &number));
		run->at += n;
		*ret = json_integer(number);
		return NULL;
	}
	for (size_t i = 0; i < COUNT(words); i++) {
		size_t n = strlen(words[i].word);

		if (text_starts(run->at, words[i].word) && !isalnum((unsigned char)run->at[n])) {
			run->at += n;
			*ret = words[i].value < 0 ? json_null() : json_boolean(words[i].value);
			return NULL;
		}
	}
	return NULL;
}

/* --- calls --- */

/* "name arg arg", or "name" with what came through a pipe (takes piped; may be NULL). */
static FALLIBLE run_call(struct run *run, json_t *piped, json_t **ret)
{
	AUTO(template_call) struct template_call call = { 0 };
	json_auto_t *last = piped;
	const char *begin = run->at;
	size_t n = 0;

	while (isalpha((unsigned char)run->at[n]))
		n++;
	AUTO_FREE char *name = xstrndup(begin, n);
	run->at += n;
	for (;;) {
		json_t *arg = NULL;

		TRY(run_operand(run, &arg));
		if (!arg)
			break;
		if (call.n == TEMPLATE_ARGS_MAX - 1) {
			json_decref(arg);
			return cannot(run);
		}
		call.args[call.n++] = arg;
	}
	if (last)
		call.args[call.n++] = TAKE(last);
	template_function *function = template_find(name);
	if (!function) {
		run->at = begin;
		return n ? error_usage("template: function \"%s\" not defined", name) : cannot(run);
	}
	if (!call.n)
		return error_usage("template: '%s' needs a value", name);
	if (run->is_off) {
		*ret = json_null();
		return NULL;
	}
	return function(&call, ret);
}

static FALLIBLE run_pipeline(struct run *run, json_t **ret)
{
	json_t *value = NULL;

	if (++run->depth > DEPTH_MAX)
		return error_usage("template: nested too deep");
	TRY(run_operand(run, &value));
	if (!value)
		TRY(run_call(run, NULL, &value));
	for (skip_space(run); *run->at == '|'; skip_space(run)) {
		run->at++;
		skip_space(run);
		json_t *piped = TAKE(value);
		TRY(run_call(run, piped, &value));
	}
	run->depth--;
	*ret = value;
	return NULL;
}

/* --- blocks --- */

static FALLIBLE close_action(struct run *run)
{
	skip_space(run);
	if (!at_close(run))
		return cannot(run);
	run->trims = *run->at == '-';
	run->at += run->trims ? 3 : 2;
	return NULL;
}

static bool take_word(struct run *run, const char *word)
{
	size_t n = strlen(word);

	skip_space(run);
	if (!text_starts(run->at, word) || isalnum((unsigned char)run->at[n]))
		return false;
	run->at += n;
	return true;
}

static FALLIBLE need_end(struct run *run, enum stop stop)
{
	if (stop != STOP_END)
		return error_usage("template: an {{end}} is missing");
	return close_action(run);
}

/* Behind a body that ended with {{else: its other half, which may be another if. */
static FALLIBLE run_if(struct run *run, bool is_with);

static FALLIBLE run_else(struct run *run, bool is_taken)
{
	bool was_off = run->is_off;
	enum stop stop;

	run->is_off = was_off || !is_taken;
	if (take_word(run, "if")) {
		TRY(run_if(run, false));
		run->is_off = was_off;
		return NULL;
	}
	TRY(close_action(run));
	TRY(run_block(run, &stop));
	run->is_off = was_off;
	return need_end(run, stop);
}

static FALLIBLE run_if(struct run *run, bool is_with)
{
	json_auto_t *value = NULL;
	json_t *dot = run->dot;
	bool was_off = run->is_off;
	enum stop stop;

	TRY(run_pipeline(run, &value));
	TRY(close_action(run));
	bool is_taken = template_is_true(value);
	run->is_off = was_off || !is_taken;
	if (is_with)
		run->dot = value;
	TRY(run_block(run, &stop));
	run->is_off = was_off;
	run->dot = dot;
	return stop == STOP_ELSE ? run_else(run, !is_taken) : need_end(run, stop);
}

static void push(struct run *run, const char *name, json_t *value)
{
	struct variable *variable = vec_add(&run->variables);

	*variable = (struct variable){ xstrdup(name), json_incref(value) };
}

static void pop(struct run *run, size_t n)
{
	while (run->variables.n > n) {
		struct variable *last = &run->variables.p[--run->variables.n];

		free(last->name);
		json_decref(last->value);
	}
}

/* One turn of a range's body from where it begins. */
static FALLIBLE run_turn(struct run *run, const char *body, const struct list *names, json_t *key,
		json_t *item, enum stop *ret)
{
	size_t before = run->variables.n;

	run->at = body;
	run->dot = item;
	if (names->n == 2)
		push(run, names->p[0], key);
	if (names->n)
		push(run, names->p[names->n - 1], item);
	struct error *error = run_block(run, ret);
	pop(run, before);
	return error;
}

static FALLIBLE run_turns(struct run *run, json_t *value, const struct list *names, enum stop *ret)
{
	AUTO(list) struct list keys = { 0 };
	const char *body = run->at, *name;
	json_t *dot = run->dot, *item;

	if (json_is_object(value)) {
		json_object_foreach(value, name, item) list_add(&keys, name);
		list_sort(&keys);
	}
	size_t n = json_is_object(value) ? keys.n : json_array_size(value);
	bool was_off = run->is_off;
	run->is_off = was_off || n == 0;
	for (size_t i = 0; i < n || i == 0; i++) {
		json_auto_t *key = keys.n ? json_string(keys.p[i]) : json_integer((json_int_t)i);

		item = keys.n ? json_object_get(value, keys.p[i]) : json_array_get(value, i);
		TRY(run_turn(run, body, names, key, item ? item : json_null(), ret));
		if (run->is_off)
			break;
	}
	run->is_off = was_off;
	run->dot = dot;
	if (*ret == STOP_ELSE)
		return run_else(run, n == 0);
	return need_end(run, *ret);
}

static FALLIBLE run_range(struct run *run)
{
	AUTO(list) struct list names = { 0 };
	json_auto_t *value = NULL;
	const char *assign;
	enum stop stop = STOP_TEXT;

	skip_space(run);
	assign = strstr(run->at, ":=");
	const char *end = strstr(run->at, "}}");
	if (*run->at == '$' && assign && end && assign < end) {
		while (run->at < assign) {
			size_t n = strcspn(run->at, " ,:");

			/* A colon that begins no ":=". */
			if (!n && !strchr(" ,", *run->at))
				return cannot(run);
			AUTO_FREE char *name = xstrndup(run->at, n);
			if (n && names.n < 2)
				list_add(&names, name);
			run->at += n + strspn(run->at + n, " ,");
		}
		run->at = assign + 2;
	}
	TRY(run_pipeline(run, &value));
	TRY(close_action(run));
	return run_turns(run, value, &names, &stop);
}

static FALLIBLE run_value(struct run *run)
{
	json_auto_t *value = NULL;

	TRY(run_pipeline(run, &value));
	if (!run->is_off)
		template_print_result(value, run->out);
	return close_action(run);
}

/* Inside of "{{": *ret is STOP_TEXT unless the block ends with it. */
static FALLIBLE run_action(struct run *run, enum stop *ret)
{
	*ret = STOP_TEXT;
	if (take_word(run, "end")) {
		*ret = STOP_END;
		return NULL;
	}
	if (take_word(run, "else")) {
		*ret = STOP_ELSE;
		return NULL;
	}
	if (text_starts(run->at, "/*")) {
		const char *end = strstr(run->at, "*/");

		if (!end)
			return error_usage("template: a comment is not closed");
		run->at = end + 2;
		return close_action(run);
	}
	if (take_word(run, "if"))
		return run_if(run, false);
	if (take_word(run, "with"))
		return run_if(run, true);
	if (take_word(run, "range"))
		return run_range(run);
	return run_value(run);
}

static void add_text(struct run *run)
{
	char c = *run->at++;

	if (c == '\\' && *run->at && strchr("nt\\", *run->at)) {
		c = *run->at == 'n' ? '\n' : *run->at == 't' ? '\t' : '\\';
		run->at++;
	}
	if (!run->is_off)
		strbuf_add_char(run->out, c);
}

static void trim_end(struct run *run)
{
	while (!run->is_off && run->out->n && isspace((unsigned char)run->out->p[run->out->n - 1]))
		strbuf_truncate(run->out, run->out->n - 1);
}

static FALLIBLE run_block(struct run *run, enum stop *ret)
{
	if (++run->depth > DEPTH_MAX)
		return error_usage("template: nested too deep");
	*ret = STOP_TEXT;
	while (*run->at && *ret == STOP_TEXT) {
		if (run->trims && isspace((unsigned char)*run->at)) {
			run->at++;
			continue;
		}
		run->trims = false;
		if (!text_starts(run->at, "{{")) {
			add_text(run);
			continue;
		}
		run->at += 2;
		if (run->at[0] == '-' && isspace((unsigned char)run->at[1])) {
			trim_end(run);
			run->at++;
		}
		skip_space(run);
		TRY(run_action(run, ret));
	}
	run->depth--;
	return NULL;
}

FALLIBLE template_print(const char *format, json_t *value, struct strbuf *out)
{
	struct run run = { .at = format, .out = out, .dot = value };
	enum stop stop = STOP_TEXT;
	struct error *error = run_block(&run, &stop);

	pop(&run, 0);
	vec_done(&run.variables);
	if (!error && stop != STOP_TEXT)
		error = error_usage(
				"template: unexpected {{%s}}", stop == STOP_END ? "end" : "else");
	return error;
}
