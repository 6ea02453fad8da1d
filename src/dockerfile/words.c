/*
 * One recursive descent over the bytes: text, quotes, dollars, and inside ${...} text again. Only
 * the outermost text is split into words, so only it carries a struct splitter.
 */
#include "dockerfile/words.h"

#include "base/limits.h"
#include "dockerfile/pattern.h"
#include "dockerfile/runes.h"

enum { TO_THE_END = 0 };

struct lexer {
	struct str text;
	size_t at;
	const struct words_env *env;
	size_t *budget;
	unsigned depth;
	char escape;
	bool raw_escapes;
};

/* Collects words; quoted text never splits, text from variables does. */
struct splitter {
	struct list words;
	struct strbuf word;
	bool in_word;
};

static void splitter_done(struct splitter *splitter)
{
	list_done(&splitter->words);
	strbuf_done(&splitter->word);
}

DEFINE_AUTO_VALUE(splitter)

static void split_end(struct splitter *splitter)
{
	if (!splitter->word.n)
		return;
	list_add(&splitter->words, strbuf_text(&splitter->word));
	strbuf_clear(&splitter->word);
	splitter->in_word = false;
}

static void split_raw(struct splitter *splitter, struct str s)
{
	if (!splitter)
		return;
	strbuf_add_str(&splitter->word, s);
	splitter->in_word = true;
}

static void split_text(struct splitter *splitter, struct str s)
{
	if (!splitter)
		return;
	for (size_t at = 0, bytes = 0; at < s.n; at += bytes) {
		if (!rune_is_space(rune_at(s, at, &bytes)))
			split_raw(splitter, str_slice(s, at, at + bytes));
		else if (splitter->in_word)
			split_end(splitter);
	}
}

static FALLIBLE process_text(struct lexer *lexer, char stop, bool raw_escapes, struct strbuf *out,
		struct splitter *splitter);

static bool at_end(const struct lexer *lexer)
{
	return lexer->at >= lexer->text.n;
}

/* The byte ahead; NUL at the end (the text holds none). */
static char peek(const struct lexer *lexer)
{
	return at_end(lexer) ? '\0' : lexer->text.p[lexer->at];
}

/* The whole character ahead, taken; empty at the end. */
static struct str take(struct lexer *lexer)
{
	size_t bytes = 0, from = lexer->at;

	if (!at_end(lexer))
		(void)rune_at(lexer->text, lexer->at, &bytes);
	lexer->at += bytes;
	return str_slice(lexer->text, from, lexer->at);
}

static bool has(const struct lexer *lexer, enum words_flags flag)
{
	return (lexer->env->flags & flag) != 0;
}

static FALLIBLE charge(struct lexer *lexer, size_t bytes)
{
	if (bytes > *lexer->budget)
		return error_new(ERR_LIMIT,
				"the text grows too large when its variables are expanded");
	*lexer->budget -= bytes;
	return NULL;
}

static FALLIBLE single_quoted(struct lexer *lexer, struct strbuf *out)
{
	struct str rest = str_slice(lexer->text, lexer->at + 1, lexer->text.n);
	size_t end = str_find(rest, '\'');

	if (end == rest.n)
		return error_new(ERR_INVALID, "a single quote (') is not closed");
	if (has(lexer, WORDS_RAW_QUOTES))
		strbuf_add_bytes(out, rest.p - 1, end + 2);
	else
		strbuf_add_bytes(out, rest.p, end);
	lexer->at += end + 2;
	return NULL;
}

/* A double-quoted variable goes in as it is; only the escape character is special besides. */
static FALLIBLE process_dollar(struct lexer *lexer, struct strbuf *out);

