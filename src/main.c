/*
 * main: picks the name it was called by, reads the command line, then the settings, then runs one
 * command. Nothing here knows what a command does.
 */
#include "kiln/commands.h"

#include "base/log.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "ui/config.h"
#include "ui/help.h"
#include "ui/options.h"
#include "ui/report.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names that are promised to other programs' command lines. */
static const struct {
	const char *name, *whose;
} reserved[] = {
	{ "buildah", "Buildah's" },
	{ "executor", "Kaniko's" },
	{ "kaniko", "Kaniko's" },
	{ "warmer", "Kaniko's" },
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static FALLIBLE check_reserved(const char *name)
{
	for (size_t i = 0; i < COUNT(reserved); i++)
		if (text_equal(reserved[i].name, name))
			return error_hint(error_usage("%s command line ('%s') is not there yet",
							  reserved[i].whose, name),
					"'kiln build' builds the same Dockerfile; see 'kiln build "
					"--help'");
	return NULL;
}

/* What stays the same between reading the words and running the command. */
struct line {
	const struct program *program;
	const struct command *command;
	struct parsed parsed;
	const char *const *words;
	size_t n;
};

static FALLIBLE read_line(struct line *line)
{
	size_t used = 0;

	TRY(options_parse_global(line->program, line->words, line->n, &line->parsed, &used));
	if (line->parsed.help)
		return NULL;
	if (used == line->n)
		return error_hint(error_usage("no command given"), "'%s help' lists the commands",
				line->program->name);
	TRY(check_reserved(line->words[used]));
	line->command = command_find(line->program, line->words[used]);
	if (!line->command)
		return command_unknown(line->program, line->words[used]);
	used++;
	return options_parse(line->program, line->command, line->words + used, line->n - used,
			&line->parsed);
}

static FALLIBLE show_help(const struct line *line)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	if (line->command)
		help_command(line->program, line->command, &out);
	else
		help_program(line->program, &out);
	(void)fputs(strbuf_text(&out), stdout);
	return NULL;
}

static void style_of(const struct config *config, struct report_style *style)
{
	const char *choice = config ? config->colour : "auto";
	const char *term = environ_get((const char *const *)environ, "TERM");

	if (text_equal(choice, "auto"))
		style->has_colour = isatty(STDERR_FILENO) && !text_equal(term, "dumb") &&
				    !environ_get((const char *const *)environ, "NO_COLOR");
	else
		style->has_colour = text_equal(choice, "always");
	style->has_frames = config && config->debug;
}

static void print_error(struct error *error, const struct report_style *style)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	report_error(error, style, &text);
	(void)fflush(stdout);
	(void)fputs(strbuf_text(&text), stderr);
	error_free(error);
}

/* A result that did not reach its reader is no success. */
static FALLIBLE flush_results(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return error_sys("write to standard output");
	return NULL;
}

static FALLIBLE run(
		const struct line *line, const struct config *config, struct report_source *source)
{
	if (line->parsed.help)
		return show_help(line);

	const struct invocation call = {
		.command = line->command,
		.config = config,
		.opts = line->parsed.opts,
		.args = &line->parsed.args,
		.program = line->program->name,
		.source = source,
	};

	return line->command->run(&call);
}

int main(int argc, char **argv)
{
	const char *name = base_name(argc > 0 ? argv[0] : "kiln");
	AUTO(report_source) struct report_source source = { 0 };
	struct report_style style = { .program = "kiln", .source = &source };
	AUTO(config) struct config *config = NULL;
	struct line line = {
		.program = &kiln_program,
		.words = (const char *const *)argv + 1,
		.n = argc > 0 ? (size_t)argc - 1 : 0,
	};
	int status = 0;

	/* Modes are given where files are made; what the caller's shell masks is not our files'
	 * mode. */
	(void)umask(0022);
	style_of(NULL, &style);

	struct error *error = check_reserved(name);

	if (!error)
		error = read_line(&line);
	if (!error) {
		error = config_load(&(struct config_origin){ CONFIG_SYSTEM_FILE,
						    (const char *const *)environ,
						    &line.parsed.settings },
				&config);
		status = error && error->code != EXIT_USAGE ? EXIT_KILN : 0;
	}
	if (!error) {
		style_of(config, &style);
		log_set_level(config->debug ? LOG_DEBUG : LOG_WARN);
		error = run(&line, config, &source);
	}
	if (!error) {
		error = flush_results();
		status = error ? EXIT_KILN : 0;
	}
	if (error) {
		status = status ? status : report_exit_status(error);
		print_error(error, &style);
	}
	parsed_done(&line.parsed);
	return status;
}
