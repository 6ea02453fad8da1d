#include "dockerfile/parser.h"

#include "base/limits.h"
#include "base/vec.h"
#include "dockerfile/builder.h"
#include "dockerfile/stage.h"

#include <stdlib.h>

/* Read the bodies of the heredocs that a line opened. */
static FALLIBLE take_bodies(
		struct lines *lines, const struct source *source, struct instruction *instruction)
{
	struct heredoc *heredocs = NULL;

	TRY(heredocs_of_line(
			source->arena, source->line->text, &heredocs, &instruction->heredoc_count));
	instruction->heredocs = heredocs;
	for (size_t i = 0; i < instruction->heredoc_count; i++) {
		unsigned first = lines->line + 1;
		struct str body = { 0 };

		if (!lines_heredoc(lines, str_of(heredocs[i].name), heredocs[i].chomp, &body))
			return error_hint(error_new(ERR_INVALID, "unterminated heredoc '%s'",
							  heredocs[i].name),
					"its text ends with a line that holds %s and nothing else",
					heredocs[i].name);
		heredocs[i].content = arena_str(source->arena, body);
		heredocs[i].at = (struct source_range){ source->name, first, 1, lines->line, 0 };
		instruction->at.end_line = lines->line;
		instruction->at.end_column = 0;
	}
	return NULL;
}

/* Lines that hold nothing but a continuation, or a comment behind one, are part of it as well. */
static void whole_lines(const struct logical_line *line, struct source_range *at)
{
	if (at->line != line->first) {
		at->line = line->first;
		at->column = 1;
	}
	if (at->end_line != line->last) {
		at->end_line = line->last;
		at->end_column = 0;
	}
}

static FALLIBLE parse_line(
		struct lines *lines, const struct logical_line *line, struct instruction *ret)
{
	const struct source source = { lines->arena, lines->name, line,
		lines->directives.escape_char, lines->any_names };
	struct source_range at = line_range(line, lines->name, 0, line->text.n);
	struct error *error = NULL;

	if (!str_trim(line->text).n)
		return error_at(error_new(ERR_INVALID,
						"the line is continued, but nothing follows"),
				at);
	error = builder_split(&source, line->text, ret);
	if (error)
		return error_at(error, at);
	whole_lines(line, &ret->at);
	ret->comments = line->comments;
	ret->comment_count = line->comment_count;
	ret->empty_continuation = line->empty_continuation ? line->last : 0;
	if (builder_takes_heredocs(ret))
		error = take_bodies(lines, &source, ret);
	if (!error)
		error = builder_finish(&source, ret);
	return error_at(error, at);
}

static FALLIBLE parse_lines(struct dockerfile *file, struct lines *lines)
{
	VEC(struct instruction) instructions = { 0 };
	struct error *error = NULL;

	for (;;) {
		struct logical_line line = { 0 };
		bool more = false;

		error = lines_next(lines, &line, &more);
		if (error || !more)
			break;
		error = parse_line(lines, &line, vec_add(&instructions));
		if (error) {
			instructions.n--;
			break;
		}
	}
	file->instructions = instructions.p;
	file->instruction_count = instructions.n;
	file->directives = lines->directives;
	return error;
}

/* Bytes that no Dockerfile has. */
static FALLIBLE check_bytes(struct str text, const char *name)
{
	struct source_range at = { name, 1, 1, 1, 1 };

	if (text.n > LIMIT_DOCKERFILE_BYTES)
		return error_at(error_new(ERR_LIMIT,
						"Dockerfile exceeds maximum allowed size: %d bytes",
						LIMIT_DOCKERFILE_BYTES),
				at);
	if (str_starts(text, "\xFF\xFE") || str_starts(text, "\xFE\xFF"))
		return error_hint(error_at(error_new(ERR_INVALID, "the file is UTF-16"), at),
				"save it as UTF-8");
	const char *nul = text.n ? memchr(text.p, '\0', text.n) : NULL;
	if (!nul)
		return NULL;
	for (const char *p = text.p; p < nul; p++) {
		at.line += *p == '\n';
		at.column = *p == '\n' ? 1 : at.column + 1;
	}
	at.end_line = at.line;
	at.end_column = at.column + 1;
	return error_at(error_new(ERR_INVALID, "the file holds a NUL byte"), at);
}

FALLIBLE dockerfile_parse_before(
		struct str text, const char *name, bool any_names, struct dockerfile **ret)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;
	AUTO(lines) struct lines lines = { 0 };

	*ret = NULL;
	TRY(check_bytes(text, name));
	file = xcalloc(1, sizeof(*file));
	file->arena = arena_new();
	file->name = arena_text(file->arena, name);
	file->text = (struct str){ arena_str(file->arena, text), text.n };
	lines_init(&lines, file->arena, file->text, file->name);
	lines.any_names = any_names;
	struct error *error = parse_lines(file, &lines);
	struct error *no_stages = stages_init(file);
	if (!no_stages)
		*ret = TAKE(file);
	if (!error)
		return no_stages;
	error_free(no_stages);
	return error;
}

FALLIBLE dockerfile_parse(struct str text, const char *name, struct dockerfile **ret)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;

	TRY(dockerfile_parse_before(text, name, false, &file));
	*ret = TAKE(file);
	return NULL;
}

void dockerfile_free(struct dockerfile *file)
{
	if (!file)
		return;
	free((void *)(uintptr_t)file->instructions);
	free((void *)(uintptr_t)file->stages);
	map_free(file->stage_names);
	arena_free(file->arena);
	free(file);
}

struct str dockerfile_line(struct str text, unsigned number)
{
	struct str line = { 0 };

	for (unsigned i = 0; i < number; i++) {
		if (!text.n)
			return (struct str){ 0 };
		(void)str_cut(text, '\n', &line, &text);
	}
	if (number == 1 && str_starts(line, "\xEF\xBB\xBF"))
		line = str_slice(line, 3, line.n);
	if (str_ends(line, "\r"))
		line.n--;
	return line;
}

FALLIBLE instruction_parse_onbuild(struct arena *arena, struct str text, const char *source_name,
		const struct instruction **ret)
{
	struct instruction *instruction = arena_new_of(arena, struct instruction);
	AUTO(lines) struct lines lines = { 0 };
	struct logical_line line = { 0 };
	struct source_range at = { source_name, 1, 1, 1, 1 };
	bool more = false;

	TRY(check_bytes(text, source_name));
	lines_init(&lines, arena, (struct str){ arena_str(arena, text), text.n }, source_name);
	TRY(lines_next(&lines, &line, &more));
	if (!more)
		return error_at(error_new(ERR_INVALID, "the ONBUILD trigger is empty"), at);
	TRY(parse_line(&lines, &line, instruction));
	if (instruction->kind == INSTRUCTION_FROM || instruction->kind == INSTRUCTION_MAINTAINER ||
			instruction->kind == INSTRUCTION_ONBUILD)
		return error_at(error_new(ERR_INVALID, "%s must not be an ONBUILD trigger",
						instruction_name(instruction->kind)),
				at);
	TRY(lines_next(&lines, &line, &more));
	if (more)
		return error_at(error_new(ERR_INVALID, "the ONBUILD trigger holds more than one "
						       "instruction"),
				line_range(&line, source_name, 0, line.text.n));
	*ret = instruction;
	return NULL;
}
