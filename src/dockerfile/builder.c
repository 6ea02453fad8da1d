/*
 * One table row per instruction: how its arguments split, which flags it knows, and the function
 * (fill.c) that makes its part of the union.
 */
#include "dockerfile/builder.h"

#include "base/nearest.h"
#include "base/xalloc.h"
#include "dockerfile/fill.h"
#include "dockerfile/flags.h"
#include "dockerfile/runes.h"

#include <strings.h>

enum args_form {
	ARGS_SPACE,         /* a b c */
	ARGS_WHOLE,         /* the rest of the line */
	ARGS_QUOTES,        /* a "b c" */
	ARGS_JSON_OR_SPACE, /* ["a", "b"] or a b */
	ARGS_JSON_OR_WHOLE, /* ["a", "b"] or the rest of the line */
	ARGS_PAIRS,         /* a=b c=d, or: a b c d */
	ARGS_TYPED,         /* HEALTHCHECK: a word, then as ARGS_JSON_OR_WHOLE */
	ARGS_INSTRUCTION,   /* ONBUILD */
};

struct type {
	const char *name;
	enum args_form form;
	const struct flag_type *flags;
	FALLIBLE (*fill)(const struct source *source, struct instruction *instruction);
};

/* Flags. */

static const struct flag_type no_flags[] = { { NULL } };
static const struct flag_type from_flags[] = { { "platform", FLAG_TEXT }, { "after", FLAG_TEXT },
	{ NULL } };
static const struct flag_type run_flags[] = { { "mount", FLAG_LIST }, { "network", FLAG_TEXT },
	{ "security", FLAG_TEXT }, { "device", FLAG_LIST }, { NULL } };
static const struct flag_type copy_flags[] = { { "from", FLAG_TEXT }, { "chown", FLAG_TEXT },
	{ "chmod", FLAG_TEXT }, { "link", FLAG_BOOL }, { "parents", FLAG_BOOL },
	{ "exclude", FLAG_LIST }, { NULL } };
static const struct flag_type add_flags[] = { { "keep-git-dir", FLAG_BOOL },
	{ "checksum", FLAG_TEXT }, { "chown", FLAG_TEXT }, { "chmod", FLAG_TEXT },
	{ "link", FLAG_BOOL }, { "unpack", FLAG_BOOL }, { "exclude", FLAG_LIST }, { NULL } };
static const struct flag_type healthcheck_flags[] = { { "interval", FLAG_TEXT },
	{ "timeout", FLAG_TEXT }, { "start-period", FLAG_TEXT }, { "start-interval", FLAG_TEXT },
	{ "retries", FLAG_TEXT }, { NULL } };

/* Arguments. */

/* ENV and LABEL: name and value in turn; is_legacy when the first word has no "=". */
static FALLIBLE split_pairs(
		const struct source *source, struct str text, struct instruction *instruction)
{
	struct words words = args_by_quotes(source, text);
	struct words *args = &instruction->args;

	if (!words.n)
		return NULL;
	bool is_legacy = !strchr(words.p[0].text, '=');
	struct word *parts =
			arena_array(source->arena, is_legacy ? 2 : words.n * 2, sizeof(*parts));
	*args = (struct words){ parts, is_legacy ? 2 : words.n * 2 };
	instruction->pairs.is_legacy = is_legacy;
	if (is_legacy) {
		struct str name = { 0 }, value = { 0 };

		if (!args_cut_space(text, &name, &value) || !value.n)
			return error_hint(fill_error(instruction, "must have two arguments"),
					"write %s %s=VALUE", instruction_name(instruction->kind),
					words.p[0].text);
		parts[0] = args_whole(source, name).p[0];
		parts[1] = args_whole(source, value).p[0];
		return NULL;
	}
	for (size_t i = 0; i < words.n; i++) {
		struct str name = { 0 }, value = { 0 };

		if (!str_cut(str_of(words.p[i].text), '=', &name, &value))
			return error_hint(
					error_at(error_new(ERR_INVALID,
								 "Syntax error - can't find = in "
								 "\"%s\". "
								 "Must be of the form: name=value",
								 words.p[i].text),
							words.p[i].at),
					"a value that has spaces stands in quotes");
		parts[2 * i] = (struct word){ arena_str(source->arena, name), words.p[i].at };
		parts[2 * i + 1] = (struct word){ arena_str(source->arena, value), words.p[i].at };
	}
	return NULL;
}

