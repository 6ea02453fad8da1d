#include "dockerfile/args.h"

#include "base/strbuf.h"
#include "base/vec.h"
#include "dockerfile/runes.h"

#include <jansson.h>

struct word_list {
	struct word *p;
	size_t n, capacity;
};

static void word_list_done(struct word_list *list)
{
	vec_done(list);
}

DEFINE_AUTO_VALUE(word_list)

struct source_range source_range_of(const struct source *source, struct str part)
{
	size_t from = (size_t)(part.p - source->line->text.p);

	return line_range(source->line, source->name, from, from + part.n);
}

static struct words keep(const struct source *source, const struct word_list *list)
{
	struct word *words = arena_array(source->arena, list->n, sizeof(*words));

	if (list->n)
		memcpy(words, list->p, list->n * sizeof(*words));
	return (struct words){ words, list->n };
}

static void add(const struct source *source, struct word_list *list, struct str text,
		struct str place)
{
	vec_push(list, ((struct word){ arena_str(source->arena, text),
				       source_range_of(source, place) }));
}

/* What separates words: white space of ASCII. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

bool args_cut_space(struct str text, struct str *ret_head, struct str *ret_tail)
{
	size_t end = 0;

	while (end < text.n && !is_blank(text.p[end]))
		end++;
	size_t next = end;
	while (next < text.n && is_blank(text.p[next]))
		next++;
	*ret_head = str_slice(text, 0, end);
	*ret_tail = str_slice(text, next, text.n);
	return next > end;
}

struct words args_by_space(const struct source *source, struct str text)
{
	AUTO(word_list) struct word_list list = { 0 };
	struct str word = { 0 };

	while (text.n) {
		(void)args_cut_space(text, &word, &text);
		add(source, &list, word, word);
	}
	return keep(source, &list);
}

struct words args_whole(const struct source *source, struct str text)
{
	AUTO(word_list) struct word_list list = { 0 };

	if (text.n)
		add(source, &list, text, text);
	return keep(source, &list);
}

/* The end of the quoted part that starts at text.p[at]. */
static size_t skip_quoted(struct str text, size_t at, char escape, bool *ret_dangling)
{
	char quote = text.p[at++];

	while (at < text.n && text.p[at] != quote) {
		if (text.p[at] == escape && quote != '\'') {
			*ret_dangling = at + 1 == text.n;
			at++;
		}
		at++;
	}
	return at < text.n ? at + 1 : text.n;
}

/*
 * The length of the word at the front of text. *ret_dangling: it ends with an escape character
 * that has nothing to escape.
 */
static size_t quoted_word(struct str text, char escape, bool *ret_dangling)
{
	size_t at = 0, bytes = 0;

	*ret_dangling = false;
	while (at < text.n && !rune_is_space(rune_at(text, at, &bytes))) {
		if (text.p[at] == '\'' || text.p[at] == '"') {
			at = skip_quoted(text, at, escape, ret_dangling);
		} else if (text.p[at] != escape) {
			at += bytes;
		} else if (++at == text.n) {
			*ret_dangling = true;
		} else {
			(void)rune_at(text, at, &bytes);
			at += bytes;
		}
	}
	return at;
}

struct words args_by_quotes(const struct source *source, struct str text)
{
	AUTO(word_list) struct word_list list = { 0 };
	bool is_dangling = false;

	while ((text = rune_trim_left(text)).n) {
		size_t n = quoted_word(text, source->escape, &is_dangling);
		struct str word = str_slice(text, 0, n);

		if (n > is_dangling)
			add(source, &list, str_slice(word, 0, n - is_dangling), word);
		text = str_slice(text, n, text.n);
	}
	return keep(source, &list);
}

/*
 * Take one flag from the front of *text into its unquoted form; false at the "--" that ends them.
 * The backslash escapes here whatever the escape character is (as BuildKit has it).
 */
static bool take_flag(struct str *text, struct strbuf *out)
{
	size_t at = 0, bytes = 0;
	char quote = '\0';

	while (at < text->n) {
		char c = text->p[at];

		if (!quote && rune_is_space(rune_at(*text, at, &bytes)))
			break;
		at++;
		if (quote ? c == quote : c == '\'' || c == '"') {
			quote = quote ? '\0' : c;
			continue;
		}
		if (c == '\\') {
			if (at == text->n)
				break;
			c = text->p[at++];
		}
		strbuf_add_char(out, c);
	}
	*text = str_slice(*text, at, text->n);
	return strcmp(strbuf_text(out), "--") != 0;
}

