/*
 * One script for each shell, from the tables alone: completing a word starts no kiln. Every script
 * knows commands, long options of the command that was typed, the values of a choice, and files
 * where an option or argument is a path.
 */
#include "ui/help.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "ui/options.h"

#include <string.h>

static bool is_shown(const struct option *row)
{
	return row->kind != OPTION_HEADING && row->kind != OPTION_LATER && !row->is_hidden;
}

static bool is_choice(const struct option *row)
{
	return row->value && strchr(row->value, '|');
}

/* "a|b|c" with another separator. */
static void add_choices(const char *choices, char separator, struct strbuf *out)
{
	for (; *choices; choices++)
		strbuf_add_char(out, (char)(*choices == '|' ? separator : *choices));
}

/* Text inside single quotes of a shell. */
static void add_quoted(const char *text, struct strbuf *out)
{
	for (; *text; text++) {
		if (*text == '\'')
			strbuf_add(out, "'\\''");
		else
			strbuf_add_char(out, *text);
	}
}

/* True for the first command of each group in the table. */
static bool begins_group(const struct program *program, const struct command *const *at)
{
	size_t n = command_group(*at);

	for (const struct command *const *before = program->commands; n && before != at; before++)
		if (command_group(*before) == n && strncmp((*before)->name, (*at)->name, n) == 0)
			return false;
	return n != 0;
}

/* The second words of the group that a command is in. */
static void add_group(const struct program *program, const struct command *of, struct strbuf *out)
{
	size_t n = command_group(of);

	for (const struct command *const *at = program->commands; *at; at++)
		if (command_group(*at) == n && strncmp((*at)->name, of->name, n) == 0)
			strbuf_addf(out, " %s", (*at)->name + n + 1);
}

/* The first words of all groups. */
static void add_groups(const struct program *program, char separator, struct strbuf *out)
{
	size_t count = 0;

	for (const struct command *const *at = program->commands; *at; at++) {
		if (!begins_group(program, at))
			continue;
		if (count++)
			strbuf_add_char(out, separator);
		strbuf_add_bytes(out, (*at)->name, command_group(*at));
	}
	if (!count)
		strbuf_add(out, "/"); /* what no command is called */
}

/* --- bash --- */

static void bash_words(const struct option *rows, struct strbuf *out)
{
	for (; rows && rows->kind; rows++)
		if (is_shown(rows))
			strbuf_addf(out, " --%s", rows->name);
}

/* case "$command $prev": values of an option with a choice. */
static void bash_values(const char *command, const struct option *rows, struct strbuf *out)
{
	const char *space = strchr(command, ' ');
	int first = space ? (int)(space - command) : (int)strlen(command);

	for (; rows && rows->kind; rows++) {
		if (!is_shown(rows) || !is_choice(rows))
			continue;
		strbuf_addf(out, "\t%.*s%s%s\\ --%s) words='", first, command, space ? "\\ " : "",
				space ? space + 1 : "", rows->name);
		add_choices(rows->value, ' ', out);
		strbuf_add(out, "' ;;\n");
	}
}

/* A command, or the first word of its group once. */
static void bash_name(
		const struct program *program, const struct command *const *at, struct strbuf *out)
{
	size_t n = command_group(*at);

	if ((*at)->is_hidden || (n && !begins_group(program, at)))
		return;
	strbuf_addf(out, "%.*s ", n ? (int)n : (int)strlen((*at)->name), (*at)->name);
}

