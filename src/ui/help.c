#include "ui/help.h"

#include "base/str.h"

#include "base/xalloc.h"
#include <string.h>

/* Where the explanation of an option begins; a longer option puts it on the next line. */
enum { HELP_INDENT = 30, COMMAND_GAP = 2 };

/* Append text wrapped at HELP_COLUMNS, all lines but the first indented by indent; at: column now.
 */
static void add_wrapped(struct str text, size_t at, size_t indent, struct strbuf *out)
{
	bool is_first = true;

	while (text.n > 0) {
		struct str word;

		str_cut(text, ' ', &word, &text);
		if (!is_first && at + 1 + word.n > HELP_COLUMNS) {
			strbuf_addf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!is_first) {
			strbuf_add_char(out, ' ');
			at++;
		}
		strbuf_add_str(out, word);
		at += word.n;
		is_first = false;
	}
	strbuf_add_char(out, '\n');
}

/* Paragraphs are lines; an empty line stays one. */
static void add_paragraphs(const char *text, struct strbuf *out)
{
	struct str rest = str_of(text), line;

	while (rest.n > 0) {
		str_cut(rest, '\n', &line, &rest);
		add_wrapped(line, 0, 0, out);
	}
}

static void add_option(const struct option *row, struct strbuf *out)
{
	AUTO(strbuf) struct strbuf left = { 0 };

	if (row->letter)
		strbuf_addf(&left, "  -%c, --%s", row->letter, row->name);
	else
		strbuf_addf(&left, "      --%s", row->name);
	if (row->value && row->implied)
		strbuf_addf(&left, "[=%s]", row->value);
	else if (row->value)
		strbuf_addf(&left, " %s", row->value);
	strbuf_add_str(out, strbuf_str(&left));

	size_t at = left.n;

	if (at + 2 > HELP_INDENT) {
		strbuf_add_char(out, '\n');
		at = 0;
	}
	strbuf_addf(out, "%*s", (int)(HELP_INDENT - at), "");
	add_wrapped(str_of(row->help), HELP_INDENT, HELP_INDENT, out);
}

static void add_options(const struct option *rows, const char *heading, struct strbuf *out)
{
	bool has_heading = false;

	for (; rows && rows->kind; rows++) {
		if (rows->kind == OPTION_LATER || rows->is_hidden)
			continue;
		if (rows->kind == OPTION_HEADING) {
			strbuf_addf(out, "\n%s:\n", rows->help);
			has_heading = true;
			continue;
		}
		if (!has_heading)
			strbuf_addf(out, "\n%s:\n", heading);
		has_heading = true;
		add_option(rows, out);
	}
}

static void add_help_row(struct strbuf *out)
{
	static const struct option row = {
		.kind = OPTION_FLAG, .letter = 'h', .name = "help", .help = "show this help"
	};

	add_option(&row, out);
}

/* "command\tcomment" lines: the comment stands behind, or above when there is no room. */
static void add_examples(const char *examples, struct strbuf *out)
{
	struct str rest = str_of(examples), line, command, comment;

	strbuf_add(out, "\nExamples:\n");
	while (rest.n > 0) {
		str_cut(rest, '\n', &line, &rest);
		str_cut(line, '\t', &command, &comment);
		if (comment.n) {
			strbuf_addf(out, "  # ");
			add_wrapped(comment, 4, 4, out);
		}
		strbuf_addf(out, "  %.*s\n", STR_ARG(command));
	}
}

void help_command(const struct program *program, const struct command *command, struct strbuf *out)
{
	strbuf_add(out, "Usage: ");
	command_usage(program, command, out);
	strbuf_addf(out, "\n\n");
	add_paragraphs(command->summary, out);
	if (command->description) {
		strbuf_add_char(out, '\n');
		add_paragraphs(command->description, out);
	}
	add_options(command->options, "Options", out);
	add_options(program->options, "Options of every command", out);
	add_help_row(out);
	if (command->examples)
		add_examples(command->examples, out);
}

/* Is it to be listed: of all, or of those whose name begins with that word? */
static bool is_listed(const struct command *command, const char *group)
{
	size_t n = command_group(command);

	return !command->is_hidden &&
	       (!group || (n == strlen(group) && strncmp(command->name, group, n) == 0));
}

static void add_commands(const struct program *program, const char *group, struct strbuf *out)
{
	size_t width = 0;

	for (const struct command *const *at = program->commands; *at; at++)
		if (is_listed(*at, group) && strlen((*at)->name) > width)
			width = strlen((*at)->name);
	width += COMMAND_GAP;
	strbuf_add(out, "\nCommands:\n");
	for (const struct command *const *at = program->commands; *at; at++) {
		if (!is_listed(*at, group))
			continue;
		strbuf_addf(out, "  %-*s", (int)width, (*at)->name);
		add_wrapped(str_of((*at)->summary), 2 + width, 2 + width, out);
	}
}

void help_group(const struct program *program, const char *group, struct strbuf *out)
{
	strbuf_addf(out, "Usage: %s %s COMMAND [...]\n", program->name, group);
	add_commands(program, group, out);
	strbuf_addf(out, "\n'%s %s COMMAND --help' tells more about a command.\n", program->name,
			group);
}

void help_program(const struct program *program, struct strbuf *out)
{
	strbuf_addf(out, "Usage: %s [OPTION...] COMMAND [...]\n\n", program->name);
	add_paragraphs(program->summary, out);
	add_commands(program, NULL, out);
	add_options(program->options, "Options", out);
	add_help_row(out);
	strbuf_addf(out, "\n'%s COMMAND --help' tells more about a command.\n", program->name);
}

FALLIBLE help_words(const struct program *program, const struct list *words, struct strbuf *out)
{
	const char *const *p = (const char *const *)words->p;
	size_t used = 0;

	if (!words->n) {
		help_program(program, out);
		return NULL;
	}
	const struct command *command = command_match(program, p, words->n, &used);

	if (command)
		help_command(program, command, out);
	else if (words->n == 1 && command_is_group(program, p[0]))
		help_group(program, p[0], out);
	else
		return command_unknown(program, p, words->n);
	return NULL;
}