static struct flag make_flag(const struct source *source, struct str text, struct str place)
{
	struct str name = { 0 }, value = { 0 };
	bool has_value = str_cut(str_slice(text, 2, text.n), '=', &name, &value);

	return (struct flag){
		.name = arena_str(source->arena, name),
		.value = has_value ? arena_str(source->arena, value) : NULL,
		.text = arena_str(source->arena, rune_trim(place)),
		.at = source_range_of(source, place),
	};
}

struct command_text args_cut_command(const struct source *source, struct str text)
{
	struct command_text command = { 0 };
	struct str rest = { 0 };
	VEC(struct flag) flags = { 0 };

	(void)args_cut_space(rune_trim(text), &command.keyword, &rest);
	rest = rune_trim_left(rest);
	while (str_starts(rest, "--")) {
		AUTO(strbuf) struct strbuf flag = { 0 };
		struct str before = rest;

		if (!take_flag(&rest, &flag))
			break;
		struct str place = str_slice(before, 0, (size_t)(rest.p - before.p));
		vec_push(&flags, make_flag(source, strbuf_str(&flag), place));
		rest = rune_trim_left(rest);
	}
	command.rest = rune_trim(rest);
	struct flag *kept = arena_array(source->arena, flags.n, sizeof(*kept));
	if (flags.n)
		memcpy(kept, flags.p, flags.n * sizeof(*kept));
	command.flags = kept;
	command.flag_count = flags.n;
	vec_done(&flags);
	return command;
}

/* The next string literal of an array of strings, quotes included; text goes on behind it. */
static struct str next_literal(struct str *text)
{
	size_t from = str_find(*text, '"'), to = from + 1;

	while (to < text->n && text->p[to] != '"')
		to += text->p[to] == '\\' ? 2 : 1;
	struct str literal = str_slice(*text, from, to + 1);
	*text = str_slice(*text, to + 1, text->n);
	return literal;
}

static FALLIBLE json_words(
		const struct source *source, const json_t *root, struct str text, struct words *ret)
{
	AUTO(word_list) struct word_list list = { 0 };
	struct str rest = text;
	size_t i = 0;
	json_t *item = NULL;

	json_array_foreach(root, i, item)
	{
		if (!json_is_string(item))
			return error_hint(error_at(error_new(ERR_INVALID,
								   "when using JSON array syntax, "
								   "arrays must be comprised of "
								   "strings only: item %zu is none",
								   i + 1),
							  source_range_of(source, text)),
					"put every argument in double quotes");
		struct str literal = next_literal(&rest);
		struct str value = { json_string_value(item), json_string_length(item) };
		if (memchr(value.p, '\0', value.n))
			return error_at(error_new(ERR_INVALID,
							"item %zu of the JSON array holds a NUL "
							"byte",
							i + 1),
					source_range_of(source, literal));
		add(source, &list, value, literal);
	}
	*ret = keep(source, &list);
	return NULL;
}

/* jansson wants UTF-8; bytes that are not become U+FFFD, as in Go. */
static void repair(struct str text, struct strbuf *out)
{
	for (size_t at = 0, bytes = 0; at < text.n; at += bytes)
		if (rune_at(text, at, &bytes) == RUNE_BAD)
			strbuf_add(out, "\xEF\xBF\xBD");
		else
			strbuf_add_bytes(out, text.p + at, bytes);
}

FALLIBLE args_json(const struct source *source, struct str text, struct words *ret, bool *ret_is)
{
	AUTO(strbuf) struct strbuf utf8 = { 0 };

	*ret_is = false;
	if (!str_starts(text, "["))
		return NULL;
	repair(text, &utf8);
	json_t *root = json_loadb(utf8.p, utf8.n, JSON_ALLOW_NUL, NULL);
	if (!root)
		return NULL;
	struct error *error = json_words(source, root, text, ret);
	json_decref(root);
	*ret_is = !error;
	return error;
}
