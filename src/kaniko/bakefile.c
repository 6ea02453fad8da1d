#include "kaniko/bakefile.h"

#include "base/limits.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "ui/options.h"

#include <ctype.h>
#include <string.h>

enum token { TOKEN_END, TOKEN_WORD, TOKEN_TEXT, TOKEN_SIGN, TOKEN_WRONG };

struct lexer {
	const char *at, *end, *line; /* line: where the line of at begins */
	const char *name;
	unsigned number;
	/* the token */
	enum token kind;
	char sign;
	struct strbuf text; /* of a word or text */
	unsigned from_line, from_column;
};

static struct error *wrong(const struct lexer *lexer, const char *format, ...) PRINTF_LIKE(2, 3);

static struct error *wrong(const struct lexer *lexer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	AUTO_FREE char *what = xvasprintf(format, args);
	va_end(args);
	return error_usage("%s:%u:%u: %s", lexer->name, lexer->from_line, lexer->from_column, what);
}

static void step(struct lexer *lexer)
{
	if (*lexer->at++ == '\n') {
		lexer->number++;
		lexer->line = lexer->at;
	}
}

static bool looks_at(const struct lexer *lexer, const char *what)
{
	size_t n = strlen(what);

	return (size_t)(lexer->end - lexer->at) >= n && memcmp(lexer->at, what, n) == 0;
}

/* Blanks, line ends and comments. False: a comment has no end. */
static bool skip(struct lexer *lexer)
{
	while (lexer->at < lexer->end) {
		if (isspace((unsigned char)*lexer->at)) {
			step(lexer);
		} else if (*lexer->at == '#' || looks_at(lexer, "//")) {
			while (lexer->at < lexer->end && *lexer->at != '\n')
				step(lexer);
		} else if (looks_at(lexer, "/*")) {
			while (lexer->at < lexer->end && !looks_at(lexer, "*/"))
				step(lexer);
			if (lexer->at == lexer->end)
				return false;
			lexer->at += 2;
		} else {
			return true;
		}
	}
	return true;
}

/* What a text has between its quotes. False: it has no end, or something that is not simply text.
 */
static bool read_text(struct lexer *lexer)
{
	static const char escapes[] = "n\nt\tr\r\"\"\\\\";

	for (step(lexer); lexer->at < lexer->end && *lexer->at != '\n'; step(lexer)) {
		if (*lexer->at == '"') {
			step(lexer);
			return true;
		}
		if (looks_at(lexer, "${") || looks_at(lexer, "%{") || *lexer->at == '\0')
			return false;
		if (*lexer->at != '\\') {
			strbuf_add_char(&lexer->text, *lexer->at);
			continue;
		}
		if (++lexer->at == lexer->end)
			return false;
		const char *escape = escapes;
		while (*escape && *escape != *lexer->at)
			escape += 2;
		if (!*escape)
			return false;
		strbuf_add_char(&lexer->text, escape[1]);
	}
	return false;
}

static void next(struct lexer *lexer)
{
	bool is_whole = skip(lexer);

	strbuf_clear(&lexer->text);
	lexer->from_line = lexer->number;
	lexer->from_column = (unsigned)(lexer->at - lexer->line) + 1;
	lexer->sign = '\0';
	if (lexer->at == lexer->end) {
		lexer->kind = is_whole ? TOKEN_END : TOKEN_WRONG;
	} else if (*lexer->at == '"') {
		lexer->kind = read_text(lexer) ? TOKEN_TEXT : TOKEN_WRONG;
	} else if (isalpha((unsigned char)*lexer->at) || *lexer->at == '_') {
		lexer->kind = TOKEN_WORD;
		for (; lexer->at < lexer->end &&
				(isalnum((unsigned char)*lexer->at) || *lexer->at == '_' ||
						*lexer->at == '-');
				step(lexer))
			strbuf_add_char(&lexer->text, *lexer->at);
	} else if (strchr("{}[]=,", *lexer->at) && *lexer->at) {
		lexer->kind = TOKEN_SIGN;
		lexer->sign = *lexer->at;
		step(lexer);
	} else {
		lexer->kind = TOKEN_WRONG;
	}
}

static FALLIBLE expect(struct lexer *lexer, char sign)
{
	if (lexer->sign != sign)
		return wrong(lexer, "'%c' is missing here", sign);
	next(lexer);
	return NULL;
}

static FALLIBLE take_text(struct lexer *lexer, const char *what, char **ret)
{
	if (lexer->kind != TOKEN_TEXT || !lexer->text.n)
		return wrong(lexer, "%s is a text in double quotes, without variables", what);
	free(*ret);
	*ret = xstrdup(strbuf_text(&lexer->text));
	next(lexer);
	return NULL;
}

static FALLIBLE take_list(struct lexer *lexer, const char *what, struct list *ret)
{
	if (lexer->sign != '[')
		return wrong(lexer, "%s is a list: [\"...\", \"...\"]", what);
	next(lexer);
	while (lexer->sign != ']') {
		AUTO_FREE char *text = NULL;

		TRY(take_text(lexer, what, &text));
		if (ret->n >= LIMIT_LIST_ENTRIES)
			return wrong(lexer, "more than %d", LIMIT_LIST_ENTRIES);
		list_add(ret, text);
		if (lexer->sign != ']')
			TRY(expect(lexer, ','));
	}
	next(lexer);
	return NULL;
}