static FALLIBLE split_json(const struct source *source, struct str text, bool by_space,
		struct instruction *instruction)
{
	TRY(args_json(source, text, &instruction->args, &instruction->is_json));
	if (!instruction->is_json)
		instruction->args =
				by_space ? args_by_space(source, text) : args_whole(source, text);
	return NULL;
}

/* HEALTHCHECK: put the first word in front of what follows it. */
static FALLIBLE split_typed(
		const struct source *source, struct str text, struct instruction *instruction)
{
	struct str type = { 0 }, rest = { 0 };

	if (!text.n)
		return NULL;
	(void)args_cut_space(text, &type, &rest);
	TRY(split_json(source, rest, false, instruction));
	size_t n = instruction->args.n + 1;
	struct word *words = arena_array(source->arena, n, sizeof(*words));
	words[0] = args_whole(source, type).p[0];
	if (n > 1)
		memcpy(words + 1, instruction->args.p, (n - 1) * sizeof(*words));
	instruction->args = (struct words){ words, n };
	return NULL;
}

/* ONBUILD's trigger; only once deep, so that no input makes this recurse. */
static FALLIBLE split_trigger(
		const struct source *source, struct str text, struct instruction *instruction)
{
	struct str keyword = { 0 }, rest = { 0 };

	if (!text.n)
		return fill_error(instruction, "requires at least one argument");
	(void)args_cut_space(text, &keyword, &rest);
	if (str_is_nocase(keyword, "ONBUILD"))
		return error_at(error_new(ERR_INVALID, "Chaining ONBUILD via `ONBUILD ONBUILD` "
						       "isn't allowed"),
				instruction->at);
	struct instruction *trigger = arena_new_of(source->arena, struct instruction);
	TRY(builder_split(source, text, trigger));
	instruction->onbuild.trigger = trigger;
	return NULL;
}

static FALLIBLE split_args(const struct source *source, enum args_form form, struct str text,
		struct instruction *instruction)
{
	switch (form) {
	case ARGS_SPACE:
		instruction->args = args_by_space(source, text);
		return NULL;
	case ARGS_WHOLE:
		instruction->args = args_whole(source, text);
		return NULL;
	case ARGS_QUOTES:
		instruction->args = args_by_quotes(source, text);
		return NULL;
	case ARGS_JSON_OR_SPACE:
		return split_json(source, text, true, instruction);
	case ARGS_JSON_OR_WHOLE:
		return split_json(source, text, false, instruction);
	case ARGS_PAIRS:
		return split_pairs(source, text, instruction);
	case ARGS_TYPED:
		return split_typed(source, text, instruction);
	case ARGS_INSTRUCTION:
		return split_trigger(source, text, instruction);
	}
	return NULL;
}