static FALLIBLE double_quoted(struct lexer *lexer, struct strbuf *out)
{
	lexer->at++;
	if (has(lexer, WORDS_RAW_QUOTES))
		strbuf_add_char(out, '"');
	for (;;) {
		char c = peek(lexer);

		if (at_end(lexer))
			return error_new(ERR_INVALID, "a double quote (\") is not closed");
		if (c == '$') {
			TRY(process_dollar(lexer, out));
			continue;
		}
		lexer->at++;
		if (c == '"') {
			if (has(lexer, WORDS_RAW_QUOTES))
				strbuf_add_char(out, '"');
			return NULL;
		}
		if (c == lexer->escape) {
			if (lexer->raw_escapes)
				strbuf_add_char(out, c);
			if (at_end(lexer))
				continue;
			if (peek(lexer) == '"' || peek(lexer) == '$' ||
					peek(lexer) == lexer->escape)
				c = lexer->text.p[lexer->at++];
		}
		strbuf_add_char(out, c);
	}
}

/* A name: digits, one special parameter, or letters, digits and "_". Empty when none is there. */
static struct str take_name(struct lexer *lexer)
{
	size_t from = lexer->at, bytes = 0;
	char first = peek(lexer);

	if (first >= '0' && first <= '9') {
		while (peek(lexer) >= '0' && peek(lexer) <= '9')
			lexer->at++;
	} else if (first && strchr("@*#?-$!", first)) {
		lexer->at++;
	} else {
		while (!at_end(lexer) &&
				(peek(lexer) == '_' || rune_is_name(rune_at(lexer->text, lexer->at,
								       &bytes)))) {
			(void)rune_at(lexer->text, lexer->at, &bytes);
			lexer->at += bytes;
		}
	}
	return str_slice(lexer->text, from, lexer->at);
}

/* The variable's value, or NULL; whoever counts uses is told. */
static const char *look_up(struct lexer *lexer, struct str name, bool has_word)
{
	AUTO_FREE char *text = str_dup(name);
	const struct words_env *env = lexer->env;
	const char *value = env->get ? env->get(env->user, text) : NULL;

	if (env->used)
		env->used(env->user, text, value != NULL, has_word);
	return value;
}

static FALLIBLE add_value(struct lexer *lexer, const char *value, struct strbuf *out)
{
	struct str s = str_of(value);

	TRY(charge(lexer, s.n));
	strbuf_add_str(out, s);
	return NULL;
}

/* The text up to an unquoted stop inside ${...}; its end is reported as the missing "}". */
static FALLIBLE take_word(struct lexer *lexer, char stop, bool raw_escapes, struct strbuf *out)
{
	struct error *error = process_text(lexer, stop, raw_escapes, out, NULL);

	if (!error || error->kind == ERR_LIMIT || !at_end(lexer))
		return error;
	error_free(error);
	return error_new(ERR_INVALID, "a '%c' is missing in '${...}'", stop);
}

static FALLIBLE required(struct str name, const char *value, bool null_is_unset, struct str message)
{
	if (value && (*value || !null_is_unset))
		return NULL;
	if (message.n)
		return error_new(ERR_INVALID, "%.*s: %.*s", STR_ARG(name), STR_ARG(message));
	return error_new(ERR_INVALID, "%.*s: is not allowed to be %s", STR_ARG(name),
			value ? "empty" : "unset");
}

/* ${n#p} ${n##p} ${n%p} ${n%%p} */
static FALLIBLE trimmed(struct lexer *lexer, const char *value, char modifier, struct str word,
		struct strbuf *out)
{
	AUTO(pattern) struct pattern pattern = { 0 };
	bool longest = word.n && word.p[0] == modifier;
	struct str rest = { 0 };

	TRY(pattern_parse(str_slice(word, longest, word.n), &pattern));
	TRY(pattern_trim(&pattern, str_of(value), modifier == '%', longest, lexer->budget, &rest));
	TRY(charge(lexer, rest.n));
	strbuf_add_str(out, rest);
	return NULL;
}

/* ${n/p/r} ${n//p/r}; the first "/" is taken. */
static FALLIBLE replaced(struct lexer *lexer, struct str name, struct strbuf *out)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	AUTO(strbuf) struct strbuf replacement = { 0 };
	AUTO(pattern) struct pattern pattern = { 0 };
	bool all = peek(lexer) == '/';

	lexer->at += all;
	TRY(take_word(lexer, '/', true, &text));
	TRY(take_word(lexer, '}', true, &replacement));
	const char *value = look_up(lexer, name, false);
	if (!value && has(lexer, WORDS_SKIP_UNSET)) {
		strbuf_addf(out, "${%.*s/%s%s/%s}", STR_ARG(name), all ? "/" : "",
				strbuf_text(&text), strbuf_text(&replacement));
		return NULL;
	}
	TRY(pattern_parse(strbuf_str(&text), &pattern));
	TRY(charge(lexer, strlen(value ? value : "")));
	return pattern_replace(
			&pattern, str_of(value), strbuf_str(&replacement), all, lexer->budget, out);
}

