/*
 * The Dockerfile parser with all that works on its result: places, stages, checks, the printed AST,
 * mounts, triggers. Beyond not crashing: a text that parses has sane places, and a trigger's text
 * parses again as the same instruction.
 */
#include "base/strbuf.h"
#include "dockerfile/ast.h"
#include "dockerfile/lint.h"
#include "dockerfile/run_mount.h"
#include "dockerfile/stage.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_place(const struct source_range *at)
{
	require(at->line >= 1 && at->column >= 1 && at->end_line >= at->line);
}

static const char *get(void *user, const char *name)
{
	(void)user;
	return name[0] == 'A' ? "value" : NULL;
}

static void read_mounts(struct arena *arena, const struct instruction *instruction)
{
	const struct words_env env = { .get = get };

	for (size_t i = 0; i < instruction->run.mount_count; i++) {
		struct run_mount mount = { 0 };

		error_free(run_mount_parse(arena, instruction->run.mounts[i], &env, &mount));
		(void)run_mount_from(arena, instruction->run.mounts[i]);
	}
}

static void check_trigger(struct arena *arena, const struct instruction *onbuild, char escape)
{
	const struct instruction *again = NULL;
	struct error *error = instruction_parse_onbuild(
			arena, str_of(onbuild->onbuild.text), "base", &again);

	/* The config does not say which escape character the text was written with. */
	if (!error && escape == '\\')
		require(again->kind == onbuild->onbuild.trigger->kind);
	error_free(error);
}

static void check_instruction(struct dockerfile *file, const struct instruction *instruction)
{
	check_place(&instruction->at);
	for (size_t i = 0; i < instruction->flag_count; i++)
		check_place(&instruction->flags[i].at);
	for (size_t i = 0; i < instruction->args.n; i++)
		check_place(&instruction->args.p[i].at);
	if (instruction->kind == INSTRUCTION_RUN)
		read_mounts(file->arena, instruction);
	if (instruction->kind == INSTRUCTION_ONBUILD)
		check_trigger(file->arena, instruction, file->directives.escape_char);
}

static void check_file(struct dockerfile *file)
{
	AUTO(lint_config) struct lint_config config = { 0 };
	AUTO(lint) struct lint lint = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };
	const struct stage *stage = NULL;

	for (size_t i = 0; i < file->instruction_count; i++)
		check_instruction(file, &file->instructions[i]);
	require(file->stage_count > 0);
	for (size_t i = 0; i < file->stage_count; i++)
		if (file->stages[i].from->from.name)
			error_free(stage_find(file, file->stages[i].from->from.name, &stage));
	error_free(lint_config_parse(str_of(file->directives.check.text), &config));
	lint_init(&lint, file, &config, file->arena);
	lint_run(&lint);
	for (size_t i = 0; i < lint.warnings.n; i++)
		check_place(&lint.warnings.p[i].at);
	ast_print(file, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;
	AUTO(arena) struct arena *arena = arena_new();
	struct str text = { (const char *)bytes, size };
	const char *reference = NULL;
	unsigned line = 0;

	syntax_detect(arena, text, &reference, &line);
	struct error *error = dockerfile_parse(text, "Dockerfile", &file);
	if (error) {
		require(error_find_at(error) != NULL);
		(void)dockerfile_line(text, error_find_at(error)->line);
	} else {
		check_file(file);
	}
	error_free(error);
	return 0;
}
