/*
 * The rules, one function each, and the table that names them at the end. Texts are BuildKit's, so
 * that what people search for is found.
 */
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "dockerfile/lint.h"
#include "dockerfile/lint_from.h"
#include "dockerfile/stage.h"

#include <ctype.h>

static bool is_lower(const char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			return false;
	return true;
}

static bool is_upper(const char *text)
{
	for (; *text; text++)
		if (*text >= 'a' && *text <= 'z')
			return false;
	return true;
}

/* Stages. */

static void stage_name_casing(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->stage_count; i++) {
		const struct from *from = &lint->file->stages[i].from->from;

		if (from->name && !is_lower(from->name_text))
			lint_add(lint, rule, from->name_at, from->name,
					"Stage name '%s' should be lowercase", from->name_text);
	}
}

static void from_as_casing(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->stage_count; i++) {
		const struct instruction *instruction = lint->file->stages[i].from;
		const char *from = instruction->keyword, *as = instruction->from.as_text;

		if (as && ((is_lower(from) && !is_lower(as)) || (is_upper(from) && !is_upper(as))))
			lint_add(lint, rule, instruction->args.p[1].at,
					is_lower(from) ? "as" : "AS",
					"'%s' and '%s' keywords' casing do not match", as, from);
	}
}

static void duplicate_stage_name(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->stage_count; i++) {
		const struct stage *stage = &lint->file->stages[i];

		if (stage->hides)
			lint_add(lint, rule, stage->from->from.name_at, NULL,
					"Duplicate stage name \"%s\", stage names should be unique",
					stage->from->from.name);
	}
}

static void reserved_stage_name(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->stage_count; i++) {
		const struct from *from = &lint->file->stages[i].from->from;

		if (from->name && stage_name_is_reserved(from->name))
			lint_add(lint, rule, from->name_at, NULL,
					"Stage name should not use the same name as reserved stage "
					"\"%s\"",
					from->name);
	}
}

/* The one that should describe, or NULL: "# check=..." is none. */
static const char *last_comment(const struct instruction *instruction)
{
	struct str options;

	for (size_t i = instruction->comment_count; i > 0; i--)
		if (!lint_is_options(instruction->comments[i - 1], &options))
			return instruction->comments[i - 1];
	return NULL;
}

static void invalid_definition_description(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->instruction_count; i++) {
		const struct instruction *instruction = &lint->file->instructions[i];
		bool is_arg = instruction->kind == INSTRUCTION_ARG;
		const char *name = is_arg ? instruction->pairs.p[0].name : NULL;
		bool is_good = false;

		if (instruction->kind == INSTRUCTION_FROM)
			name = instruction->from.name;
		if (!name || !last_comment(instruction))
			continue;
		struct str comment = str_of(last_comment(instruction));
		struct str first = str_slice(comment, 0, str_find(comment, ' '));
		for (size_t j = 0; is_arg && j < instruction->pairs.n; j++)
			is_good |= str_is(first, instruction->pairs.p[j].name);
		if (is_good || str_is(first, name))
			continue;
		lint_add(lint, rule, instruction->at, NULL,
				"Comment for %s should follow the format: `# %s <description>`",
				instruction_name(instruction->kind),
				is_arg && instruction->pairs.n > 1 ? "<arg_key>" : name);
	}
}

/* Every instruction by itself. */

static void no_empty_continuation(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->instruction_count; i++) {
		const struct instruction *instruction = &lint->file->instructions[i];
		unsigned line = instruction->empty_continuation;

		if (line)
			lint_add(lint, rule,
					(struct source_range){
							instruction->at.file, line, 1, line, 1 },
					"remove the empty line, or put # on it",
					"Empty continuation line");
	}
}

