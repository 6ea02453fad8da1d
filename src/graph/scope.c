#include "graph/lower.h"

#include <string.h>

void scope_done(struct scope *scope)
{
	list_done(&scope->visible);
	list_done(&scope->args);
	list_done(&scope->declared);
	named_done(&scope->visible_at);
	named_done(&scope->args_at);
	named_done(&scope->declared_at);
}

static const char *build_arg(const struct lower *lower, const char *name)
{
	const struct list *args = lower->input->build_args;

	/* The last one given wins, as on any command line. */
	for (size_t i = args ? args->n : 0; i-- > 0;) {
		size_t n = strlen(name);

		if (strncmp(args->p[i], name, n) == 0 && args->p[i][n] == '=')
			return args->p[i] + n + 1;
	}
	return NULL;
}

/* For Buildah a FROM knows what is given for an ARG of a stage above it. */
static const char *given_above(
		const struct lower *lower, const struct stage *from, const char *name)
{
	const struct dockerfile *file = lower->input->file;
	const char *value = build_arg(lower, name);

	for (const struct instruction *in = file->instructions + file->global_count;
			value && in < from->from; in++)
		for (size_t i = 0; in->kind == INSTRUCTION_ARG && i < in->pairs.n; i++)
			if (strcmp(in->pairs.p[i].name, name) == 0)
				return value;
	return NULL;
}

static const char *expansion_get(void *user, const char *name)
{
	const struct expansion *expansion = user;
	struct scope *scope = expansion->scope;
	const char *value = named_get(&scope->visible, &scope->visible_at, name);

	if (!value && expansion->from)
		value = given_above(expansion->lower, expansion->from, name);
	/* A base image that was not opened may set anything: a word that is good everywhere. */
	return !value && scope->has_unknown_env ? "0" : value;
}

static void expansion_used(void *user, const char *name, bool is_set, bool has_word)
{
	const struct expansion *expansion = user;

	/* ${n:-w} says itself what to do without n. */
	if (has_word)
		return;
	if (!is_set || !named_has(&expansion->scope->visible, &expansion->scope->visible_at, name))
		lower_lint_variable(expansion->lower, expansion->scope, name, expansion->at);
}

struct words_env scope_env(struct expansion *expansion, unsigned flags)
{
	return (struct words_env){
		.get = expansion_get,
		.used = expansion->lower->input->lint ? expansion_used : NULL,
		.user = expansion,
		.budget = &expansion->scope->budget,
		.escape = expansion->scope->escape,
		.flags = flags,
	};
}

static FALLIBLE expand(
		struct expansion *expansion, const char *word, unsigned flags, const char **ret)
{
	AUTO(strbuf) struct strbuf out = { 0 };
	struct words_env env = scope_env(expansion, flags);
	struct error *error = word_expand(str_of(word), &env, &out);

	if (error)
		return error_at(error, expansion->at);
	*ret = arena_str(expansion->lower->arena, strbuf_str(&out));
	return NULL;
}

FALLIBLE scope_word(struct lower *lower, struct scope *scope, const char *word,
		struct source_range at, const char **ret)
{
	struct expansion expansion = { lower, scope, at, NULL };

	return expand(&expansion, word, 0, ret);
}

FALLIBLE scope_from(struct lower *lower, const struct stage *stage, const char *word,
		struct source_range at, const char **ret)
{
	struct expansion expansion = { lower, &lower->globals, at,
		lower->input->from_variables ? stage : NULL };

	return expand(&expansion, word, 0, ret);
}

FALLIBLE scope_body(struct lower *lower, struct scope *scope, const char *body,
		struct source_range at, const char **ret)
{
	struct expansion expansion = { lower, scope, at, NULL };

	return expand(&expansion, body, WORDS_SKIP_QUOTES, ret);
}

FALLIBLE scope_words(struct lower *lower, struct scope *scope, const char *word,
		struct source_range at, struct list *ret)
{
	struct expansion expansion = { lower, scope, at, NULL };
	struct words_env env = scope_env(&expansion, 0);

	return error_at(words_expand(str_of(word), &env, ret), at);
}

