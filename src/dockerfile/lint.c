#include "dockerfile/lint.h"

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "dockerfile/stage.h"

#include <stdlib.h>

static void add_names(struct str value, struct list *names, bool *ret_all)
{
	if (str_is(value, "all")) {
		*ret_all = true;
		return;
	}
	for (bool more = true; more;) {
		struct str name = { 0 };

		more = str_cut(value, ',', &name, &value);
		AUTO_FREE char *text = str_dup(str_trim(name));
		/* What no rule is called turns nothing off, in BuildKit as well. */
		if (lint_rule_find(text) && !list_has(names, text))
			list_add(names, text);
	}
}

static FALLIBLE parse_option(struct str option, struct lint_config *config)
{
	struct str name = { 0 }, value = { 0 };
	bool has_value = str_cut(option, '=', &name, &value);

	name = str_trim(name);
	value = str_trim(value);
	if (has_value && str_is(name, "skip")) {
		add_names(value, &config->skip, &config->skip_all);
	} else if (has_value && str_is(name, "experimental")) {
		add_names(value, &config->experimental, &config->experimental_all);
	} else if (has_value && str_is(name, "error")) {
		if (!str_is_nocase(value, "true") && !str_is_nocase(value, "false"))
			return error_new(ERR_INVALID, "invalid check option '%.*s'",
					STR_ARG(str_trim(option)));
		config->is_error = str_is_nocase(value, "true");
	} else {
		return error_hint(error_new(ERR_INVALID, "invalid check option '%.*s'",
						  STR_ARG(str_trim(option))),
				"write skip=RULE,RULE;error=true");
	}
	return NULL;
}

FALLIBLE lint_config_parse(struct str text, struct lint_config *ret)
{
	AUTO(lint_config) struct lint_config config = { 0 };
	const char *comment = memmem(text.p, text.n, " //", 3);
	struct str rest = comment ? str_slice(text, 0, (size_t)(comment - text.p)) : text;

	rest = str_trim(rest);
	for (bool more = rest.n > 0; more;) {
		struct str option = { 0 };

		more = str_cut(rest, ';', &option, &rest);
		if (str_trim(option).n)
			TRY(parse_option(option, &config));
	}
	*ret = config;
	config = (struct lint_config){ 0 };
	return NULL;
}

void lint_config_skip(struct lint_config *config, struct str names)
{
	add_names(names, &config->skip, &config->skip_all);
}

void lint_config_done(struct lint_config *config)
{
	list_done(&config->skip);
	list_done(&config->experimental);
}

void lint_init(struct lint *lint, const struct dockerfile *file, const struct lint_config *config,
		struct arena *arena)
{
	*lint = (struct lint){ .file = file, .config = config, .arena = arena };
}

void lint_done(struct lint *lint)
{
	vec_done(&lint->warnings);
}

static bool is_on(const struct lint *lint, const struct lint_rule *rule)
{
	const struct lint_config *config = lint->config;

	if (rule->is_own && !lint->with_own)
		return false;
	if (rule->is_experimental)
		return config->experimental_all || list_has(&config->experimental, rule->name);
	return !config->skip_all && !list_has(&config->skip, rule->name);
}

bool lint_is_options(const char *comment, struct str *ret)
{
	struct str name = { 0 };

	return str_cut(str_of(comment), '=', &name, ret) && str_is_nocase(str_trim(name), "check");
}

/* The instruction that a line belongs to, or NULL. They stand in the order of their lines. */
static const struct instruction *instruction_at(
		const struct dockerfile *file, struct source_range at)
{
	size_t low = 0, high = file->instruction_count;

	if (!text_equal(at.file, file->name))
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (file->instructions[middle].at.line > at.line)
			high = middle;
		else
			low = middle + 1;
	}
	return low ? &file->instructions[low - 1] : NULL;
}