static void consistent_casing(struct lint *lint, const struct lint_rule *rule)
{
	size_t lower = 0, upper = 0;

	for (size_t i = lint->file->global_count; i < lint->file->instruction_count; i++) {
		const char *keyword = lint->file->instructions[i].keyword;

		lower += is_lower(keyword);
		upper += !is_lower(keyword) && is_upper(keyword);
	}
	bool wants_lower = lower > upper;
	for (size_t i = lint->file->global_count; i < lint->file->instruction_count; i++) {
		const struct instruction *instruction = &lint->file->instructions[i];

		if (wants_lower ? is_lower(instruction->keyword) : is_upper(instruction->keyword))
			continue;
		lint_add(lint, rule, instruction->at, NULL,
				"Command '%s' should match the case of the command majority (%s)",
				instruction->keyword, wants_lower ? "lowercase" : "uppercase");
	}
}

static void maintainer_deprecated(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->instruction_count; i++)
		if (lint->file->instructions[i].kind == INSTRUCTION_MAINTAINER)
			lint_add(lint, rule, lint->file->instructions[i].at,
					"LABEL org.opencontainers.image.authors=\"...\"",
					"Maintainer instruction is deprecated in favor of using "
					"label");
}

static void legacy_key_value(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->instruction_count; i++) {
		const struct instruction *instruction = &lint->file->instructions[i];
		const char *keyword = instruction->keyword;

		if ((instruction->kind == INSTRUCTION_ENV ||
				    instruction->kind == INSTRUCTION_LABEL) &&
				instruction->pairs.is_legacy)
			lint_add(lint, rule, instruction->at, NULL,
					"\"%s key=value\" should be used instead of legacy \"%s "
					"key value\" format",
					keyword, keyword);
	}
}

/* Is one of the "_"-separated words of key in the list? */
static bool has_word(const char *key, const char *const *words, size_t count)
{
	struct str rest = str_of(key), word = { 0 };

	for (bool more = true; more;) {
		more = str_cut(rest, '_', &word, &rest);
		for (size_t i = 0; i < count; i++)
			if (str_is_nocase(word, words[i]))
				return true;
	}
	return false;
}

static void secrets_in_arg_or_env(struct lint *lint, const struct lint_rule *rule)
{
	static const char *const secret[] = { "apikey", "auth", "credential", "credentials", "key",
		"password", "pword", "passwd", "secret", "token" };
	static const char *const harmless[] = { "public", "file", "version" };

	for (size_t i = lint->file->global_count; i < lint->file->instruction_count; i++) {
		const struct instruction *instruction = &lint->file->instructions[i];

		if (instruction->kind != INSTRUCTION_ARG && instruction->kind != INSTRUCTION_ENV)
			continue;
		for (size_t j = 0; j < instruction->pairs.n; j++) {
			const struct pair *pair = &instruction->pairs.p[j];

			if (has_word(pair->name, secret, COUNT(secret)) &&
					!has_word(pair->name, harmless, COUNT(harmless)))
				lint_add(lint, rule, pair->at, "use RUN --mount=type=secret",
						"Do not use ARG or ENV instructions for sensitive "
						"data (%s \"%s\")",
						instruction_name(instruction->kind), pair->name);
		}
	}
}

static void expose_proto_casing(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->instruction_count; i++) {
		const struct instruction *instruction = &lint->file->instructions[i];

		for (size_t j = 0;
				instruction->kind == INSTRUCTION_EXPOSE && j < instruction->words.n;
				j++) {
			const struct word *port = &instruction->words.p[j];
			const char *proto = strchr(port->text, '/');

			if (proto && !strchr(port->text, '$') && !is_lower(proto))
				lint_add(lint, rule, port->at, NULL,
						"Defined protocol '%s' in EXPOSE instruction "
						"should be lowercase",
						port->text);
		}
	}
}

static void expose_invalid_format(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->instruction_count; i++) {
		const struct instruction *instruction = &lint->file->instructions[i];

		for (size_t j = 0;
				instruction->kind == INSTRUCTION_EXPOSE && j < instruction->words.n;
				j++) {
			const struct word *port = &instruction->words.p[j];

			if (strchr(port->text, ':') && !strchr(port->text, '$'))
				lint_add(lint, rule, port->at, NULL,
						"EXPOSE instruction should not define an IP "
						"address or host-port mapping, found '%s'",
						port->text);
		}
	}
}