bool plan_is_proxy_arg(const char *name)
{
	static const char *const names[] = { "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY",
		"ALL_PROXY", "http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* A name in the place of a time is the time of what it names. */
static const char *meant_value(const struct lower *lower, const char *name, const char *value)
{
	if (text_equal(name, "SOURCE_DATE_EPOCH") && text_equal(value, lower->input->epoch_name))
		return lower->input->epoch;
	return value;
}

static void record(struct lower *lower, struct lowered_args *args, const struct pair *pair,
		const char *value, bool is_inherited)
{
	struct plan_arg arg = { .pair = pair,
		.value = arena_text(lower->arena, value),
		.is_given = build_arg(lower, pair->name) != NULL,
		.is_inherited = is_inherited };

	vec_push(args, arg);
}

struct plan_args scope_args(struct lower *lower, const struct lowered_args *args)
{
	struct plan_arg *copy = arena_array(lower->arena, args->n, sizeof(*copy));

	if (args->n)
		memcpy(copy, args->p, args->n * sizeof(*copy));
	return (struct plan_args){ copy, args->n };
}

/* What TARGETSTAGE is: the target as it was asked for, else the last stage's name. */
static const char *target_stage(const struct plan_input *input)
{
	const struct dockerfile *file = input->file;
	const char *last = file->stages[file->stage_count - 1].from->from.name;

	if (input->target && input->target[0])
		return input->target;
	return last ? last : "default";
}

char *scope_automatic(const struct lower *lower, const char *name)
{
	const struct platform *platforms[] = { &lower->input->platform,
		&lower->input->build_platform };
	static const char *const prefixes[] = { "TARGET", "BUILD" };
	const char *given = build_arg(lower, name);

	for (size_t i = 0; i < COUNT(prefixes); i++) {
		const char *rest = name + strlen(prefixes[i]);
		const struct platform *platform = platforms[i];
		char text[PLATFORM_TEXT];
		const char *value = NULL;

		if (!text_starts(name, prefixes[i]))
			continue;
		if (text_equal(rest, "PLATFORM"))
			value = platform_text(platform, text);
		else if (text_equal(rest, "OS"))
			value = platform->os;
		else if (text_equal(rest, "OSVERSION"))
			value = platform->os_version;
		else if (text_equal(rest, "ARCH"))
			value = platform->architecture;
		else if (text_equal(rest, "VARIANT"))
			value = platform->variant;
		else if (i == 0 && text_equal(rest, "STAGE"))
			value = target_stage(lower->input);
		if (value)
			return xstrdup(given ? given : value);
	}
	return NULL;
}

FALLIBLE scope_globals(struct lower *lower)
{
	static const char *const automatic[] = { "TARGETPLATFORM", "TARGETOS", "TARGETOSVERSION",
		"TARGETARCH", "TARGETVARIANT", "BUILDPLATFORM", "BUILDOS", "BUILDOSVERSION",
		"BUILDARCH", "BUILDVARIANT", "TARGETSTAGE" };
	const struct dockerfile *file = lower->input->file;
	struct scope *globals = &lower->globals;

	for (size_t i = 0; i < COUNT(automatic); i++) {
		AUTO_FREE char *value = scope_automatic(lower, automatic[i]);

		named_set(&globals->visible, &globals->visible_at, automatic[i], value);
	}
	for (size_t i = 0; i < file->global_count; i++) {
		const struct pairs *pairs = &file->instructions[i].pairs;

		for (size_t k = 0; k < pairs->n; k++) {
			const struct pair *pair = &pairs->p[k];
			const char *value = build_arg(lower, pair->name);

			if (value && !*value && lower->input->keeps_defaults)
				value = NULL;
			if (!value && pair->value)
				TRY(scope_word(lower, globals, pair->value, pair->at, &value));
			value = meant_value(lower, pair->name, value);
			record(lower, &lower->global_args, pair, value, false);
			if (value)
				named_set(&globals->visible, &globals->visible_at, pair->name,
						value);
			if (globals->visible.n > LIMIT_NAMES)
				return error_at(error_new(ERR_LIMIT, "more than %d ARGs",
								LIMIT_NAMES),
						pair->at);
		}
	}
	return NULL;
}

FALLIBLE scope_value(
		struct lower *lower, struct scope *scope, const struct pair *pair, const char **ret)
{
	const char *value = build_arg(lower, pair->name);

	if (!value && !pair->value)
		value = named_get(&lower->globals.visible, &lower->globals.visible_at, pair->name);
	else if (!value)
		TRY(scope_word(lower, scope, pair->value, pair->at, &value));
	*ret = meant_value(lower, pair->name, value);
	return NULL;
}

FALLIBLE scope_arg(struct lower *lower, struct lowered *stage, const struct pair *pair)
{
	struct scope *scope = &stage->scope;
	bool is_inherited = !build_arg(lower, pair->name) && !pair->value;
	const char *value = NULL;

	TRY(scope_value(lower, scope, pair, &value));
	record(lower, &stage->args, pair, value, is_inherited && value);
	if (value) {
		/* value may lie in a list that list_env_set is about to change */
		const char *kept = arena_text(lower->arena, value);

		named_set(&scope->visible, &scope->visible_at, pair->name, kept);
		named_set(&scope->args, &scope->args_at, pair->name, kept);
	} else if (lower->input->lint) {
		(void)named_add(&scope->declared, &scope->declared_at, pair->name);
	}
	return NULL;
}