/* In the order of enum instruction_kind. */
static const struct type types[] = {
	[INSTRUCTION_ADD] = { "ADD", ARGS_JSON_OR_SPACE, add_flags, fill_copy },
	[INSTRUCTION_ARG] = { "ARG", ARGS_QUOTES, no_flags, fill_arg },
	[INSTRUCTION_CMD] = { "CMD", ARGS_JSON_OR_WHOLE, no_flags, fill_command },
	[INSTRUCTION_COPY] = { "COPY", ARGS_JSON_OR_SPACE, copy_flags, fill_copy },
	[INSTRUCTION_ENTRYPOINT] = { "ENTRYPOINT", ARGS_JSON_OR_WHOLE, no_flags, fill_command },
	[INSTRUCTION_ENV] = { "ENV", ARGS_PAIRS, no_flags, fill_pairs },
	[INSTRUCTION_EXPOSE] = { "EXPOSE", ARGS_SPACE, no_flags, fill_words },
	[INSTRUCTION_FROM] = { "FROM", ARGS_SPACE, from_flags, fill_from },
	[INSTRUCTION_HEALTHCHECK] = { "HEALTHCHECK", ARGS_TYPED, healthcheck_flags,
			fill_healthcheck },
	[INSTRUCTION_LABEL] = { "LABEL", ARGS_PAIRS, no_flags, fill_pairs },
	[INSTRUCTION_MAINTAINER] = { "MAINTAINER", ARGS_WHOLE, no_flags, fill_word },
	[INSTRUCTION_ONBUILD] = { "ONBUILD", ARGS_INSTRUCTION, no_flags, fill_onbuild },
	[INSTRUCTION_RUN] = { "RUN", ARGS_JSON_OR_WHOLE, run_flags, fill_run },
	[INSTRUCTION_SHELL] = { "SHELL", ARGS_JSON_OR_WHOLE, no_flags, fill_shell },
	[INSTRUCTION_STOPSIGNAL] = { "STOPSIGNAL", ARGS_WHOLE, no_flags, fill_word },
	[INSTRUCTION_USER] = { "USER", ARGS_WHOLE, no_flags, fill_word },
	[INSTRUCTION_VOLUME] = { "VOLUME", ARGS_JSON_OR_SPACE, no_flags, fill_words },
	[INSTRUCTION_WORKDIR] = { "WORKDIR", ARGS_WHOLE, no_flags, fill_word },
};

const char *instruction_name(enum instruction_kind kind)
{
	return types[kind].name;
}

static FALLIBLE unknown_instruction(const struct source *source, struct str keyword)
{
	AUTO_FREE char *word = str_dup(str_slice(keyword, 0, 200));
	const char *names[COUNT(types)];

	for (size_t i = 0; i < COUNT(types); i++)
		names[i] = types[i].name;
	struct error *error = error_at(error_new(ERR_INVALID, "unknown instruction: %s", word),
			source_range_of(source, keyword));
	const char *nearest = text_nearest(word, names, COUNT(names));
	return nearest ? error_hint(error, "did you mean %s?", nearest) : error;
}

FALLIBLE builder_split(const struct source *source, struct str text, struct instruction *ret)
{
	struct command_text command = args_cut_command(source, text);
	size_t kind = 0;

	while (kind < COUNT(types) && !str_is_nocase(command.keyword, types[kind].name))
		kind++;
	if (kind == COUNT(types))
		return unknown_instruction(source, command.keyword);
	struct str line = rune_trim(text), rest = str_slice(line, command.keyword.n, line.n);
	*ret = (struct instruction){
		.kind = (enum instruction_kind)kind,
		.at = source_range_of(source, line),
		.keyword = arena_str(source->arena, command.keyword),
		.original = arena_printf(source->arena, "%s%.*s", types[kind].name, STR_ARG(rest)),
		.flags = command.flags,
		.flag_count = command.flag_count,
	};
	return split_args(source, types[kind].form, command.rest, ret);
}

bool builder_takes_heredocs(const struct instruction *instruction)
{
	if (instruction->kind == INSTRUCTION_ONBUILD)
		instruction = instruction->onbuild.trigger;
	return !instruction->is_json &&
	       (instruction->kind == INSTRUCTION_RUN || instruction->kind == INSTRUCTION_COPY ||
			       instruction->kind == INSTRUCTION_ADD);
}

FALLIBLE builder_finish(const struct source *source, struct instruction *instruction)
{
	const struct type *type = &types[instruction->kind];

	TRY(flags_check(type->flags, instruction));
	return type->fill(source, instruction);
}
