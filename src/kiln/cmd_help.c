#include "kiln/commands.h"

#include "ui/help.h"

#include <stdio.h>

static struct error *run_help(const struct invocation *call)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	TRY(help_words(&kiln_program, call->args, &out));
	(void)fputs(strbuf_text(&out), stdout);
	return NULL;
}

const struct command cmd_help = {
	.name = "help",
	.args = "[COMMAND]",
	.summary = "Explain kiln or one of its commands",
	.max_args = 2,
	.run = run_help,
};

static struct error *run_completion(const struct invocation *call)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	TRY(help_completion(&kiln_program, call->args->p[0], &out));
	(void)fputs(strbuf_text(&out), stdout);
	return NULL;
}

const struct command cmd_completion = {
	.name = "completion",
	.args = HELP_SHELLS,
	.summary = "Print a completion script for a shell",
	.description = "Load it once (bash: source <(kiln completion bash)) or save it where the "
		       "shell looks for completions; 'make install' does that.",
	.min_args = 1,
	.max_args = 1,
	.run = run_completion,
};

static struct error *run_man(const struct invocation *call)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	help_manual(&kiln_program, KILN_VERSION, &out);
	(void)fputs(strbuf_text(&out), stdout);
	return NULL;
}

const struct command cmd_man = {
	.name = "man",
	.summary = "Print the manual page kiln(1) as roff",
	.is_hidden = true,
	.run = run_man,
};