/* A comment that is no good option says nothing to us: it may be meant for a reader. */
static bool is_skipped_here(const struct instruction *in, const struct lint_rule *rule)
{
	for (size_t i = 0; i < in->comment_count; i++) {
		AUTO(lint_config) struct lint_config config = { 0 };
		struct str options = { 0 };

		if (!lint_is_options(in->comments[i], &options))
			continue;
		struct error *error = lint_config_parse(options, &config);
		error_ignore(error, "only at the top of the file it would be an error");
		if (config.skip_all || list_has(&config.skip, rule->name))
			return true;
	}
	return false;
}

/* Of a stage that is built, or above the first. */
static bool is_built(const struct lint *lint, const struct instruction *in)
{
	size_t low = 0, high = lint->file->stage_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (lint->file->stages[middle].from > in)
			high = middle;
		else
			low = middle + 1;
	}
	return !low || lint->built[low - 1];
}

void lint_add(struct lint *lint, const struct lint_rule *rule, struct source_range at,
		const char *detail, const char *format, ...)
{
	va_list args;

	if (!is_on(lint, rule))
		return;
	const struct instruction *in = instruction_at(lint->file, at);
	if (in && (is_skipped_here(in, rule) ||
				  (rule->is_staged && lint->built && !is_built(lint, in))))
		return;
	va_start(args, format);
	AUTO_FREE char *message = xvasprintf(format, args);
	va_end(args);
	vec_push(&lint->warnings, ((struct lint_warning){ rule, arena_text(lint->arena, message),
						  at, arena_text(lint->arena, detail) }));
}

static int by_place(const void *a, const void *b)
{
	const struct lint_warning *first = a, *second = b;

	if (first->at.line != second->at.line)
		return first->at.line < second->at.line ? -1 : 1;
	if (first->at.column != second->at.column)
		return first->at.column < second->at.column ? -1 : 1;
	if (first->rule != second->rule)
		return first->rule < second->rule ? -1 : 1;
	return strcmp(first->message, second->message);
}

static void run_table(
		struct lint *lint, const struct lint_rule *rules, size_t count, bool early_only)
{
	for (size_t i = 0; i < count; i++)
		if (rules[i].check && is_on(lint, &rules[i]) && (rules[i].is_early || !early_only))
			rules[i].check(lint, &rules[i]);
}

static void sort_warnings(struct lint *lint)
{
	if (lint->warnings.n)
		qsort(lint->warnings.p, lint->warnings.n, sizeof(*lint->warnings.p), by_place);
}

void lint_run(struct lint *lint)
{
	size_t count = 0, own_count = 0;
	const struct lint_rule *rules = lint_rules(&count), *own = lint_own_rules(&own_count);

	run_table(lint, rules, count, false);
	run_table(lint, own, own_count, false);
	sort_warnings(lint);
}

void lint_run_early(struct lint *lint)
{
	size_t count = 0;
	const struct lint_rule *rules = lint_rules(&count);

	run_table(lint, rules, count, true);
	sort_warnings(lint);
}

static const struct lint_rule *find_in(
		const struct lint_rule *rules, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(rules[i].name, name))
			return &rules[i];
	return NULL;
}

const struct lint_rule *lint_rule_find(const char *name)
{
	size_t count = 0, own_count = 0;
	const struct lint_rule *rules = lint_rules(&count), *own = lint_own_rules(&own_count);
	const struct lint_rule *found = find_in(rules, count, name);

	return found ? found : find_in(own, own_count, name);
}

struct error *lint_violation(const struct lint *lint)
{
	AUTO(list) struct list names = { 0 };
	AUTO(strbuf) struct strbuf text = { 0 };

	if (!lint->config->is_error || !lint->warnings.n)
		return NULL;
	for (size_t i = 0; i < lint->warnings.n; i++)
		if (!list_has(&names, lint->warnings.p[i].rule->name))
			list_add(&names, lint->warnings.p[i].rule->name);
	for (size_t i = 0; i < names.n; i++)
		strbuf_addf(&text, "%s%s", i ? ", " : "", names.p[i]);
	return error_hint(error_at(error_new(ERR_INVALID, "lint violation found for rules: %s",
						   strbuf_text(&text)),
					  lint->warnings.p[0].at),
			"'# check=error=true' asks for this; 'kiln check' shows each");
}