/* What an instruction means depends on those above it in the stage, and in the stage it is from. */

static void json_args_recommended(struct lint *lint, const struct lint_rule *rule)
{
	AUTO_FREE bool *has_shell = xcalloc(lint->file->stage_count, sizeof(*has_shell));

	for (size_t i = 0; i < lint->file->stage_count; i++) {
		const struct stage *stage = &lint->file->stages[i];

		has_shell[i] = stage->base && has_shell[stage->base->index];
		for (size_t j = 0; j < stage->instruction_count; j++) {
			const struct instruction *instruction = &stage->instructions[j];
			bool is_command = instruction->kind == INSTRUCTION_CMD ||
					  instruction->kind == INSTRUCTION_ENTRYPOINT;

			has_shell[i] |= instruction->kind == INSTRUCTION_SHELL;
			if (is_command && instruction->command.is_shell && !has_shell[i])
				lint_add(lint, rule, instruction->at, NULL,
						"JSON arguments recommended for %s to prevent "
						"unintended behavior related to OS signals",
						instruction->keyword);
		}
	}
}

static bool is_absolute(const char *path)
{
	/* What starts with a variable is unknown; "C:" is what Windows calls absolute. */
	return strchr("/$\"'", path[0]) || (isalpha((unsigned char)path[0]) && path[1] == ':');
}

static void workdir_relative_path(struct lint *lint, const struct lint_rule *rule)
{
	AUTO_FREE bool *is_set = xcalloc(lint->file->stage_count, sizeof(*is_set));

	for (size_t i = 0; i < lint->file->stage_count; i++) {
		const struct stage *stage = &lint->file->stages[i];

		is_set[i] = stage->base && is_set[stage->base->index];
		for (size_t j = 0; j < stage->instruction_count; j++) {
			const struct instruction *instruction = &stage->instructions[j];

			if (instruction->kind != INSTRUCTION_WORKDIR)
				continue;
			if (!is_set[i] && !is_absolute(instruction->word.text))
				lint_add(lint, rule, instruction->word.at, NULL,
						"Relative workdir \"%s\" can have unexpected "
						"results if the base image changes",
						instruction->word.text);
			is_set[i] |= is_absolute(instruction->word.text);
		}
	}
}

static void multiple_instructions(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->stage_count; i++) {
		const struct stage *stage = &lint->file->stages[i];
		const struct instruction *last[3] = { NULL };

		for (size_t j = 0; j < stage->instruction_count; j++) {
			const struct instruction *instruction = &stage->instructions[j];
			bool is_one = instruction->kind == INSTRUCTION_CMD ||
				      instruction->kind == INSTRUCTION_ENTRYPOINT ||
				      instruction->kind == INSTRUCTION_HEALTHCHECK;
			size_t slot = instruction->kind == INSTRUCTION_CMD          ? 0
				      : instruction->kind == INSTRUCTION_ENTRYPOINT ? 1
										    : 2;

			if (!is_one)
				continue;
			if (last[slot])
				lint_add(lint, rule, last[slot]->at, NULL,
						"Multiple %s instructions should not be used in "
						"the same stage because only the last one will be "
						"used",
						instruction->keyword);
			last[slot] = instruction;
		}
	}
}

#define RULE_URL(name) "https://docs.docker.com/go/dockerfile/rule/" name "/"