static void bash(const struct program *program, struct strbuf *out)
{
	const char *name = program->name;
	AUTO(strbuf) struct strbuf groups = { 0 };

	add_groups(program, '|', &groups);
	strbuf_addf(out, "# bash completion of %s; made by '%s completion bash'\n", name, name);
	strbuf_addf(out,
			"_%s()\n{\n"
			"\tlocal word=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
			"\tlocal command= words= i\n"
			"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
			"\t\tcase ${COMP_WORDS[i]} in\n"
			"\t\t-*) ;;\n"
			"\t\t*)\n"
			"\t\t\tcommand=\"${command:+$command }${COMP_WORDS[i]}\"\n"
			"\t\t\t[[ $command =~ ^(%s)$ ]] || break ;;\n"
			"\t\tesac\n"
			"\tdone\n"
			"\tif [[ $word == = ]]; then\n"
			"\t\tword=\n"
			"\telif [[ $prev == = ]]; then\n"
			"\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
			"\tfi\n",
			name, strbuf_text(&groups));
	strbuf_add(out, "\tcase \"$command $prev\" in\n");
	bash_values("*", program->options, out);
	for (const struct command *const *at = program->commands; *at; at++)
		bash_values((*at)->name, (*at)->options, out);
	strbuf_add(out, "\tesac\n"
			"\tif [[ -z $words ]]; then\n"
			"\t\tcase $command in\n"
			"\t\t'') words='");
	for (const struct command *const *at = program->commands; *at; at++)
		bash_name(program, at, out);
	strbuf_add(out, "--help");
	bash_words(program->options, out);
	strbuf_add(out, "' ;;\n");
	for (const struct command *const *at = program->commands; *at; at++) {
		if ((*at)->is_hidden)
			continue;
		if (begins_group(program, at)) {
			strbuf_addf(out, "\t\t'%.*s') words='", (int)command_group(*at),
					(*at)->name);
			add_group(program, *at, out);
			strbuf_add(out, "' ;;\n");
		}
		strbuf_addf(out, "\t\t'%s') words='--help", (*at)->name);
		bash_words((*at)->options, out);
		bash_words(program->options, out);
		if ((*at)->args && strchr((*at)->args, '|')) {
			strbuf_add_char(out, ' ');
			add_choices((*at)->args, ' ', out);
		}
		strbuf_add(out, "' ;;\n");
	}
	strbuf_addf(out,
			"\t\tesac\n"
			"\t\t[[ -z $command || $word == -* ]] || words=${words//--+([^ ])/}\n"
			"\tfi\n"
			"\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
			"}\n"
			"shopt -s extglob\n"
			"complete -o default -F _%s %s\n",
			name, name);
}

/* --- zsh --- */

static void zsh_options(const struct option *rows, struct strbuf *out)
{
	for (; rows && rows->kind; rows++) {
		if (!is_shown(rows))
			continue;
		strbuf_addf(out, "\t\t\t'%s--%s%s[", rows->kind == OPTION_LIST ? "*" : "",
				rows->name,
				!rows->value    ? ""
				: rows->implied ? "=-"
						: "=");
		for (const char *p = rows->help; *p; p++) {
			if (*p == '[' || *p == ']' || *p == '\\' || *p == ':')
				strbuf_add_char(out, '\\');
			strbuf_addf(out, *p == '\'' ? "'\\''" : "%c", *p);
		}
		strbuf_add(out, "]");
		if (rows->value) {
			strbuf_add(out, rows->implied ? "::value:" : ":value:");
			if (is_choice(rows)) {
				strbuf_add_char(out, '(');
				add_choices(rows->value, ' ', out);
				strbuf_add_char(out, ')');
			} else if (rows->is_path) {
				strbuf_add(out, "_files");
			}
		}
		strbuf_add(out, "' \\\n");
	}
}

static void zsh(const struct program *program, struct strbuf *out)
{
	const char *name = program->name;

	strbuf_addf(out,
			"#compdef %s\n# zsh completion of %s; made by '%s completion zsh'\n"
			"_%s()\n{\n\tlocal -a commands\n\tcommands=(\n",
			name, name, name, name);
	for (const struct command *const *at = program->commands; *at; at++) {
		if ((*at)->is_hidden)
			continue;
		size_t n = command_group(*at);

		if (n && !begins_group(program, at))
			continue;
		strbuf_addf(out, "\t\t'%.*s:", n ? (int)n : (int)strlen((*at)->name), (*at)->name);
		if (n) {
			strbuf_add(out, "one of");
			add_group(program, *at, out);
		} else {
			add_quoted((*at)->summary, out);
		}
		strbuf_add(out, "'\n");
	}
	AUTO(strbuf) struct strbuf groups = { 0 };

	add_groups(program, '|', &groups);
	strbuf_addf(out,
			"\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command commands\n"
			"\t\treturn\n\tfi\n"
			"\tlocal command=$words[2]\n\tshift words\n\t(( CURRENT-- ))\n"
			"\tif [[ $command == (%s) ]] && (( CURRENT > 2 )); then\n"
			"\t\tcommand=\"$command $words[2]\"\n\t\tshift words\n\t\t(( CURRENT-- ))\n"
			"\tfi\n"
			"\tcase $command in\n",
			strbuf_text(&groups));
	for (const struct command *const *at = program->commands; *at; at++) {
		if ((*at)->is_hidden)
			continue;
		if (begins_group(program, at)) {
			strbuf_addf(out, "\t%.*s)\n\t\tcompadd --", (int)command_group(*at),
					(*at)->name);
			add_group(program, *at, out);
			strbuf_add(out, "\n\t\t;;\n");
		}
		strbuf_addf(out, "\t'%s')\n\t\t_arguments \\\n", (*at)->name);
		zsh_options((*at)->options, out);
		zsh_options(program->options, out);
		if ((*at)->args && strchr((*at)->args, '|')) {
			strbuf_add(out, "\t\t\t'--help[show help]' '*:argument:(");
			add_choices((*at)->args, ' ', out);
			strbuf_add(out, ")'\n\t\t;;\n");
		} else {
			strbuf_add(out, "\t\t\t'--help[show help]' '*:argument:_files'\n\t\t;;\n");
		}
	}
	strbuf_addf(out, "\tesac\n}\n_%s \"$@\"\n", name);
}