/* ${n-w} and the other forms with a word; modifier is taken, after the ":" if there was one. */
static FALLIBLE modified(
		struct lexer *lexer, struct str name, char modifier, bool colon, struct strbuf *out)
{
	bool is_trim = modifier == '#' || modifier == '%';
	AUTO(strbuf) struct strbuf word = { 0 };

	TRY(take_word(lexer, '}', is_trim, &word));
	if (!modifier || !strchr("+-?#%", modifier) || (is_trim && colon))
		return error_new(ERR_INVALID, "unsupported modifier '%s%c' in '${...}'",
				colon ? ":" : "", modifier);
	const char *value = look_up(lexer, name, !is_trim);
	if (!value && has(lexer, WORDS_SKIP_UNSET)) {
		strbuf_addf(out, "${%.*s%s%c%s}", STR_ARG(name), colon ? ":" : "", modifier,
				strbuf_text(&word));
		return NULL;
	}
	bool is_unset = !value || (colon && !*value);
	switch (modifier) {
	case '-':
		if (!is_unset)
			return add_value(lexer, value, out);
		strbuf_add_str(out, strbuf_str(&word));
		return NULL;
	case '+':
		if (!is_unset)
			strbuf_add_str(out, strbuf_str(&word));
		return NULL;
	case '?':
		TRY(required(name, value, colon, strbuf_str(&word)));
		return add_value(lexer, value, out);
	default:
		return trimmed(lexer, value, modifier, strbuf_str(&word), out);
	}
}

/* Behind "${". */
static FALLIBLE process_braces(struct lexer *lexer, struct strbuf *out)
{
	if (at_end(lexer))
		return error_new(ERR_INVALID, "a '}' is missing in '${...}'");
	if (strchr("{}:", peek(lexer)))
		return error_new(ERR_INVALID, "bad substitution: '${' wants a name behind it");
	struct str name = take_name(lexer);
	struct str next = take(lexer);
	char modifier = next.n == 1 ? next.p[0] : '\0';

	if (modifier == '}') {
		const char *value = look_up(lexer, name, false);

		if (value || !has(lexer, WORDS_SKIP_UNSET))
			return add_value(lexer, value, out);
		strbuf_addf(out, "${%.*s}", STR_ARG(name));
		return NULL;
	}
	if (modifier == ':') {
		next = take(lexer);
		return modified(lexer, name, next.n == 1 ? next.p[0] : '\0', true, out);
	}
	if (modifier && strchr("+-?#%", modifier))
		return modified(lexer, name, modifier, false, out);
	if (modifier == '/')
		return replaced(lexer, name, out);
	if (!next.n)
		return error_new(ERR_INVALID, "a '}' is missing in '${...}'");
	return error_new(ERR_INVALID, "unsupported modifier '%.*s' in '${...}'", STR_ARG(next));
}

static FALLIBLE process_dollar(struct lexer *lexer, struct strbuf *out)
{
	lexer->at++;
	if (peek(lexer) == '{') {
		lexer->at++;
		if (++lexer->depth > LIMIT_EXPANSION_DEPTH)
			return error_new(ERR_LIMIT, "'${...}' is nested more than %d deep",
					LIMIT_EXPANSION_DEPTH);
		TRY(process_braces(lexer, out));
		lexer->depth--;
		return NULL;
	}
	struct str name = take_name(lexer);
	if (!name.n) {
		strbuf_add_char(out, '$');
		return NULL;
	}
	const char *value = look_up(lexer, name, false);
	if (value || !has(lexer, WORDS_SKIP_UNSET))
		return add_value(lexer, value, out);
	strbuf_addf(out, "$%.*s", STR_ARG(name));
	return NULL;
}

