/*
 * main: picks the name it was called by, reads the command line, then the settings, then runs one
 * command. Nothing here knows what a command does.
 */
#include "buildah/buildah.h"
#include "kaniko/kaniko.h"
#include "kiln/commands.h"

#include "base/log.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "ui/config.h"
#include "ui/help.h"
#include "ui/home.h"
#include "ui/options.h"
#include "ui/report.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The names, as the executable may be called and as 'kiln NAME'. */
static const struct {
	const char *name;
	const struct program *program;
} names[] = {
	{ "kiln", &kiln_program },
	{ "buildah", &buildah_program },
	{ "executor", &executor_program },
	{ "kaniko", &executor_program },
	{ "warmer", &warmer_program },
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* otherwise for a name that is none of ours. */
static const struct program *find_program(const char *name, const struct program *otherwise)
{
	for (size_t i = 0; i < COUNT(names); i++)
		if (text_equal(names[i].name, name))
			return names[i].program;
	return otherwise;
}

/* What stays the same between reading the words and running the command. */
struct line {
	const struct program *program;
	const struct command *command;
	const char *group; /* whose help is wanted; or NULL */
	struct parsed parsed;
	const char *const *words;
	size_t n;
	const char **moved;           /* words in another order; or NULL */
	struct report_source *source; /* for a command that reads standard input */
};

/* "kiln buildah …" is "buildah …". */
static void choose_program(struct line *line)
{
	if (line->n == 0 || line->program != &kiln_program)
		return;
	const struct program *program = find_program(line->words[0], line->program);

	if (program != line->program) {
		line->program = program;
		line->words++;
		line->n--;
	}
}

/* The first word is a command's name, or else the one command's first option or argument. */
static FALLIBLE read_fallback(struct line *line)
{
	const struct program *program = line->program;
	size_t used = 0;

	line->command = command_match(program, line->words, line->n, &used);
	if (!line->command)
		line->command = program->fallback;
	return options_parse(
			program, line->command, line->words + used, line->n - used, &line->parsed);
}

/* What Buildah's users may write before the name of the command that it belongs to. */
static void put_command_first(struct line *line)
{
	size_t before = options_before_command(line->program, line->words, line->n), taken = 0;

	if (!before || !command_match(line->program, line->words + before, line->n - before,
				       &taken))
		return;
	const char **words = line->moved = xcalloc(line->n, sizeof(*words));
	memcpy(words, line->words + before, taken * sizeof(*words));
	memcpy(words + taken, line->words, before * sizeof(*words));
	memcpy(words + taken + before, line->words + before + taken,
			(line->n - before - taken) * sizeof(*words));
	line->words = words;
}

static FALLIBLE read_line(struct line *line)
{
	size_t used = 0;

	choose_program(line);
	if (line->program->has_buildah_words)
		put_command_first(line);
	/* A tool of one command takes everything as its options, the global ones included. */
	if (line->program->fallback)
		return read_fallback(line);
	TRY(options_parse_global(line->program, line->words, line->n, &line->parsed, &used));
	if (line->parsed.help)
		return NULL;
	if (used == line->n && line->program->alone)
		line->command = line->program->alone(line->parsed.global_opts);
	if (line->command)
		return NULL;
	/* Buildah shows its help where a command is missing. */
	bool is_lenient = line->program->has_buildah_words;
	if (used == line->n && is_lenient) {
		line->parsed.help = true;
		return NULL;
	}
	if (used == line->n)
		return error_hint(error_usage("no command given"), "'%s help' lists the commands",
				line->program->name);
	const char *const *words = line->words + used;
	size_t taken = 0;

	line->command = command_match(line->program, words, line->n - used, &taken);
	size_t left = line->n - used;
	bool wants_help = left > 1 ? text_equal(words[1], "--help") || text_equal(words[1], "-h")
				   : is_lenient;
	if (!line->command && wants_help && command_is_group(line->program, words[0])) {
		line->group = words[0];
		line->parsed.help = true;
		return NULL;
	}
	if (!line->command)
		return command_unknown(line->program, words, left);
	used += taken;
	return options_parse(line->program, line->command, line->words + used, line->n - used,
			&line->parsed);
}

static FALLIBLE show_help(const struct line *line)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	if (line->command)
		help_command(line->program, line->command, &out);
	else if (line->group)
		help_group(line->program, line->group, &out);
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

static FALLIBLE run(const struct line *line, const struct config *config)
{
	if (line->parsed.help)
		return show_help(line);

	const struct invocation call = {
		.command = line->command,
		.config = config,
		.opts = line->parsed.opts,
		.global_opts = line->parsed.global_opts,
		.args = &line->parsed.args,
		.program = line->program->name,
		.source = line->source,
	};

	return line->command->run(&call);
}

/* Settings of the program's own kind first: what was typed as a setting wins. */
static FALLIBLE load_config(struct line *line, struct config **ret)
{
	AUTO(list) struct list settings = { 0 };

	if (line->program->settings)
		TRY(line->program->settings(line->parsed.global_opts, &settings));
	list_add_all(&settings, &line->parsed.settings);
	return config_load(
			&(struct config_origin){ CONFIG_SYSTEM_FILE, (const char *const *)environ,
					&settings, line->program->podman,
					line->program->has_buildah_words },
			ret);
}

/* The status to end with, and the style that errors are shown in from now on. */
static int run_line(struct line *line, struct report_style *style, struct error **ret_error)
{
	AUTO(config) struct config *config = NULL;
	struct error *error = load_config(line, &config);
	int status = error && error->code != EXIT_USAGE ? EXIT_KILN : 0;

	if (!error) {
		style_of(config, style);
		log_set_level(config->debug ? LOG_DEBUG : LOG_WARN);
		error = run(line, config);
	}
	if (!error) {
		error = flush_results();
		status = error ? EXIT_KILN : 0;
	}
	*ret_error = error;
	return status;
}

static int status_of(const struct program *program, const struct error *error)
{
	return program->exit_status ? program->exit_status(error) : report_exit_status(error);
}

/*
 * A file that is opened where a standard stream was closed would be read or written as that
 * stream. Output without a stream must still fail, so what stands there cannot be written.
 */
static void hold_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_NOCTTY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

int main(int argc, char **argv)
{
	const char *name = base_name(argc > 0 ? argv[0] : "kiln");
	AUTO(report_source) struct report_source source = { 0 };
	struct report_style style = { .source = &source };
	struct line line = {
		.program = find_program(name, &kiln_program),
		.words = (const char *const *)argv + 1,
		.n = argc > 0 ? (size_t)argc - 1 : 0,
		.source = &source,
	};
	int status = 0;

	hold_standard_streams();
	home_settle();
	/* Modes are given where files are made; what the caller's shell masks is not our files'
	 * mode. */
	(void)umask(0022);
	style_of(NULL, &style);

	struct error *error = read_line(&line);

	if (!error)
		status = run_line(&line, &style, &error);
	if (error) {
		if (!status || line.program->exit_status)
			status = status_of(line.program, error);
		style.program = line.program->error_prefix ? line.program->error_prefix
							   : line.program->name;
		style.has_low_errno = line.program->has_buildah_words;
		print_error(error, &style);
	}
	parsed_done(&line.parsed);
	free(line.moved);
	return status;
}