static const struct lint_rule table[] = {
	{ "StageNameCasing", "Stage names should be lowercase", RULE_URL("stage-name-casing"),
			stage_name_casing, .is_early = true },
	{ "FromAsCasing", "The 'as' keyword should match the case of the 'from' keyword",
			RULE_URL("from-as-casing"), from_as_casing, .is_early = true },
	{ "NoEmptyContinuation", "Empty continuation lines will become errors in a future release",
			RULE_URL("no-empty-continuation"), no_empty_continuation,
			.is_early = true },
	{ "ConsistentInstructionCasing",
			"All commands within the Dockerfile should use the same casing (either "
			"upper or lower)",
			RULE_URL("consistent-instruction-casing"), consistent_casing },
	{ "DuplicateStageName", "Stage names should be unique", RULE_URL("duplicate-stage-name"),
			duplicate_stage_name },
	{ "ReservedStageName", "Reserved words should not be used as stage names",
			RULE_URL("reserved-stage-name"), reserved_stage_name },
	{ "JSONArgsRecommended",
			"JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended "
			"behavior related to OS signals",
			RULE_URL("json-args-recommended"), json_args_recommended,
			.is_staged = true },
	{ "MaintainerDeprecated",
			"The MAINTAINER instruction is deprecated, use a label instead to define "
			"an image author",
			RULE_URL("maintainer-deprecated"), maintainer_deprecated,
			.is_early = true },
	{ "UndefinedArgInFrom", "FROM command must use declared ARGs",
			RULE_URL("undefined-arg-in-from"), lint_undefined_arg_in_from },
	{ "WorkdirRelativePath",
			"Relative workdir without an absolute workdir declared within the build "
			"can have unexpected results if the base image changes",
			RULE_URL("workdir-relative-path"), workdir_relative_path,
			.is_staged = true },
	{ "UndefinedVar", "Variables should be defined before their use", RULE_URL("undefined-var"),
			NULL },
	{ "MultipleInstructionsDisallowed",
			"Multiple instructions of the same type should not be used in the same "
			"stage",
			RULE_URL("multiple-instructions-disallowed"), multiple_instructions,
			.is_staged = true },
	{ "LegacyKeyValueFormat",
			"Legacy key/value format with whitespace separator should not be used",
			RULE_URL("legacy-key-value-format"), legacy_key_value, .is_staged = true },
	{ "InvalidBaseImagePlatform", "Base image platform does not match expected target platform",
			RULE_URL("invalid-base-image-platform"), NULL },
	{ "RedundantTargetPlatform",
			"Setting platform to predefined $TARGETPLATFORM in FROM is redundant as "
			"this is the default behavior",
			RULE_URL("redundant-target-platform"), lint_redundant_target_platform },
	{ "SecretsUsedInArgOrEnv", "Sensitive data should not be used in the ARG or ENV commands",
			RULE_URL("secrets-used-in-arg-or-env"), secrets_in_arg_or_env,
			.is_staged = true },
	{ "InvalidDefaultArgInFrom",
			"Default value for global ARG results in an empty or invalid base image "
			"name",
			RULE_URL("invalid-default-arg-in-from"), lint_invalid_default_arg_in_from },
	{ "FromPlatformFlagConstDisallowed", "FROM --platform flag should not use a constant value",
			RULE_URL("from-platform-flag-const-disallowed"), lint_from_platform_const },
	{ "CopyIgnoredFile", "Attempting to Copy file that is excluded by .dockerignore",
			RULE_URL("copy-ignored-file"), NULL },
	{ "InvalidDefinitionDescription",
			"Comment for build stage or argument should follow the format: `# "
			"<arg/stage name> <description>`. If this is not intended to be a "
			"description comment, add an empty line or comment between the instruction "
			"and the comment.",
			RULE_URL("invalid-definition-description"), invalid_definition_description,
			.is_experimental = true, .is_early = true },
	{ "ExposeProtoCasing", "Protocol in EXPOSE instruction should be lowercase",
			RULE_URL("expose-proto-casing"), expose_proto_casing, .is_staged = true },
	{ "ExposeInvalidFormat",
			"IP address and host-port mapping should not be used in EXPOSE "
			"instruction. This will become an error in a future release",
			RULE_URL("expose-invalid-format"), expose_invalid_format,
			.is_staged = true },
};

const struct lint_rule *lint_rules(size_t *ret_count)
{
	*ret_count = COUNT(table);
	return table;
}