/* "<<" keeps the space behind it, so that "<< EOF" is one word. */
static void process_less(struct lexer *lexer, struct strbuf *out)
{
	size_t from = lexer->at++;

	if (peek(lexer) == '<') {
		lexer->at++;
		while (peek(lexer) && strchr(" \t\r", peek(lexer)))
			lexer->at++;
	}
	strbuf_add_str(out, str_slice(lexer->text, from, lexer->at));
}

/* Anything that is not special, and the escape character with what it escapes. */
static void process_plain(struct lexer *lexer, struct strbuf *out, struct splitter *splitter)
{
	struct str c = take(lexer);

	if (c.p[0] != lexer->escape) {
		split_text(splitter, c);
		strbuf_add_str(out, c);
		return;
	}
	if (lexer->raw_escapes) {
		split_raw(splitter, c);
		strbuf_add_str(out, c);
	}
	c = take(lexer);
	if (c.n) {
		split_raw(splitter, c);
		strbuf_add_str(out, c);
	}
}

/* One quoted part, variable or "<<": its text goes out, and to the splitter by its own rule. */
static FALLIBLE process_special(struct lexer *lexer, struct strbuf *out, struct splitter *splitter)
{
	size_t from = out->n;
	char c = peek(lexer);

	if (c == '$')
		TRY(process_dollar(lexer, out));
	else if (c == '\'')
		TRY(single_quoted(lexer, out));
	else if (c == '"')
		TRY(double_quoted(lexer, out));
	else
		process_less(lexer, out);
	struct str added = str_slice(strbuf_str(out), from, out->n);
	if (c == '$')
		split_text(splitter, added);
	else
		split_raw(splitter, added);
	return NULL;
}

static FALLIBLE process_text(struct lexer *lexer, char stop, bool raw_escapes, struct strbuf *out,
		struct splitter *splitter)
{
	const char *special = has(lexer, WORDS_SKIP_QUOTES) ? "$<" : "$<'\"";
	bool saved = lexer->raw_escapes;

	lexer->raw_escapes = raw_escapes;
	while (!at_end(lexer)) {
		char c = peek(lexer);

		if (stop != TO_THE_END && c == stop) {
			lexer->at++;
			lexer->raw_escapes = saved;
			return NULL;
		}
		if (strchr(special, c))
			TRY(process_special(lexer, out, splitter));
		else
			process_plain(lexer, out, splitter);
	}
	lexer->raw_escapes = saved;
	if (stop != TO_THE_END)
		return error_new(ERR_INVALID, "a '%c' is missing", stop);
	return NULL;
}

static FALLIBLE expand(struct str text, const struct words_env *env, struct strbuf *out,
		struct splitter *splitter)
{
	size_t fresh = LIMIT_EXPANDED_BYTES;
	struct lexer lexer = {
		.text = text,
		.env = env,
		.budget = env->budget ? env->budget : &fresh,
		.escape = env->escape ? env->escape : '\\',
	};

	if (memchr(text.p, '\0', text.n))
		return error_new(ERR_INVALID, "the text holds a NUL byte");
	TRY(charge(&lexer, text.n));
	struct error *error = process_text(
			&lexer, TO_THE_END, has(&lexer, WORDS_RAW_ESCAPES), out, splitter);
	if (error)
		return error_wrap(error, "expand '%.*s%s'", (int)(text.n > 200 ? 200 : text.n),
				text.p, text.n > 200 ? "..." : "");
	return NULL;
}

FALLIBLE word_expand(struct str word, const struct words_env *env, struct strbuf *out)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	TRY(expand(word, env, &text, NULL));
	strbuf_add_str(out, strbuf_str(&text));
	return NULL;
}

FALLIBLE words_expand(struct str word, const struct words_env *env, struct list *ret)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	AUTO(splitter) struct splitter splitter = { 0 };

	TRY(expand(word, env, &text, &splitter));
	split_end(&splitter);
	list_add_all(ret, &splitter.words);
	return NULL;
}