/* --- fish --- */

static void fish_options(const char *name, const char *condition, const struct option *rows,
		struct strbuf *out)
{
	for (; rows && rows->kind; rows++) {
		if (!is_shown(rows))
			continue;
		strbuf_addf(out, "complete -c %s%s -l %s", name, condition, rows->name);
		if (rows->letter)
			strbuf_addf(out, " -s %c", rows->letter);
		if (rows->value && !rows->implied)
			strbuf_add(out, rows->is_path ? " -rF" : " -x");
		if (is_choice(rows)) {
			strbuf_add(out, " -a '");
			add_choices(rows->value, ' ', out);
			strbuf_add_char(out, '\'');
		}
		strbuf_add(out, " -d '");
		for (const char *p = rows->help; *p; p++)
			strbuf_addf(out, *p == '\'' || *p == '\\' ? "\\%c" : "%c", *p);
		strbuf_add(out, "'\n");
	}
}

static void fish(const struct program *program, struct strbuf *out)
{
	const char *name = program->name;

	strbuf_addf(out, "# fish completion of %s; made by '%s completion fish'\n", name, name);
	fish_options(name, "", program->options, out);
	for (const struct command *const *at = program->commands; *at; at++) {
		if ((*at)->is_hidden)
			continue;
		int n = (int)command_group(*at);
		AUTO_FREE char *condition =
				n ? xasprintf(" -n '__fish_seen_subcommand_from %.*s; and "
					      "__fish_seen_subcommand_from %s'",
						    n, (*at)->name, (*at)->name + n + 1)
				  : xasprintf(" -n '__fish_seen_subcommand_from %s'", (*at)->name);

		if (begins_group(program, at))
			strbuf_addf(out, "complete -c %s -f -n __fish_use_subcommand -a %.*s\n",
					name, n, (*at)->name);
		if (n)
			strbuf_addf(out,
					"complete -c %s -f -n '__fish_seen_subcommand_from %.*s' "
					"-a %s "
					"-d '",
					name, n, (*at)->name, (*at)->name + n + 1);
		else
			strbuf_addf(out, "complete -c %s -f -n __fish_use_subcommand -a %s -d '",
					name, (*at)->name);
		for (const char *p = (*at)->summary; *p; p++)
			strbuf_addf(out, *p == '\'' ? "\\%c" : "%c", *p);
		strbuf_add(out, "'\n");
		fish_options(name, condition, (*at)->options, out);
		if ((*at)->args && strchr((*at)->args, '|')) {
			strbuf_addf(out, "complete -c %s%s -f -a '", name, condition);
			add_choices((*at)->args, ' ', out);
			strbuf_add(out, "'\n");
		}
	}
}

FALLIBLE help_completion(const struct program *program, const char *shell, struct strbuf *out)
{
	if (text_equal(shell, "bash"))
		bash(program, out);
	else if (text_equal(shell, "zsh"))
		zsh(program, out);
	else if (text_equal(shell, "fish"))
		fish(program, out);
	else
		return error_usage("no completion for '%s'; there is one for each of %s", shell,
				HELP_SHELLS);
	return NULL;
}