/* What a docker-bake.hcl has instead, or has alone. */
static struct error *unknown_key(const struct lexer *lexer, const char *target)
{
	const char *key = strbuf_text(&lexer->text);
	struct error *error = wrong(lexer, "'%s' of target '%s' is not known", key, target);

	if (text_equal(key, "tags"))
		return error_hint(error, "a docker-bake.hcl has tags; here it is 'destination'");
	return error_hint(error,
			"'target' and 'destination' are; context, Dockerfile and build arguments "
			"are options of the command");
}

static FALLIBLE take_key(struct lexer *lexer, struct bake_target *target, bool has[2])
{
	bool is_stage = text_equal(strbuf_text(&lexer->text), "target");
	bool is_known = is_stage || text_equal(strbuf_text(&lexer->text), "destination");

	if (lexer->kind != TOKEN_WORD)
		return wrong(lexer, "a key, or '}', is missing here");
	if (!is_known)
		return unknown_key(lexer, target->name);
	if (has[is_stage])
		return wrong(lexer, "'%s' comes twice", strbuf_text(&lexer->text));
	has[is_stage] = true;
	next(lexer);
	TRY(expect(lexer, '='));
	return is_stage ? take_text(lexer, "'target'", &target->stage)
			: take_list(lexer, "'destination'", &target->destinations);
}

static FALLIBLE take_target(struct lexer *lexer, struct bakefile *file)
{
	AUTO_FREE char *name = NULL;
	bool has[2] = { false, false };

	if (lexer->kind != TOKEN_WORD || !text_equal(strbuf_text(&lexer->text), "target"))
		return error_hint(wrong(lexer, "this is no 'target \"NAME\" {'"),
				"variables, functions and groups of a docker-bake.hcl are not "
				"taken");
	next(lexer);
	const unsigned line = lexer->from_line, column = lexer->from_column;
	TRY(take_text(lexer, "the name of a target", &name));
	/* It is an argument of the program that builds it. */
	if (text_starts(name, "-"))
		return error_usage("%s:%u:%u: the name of target '%s' looks like an option",
				lexer->name, line, column, name);
	if (bakefile_find(file, name))
		return error_usage("%s:%u:%u: target '%s' comes twice", lexer->name, line, column,
				name);
	if (file->targets.n >= LIMIT_NAMES)
		return wrong(lexer, "more than %d targets", LIMIT_NAMES);
	struct bake_target *target = vec_add(&file->targets);

	target->name = TAKE(name);
	target->stage = xstrdup(target->name);
	TRY(expect(lexer, '{'));
	while (lexer->sign != '}')
		TRY(take_key(lexer, target, has));
	next(lexer);
	return NULL;
}

static FALLIBLE parse(struct lexer *lexer, struct bakefile *file)
{
	next(lexer);
	while (lexer->kind != TOKEN_END)
		TRY(take_target(lexer, file));
	return file->targets.n ? NULL : wrong(lexer, "there is no target");
}

FALLIBLE bakefile_parse(struct str text, const char *name, struct bakefile *ret)
{
	struct lexer lexer = {
		.at = text.p, .end = text.p + text.n, .line = text.p, .name = name, .number = 1
	};
	struct error *error = parse(&lexer, ret);

	strbuf_done(&lexer.text);
	return error;
}

void bakefile_done(struct bakefile *file)
{
	for (size_t i = 0; i < file->targets.n; i++) {
		free(file->targets.p[i].name);
		free(file->targets.p[i].stage);
		list_done(&file->targets.p[i].destinations);
	}
	vec_done(&file->targets);
}

struct bake_target *bakefile_find(const struct bakefile *file, const char *name)
{
	for (size_t i = 0; i < file->targets.n; i++)
		if (text_equal(file->targets.p[i].name, name))
			return &file->targets.p[i];
	return NULL;
}

FALLIBLE bakefile_set(struct bakefile *file, const struct list *sets)
{
	AUTO(list) struct list replaced = { 0 };

	for (size_t i = 0; i < sets->n; i++) {
		static const char field[] = ".destination"; /* a name may have dots */
		struct str left, value;

		if (!str_cut(str_of(sets->p[i]), '=', &left, &value) || !value.n ||
				!str_ends(left, field))
			return error_usage("option '--set': '%s' is not TARGET.destination=NAME",
					sets->p[i]);
		AUTO_FREE char *wanted = str_dup(str_slice(left, 0, left.n - strlen(field)));
		AUTO_FREE char *text = str_dup(value);
		struct bake_target *target = bakefile_find(file, wanted);

		if (!target)
			return error_usage("option '--set': there is no target '%s'", wanted);
		if (!list_has(&replaced, wanted))
			list_done(&target->destinations);
		list_add(&replaced, wanted);
		list_add(&target->destinations, text);
	}
	return NULL;
}
