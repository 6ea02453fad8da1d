/*
 * One pass over the words. Each word that starts with a dash is looked up in the command's table,
 * then in the program's; the row says whether a value follows and where it goes. A value always
 * goes through set_value(), whichever of the many spellings brought it.
 */
#include "ui/options.h"

#include "base/nearest.h"
#include "base/str.h"
#include "base/xalloc.h"

#include <assert.h>
#include <string.h>

enum { NAMES_MAX = 256 };

struct parser {
	const struct program *program;
	const struct command *command; /* NULL: only global options */
	const char *const *argv;
	size_t n, at;
	struct parsed *out;
};

/* A row that a word meant. */
struct hit {
	const struct option *row;
	void *opts;
	bool is_negated;
};

bool option_is_flag(const struct option *option)
{
	return option->kind == OPTION_FLAG || (option->kind == OPTION_SETTING && !option->value);
}

const char *option_kind(const char *name)
{
	return name[0] == '-' ? "option" : "environment variable";
}

struct error *usage_of_option(struct error *cause, const char *option)
{
	if (!cause)
		return NULL;

	struct error *error = error_wrap(cause, "%s '%s'", option_kind(option), option);

	error->kind = ERR_INVALID;
	error->code = EXIT_USAGE;
	return error;
}

FALLIBLE parse_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "1", "t", "true", "yes", "on" };
	static const char *const no[] = { "0", "f", "false", "no", "off" };

	for (size_t i = 0; i < COUNT(yes); i++) {
		if (str_is_nocase(str_of(text), yes[i])) {
			*ret = true;
			return NULL;
		}
		if (str_is_nocase(str_of(text), no[i])) {
			*ret = false;
			return NULL;
		}
	}
	return error_new(ERR_INVALID, "'%s' is neither true nor false", text);
}

static const char *command_name(const struct parser *parser)
{
	return parser->command ? parser->command->name : "";
}

static const char *gap(const struct parser *parser)
{
	return parser->command ? " " : "";
}

static bool has_name(const struct option *row)
{
	return row->name && row->kind != OPTION_HEADING;
}

/* A flag answers to its opposite too: --no-cache to --cache, --push to --no-push. */
static bool is_opposite(const struct option *row, struct str name)
{
	struct str own = str_of(row->name);

	if (!option_is_flag(row))
		return false;
	if (str_starts(name, "no-"))
		return str_equal(str_slice(name, 3, name.n), own);
	return str_starts(own, "no-") && str_equal(str_slice(own, 3, own.n), name);
}

static bool find_in(const struct option *rows, void *opts, struct str name, struct hit *ret)
{
	for (; rows && rows->kind; rows++) {
		if (!has_name(rows))
			continue;
		if (str_is(name, rows->name)) {
			*ret = (struct hit){ rows, opts, false };
			return true;
		}
		/* An exact name further down wins. */
		if (!ret->row && is_opposite(rows, name))
			*ret = (struct hit){ rows, opts, true };
	}
	return false;
}

static bool find_long(const struct parser *parser, struct str name, struct hit *ret)
{
	*ret = (struct hit){ 0 };
	return find_in(parser->out->options, parser->out->opts, name, ret) ||
	       find_in(parser->out->global_options, parser->out->global_opts, name, ret) ||
	       ret->row;
}

static bool find_letter(const struct parser *parser, char letter, struct hit *ret)
{
	const struct option *tables[] = { parser->out->options, parser->out->global_options };
	void *opts[] = { parser->out->opts, parser->out->global_opts };

	for (size_t i = 0; i < COUNT(tables); i++) {
		for (const struct option *row = tables[i]; row && row->kind; row++) {
			if (row->letter == letter) {
				*ret = (struct hit){ row, opts[i], false };
				return true;
			}
		}
	}
	return false;
}

static size_t collect_names(const struct option *rows, const char **names, size_t n)
{
	for (; rows && rows->kind && n < NAMES_MAX; rows++)
		if (has_name(rows) && !rows->is_hidden && rows->kind != OPTION_LATER)
			names[n++] = rows->name;
	return n;
}

static struct error *unknown_option(const struct parser *parser, struct str name)
{
	const char *names[NAMES_MAX + 1];
	AUTO_FREE char *word = str_dup(name);
	size_t n = collect_names(parser->out->options, names, 0);

	n = collect_names(parser->out->global_options, names, n);
	names[n++] = "help";

	const char *nearest = text_nearest(word, names, n);
	struct error *error = error_usage("unknown option '--%s' of '%s%s%s'", word,
			parser->program->name, gap(parser), command_name(parser));

	if (nearest)
		return error_hint(error, "did you mean '--%s'?", nearest);
	return error_hint(error, "'%s%s%s --help' lists the options", parser->program->name,
			gap(parser), command_name(parser));
}

static void spell(const struct option *row, char letter, char *buf, size_t size)
{
	if (letter)
		(void)snprintf(buf, size, "-%c", letter);
	else
		(void)snprintf(buf, size, "--%s", row->name);
}

static FALLIBLE set_choice(const struct option *row, const char *text, char **field)
{
	struct str rest = str_of(row->value), choice;
	const char *nearest;
	const char *names[NAMES_MAX];
	AUTO(list) struct list choices = { 0 };

	while (rest.n > 0) {
		str_cut(rest, '|', &choice, &rest);
		AUTO_FREE char *copy = str_dup(choice);
		list_add(&choices, copy);
	}
	if (list_has(&choices, text)) {
		free(*field);
		*field = xstrdup(text);
		return NULL;
	}
	for (size_t i = 0; i < choices.n && i < NAMES_MAX; i++)
		names[i] = choices.p[i];
	nearest = text_nearest(text, names, choices.n);

	struct error *error = error_usage("option '--%s' cannot be '%s'; it is one of %s",
			row->name, text, row->value);

	return nearest ? error_hint(error, "did you mean '%s'?", nearest) : error;
}

static FALLIBLE set_value(struct parser *parser, const struct hit *hit, const char *text)
{
	const struct option *row = hit->row;
	char *field = NULL;
	bool truth = true;

	if (row->kind != OPTION_SETTING) {
		assert(hit->opts);
		field = (char *)hit->opts + row->offset;
	}
	if (field && row->empty_is_none && !*text) {
		free(*(char **)(void *)field);
		*(char **)(void *)field = NULL;
		return NULL;
	}
	switch (row->kind) {
	case OPTION_TEXT:
		free(*(char **)(void *)field);
		*(char **)(void *)field = xstrdup(text);
		return NULL;
	case OPTION_LIST:
		list_add((struct list *)(void *)field, text);
		return NULL;
	case OPTION_FLAG:
		TRY(parse_bool(text, &truth));
		*(bool *)field = truth != hit->is_negated;
		return NULL;
	case OPTION_SIZE:
		return parse_size(str_of(text), (uint64_t *)(void *)field);
	case OPTION_CHOICE:
		return set_choice(row, text, (char **)(void *)field);
	case OPTION_INT:
		return parse_i64(str_of(text), row->min, row->max, (int64_t *)(void *)field);
	case OPTION_SETTING:
		if (!row->value) {
			TRY(parse_bool(text, &truth));
			text = truth != hit->is_negated ? "true" : "false";
		}
		list_addf(&parser->out->settings, "%s=%s", row->name, text);
		return NULL;
	case OPTION_LATER:
	case OPTION_HEADING:
	case OPTION_END:
		break;
	}
	return error_usage("option '--%s' takes no value", row->name);
}

/* Give the row its value: after '=', in the next word, or implied. */
static FALLIBLE take(
		struct parser *parser, const struct hit *hit, char letter, const char *attached)
{
	const struct option *row = hit->row;
	const char *text = attached;
	char spelled[80];

	spell(row, letter, spelled, sizeof(spelled));
	if (row->kind == OPTION_LATER)
		return error_hint(error_usage("option '%s' is not there yet", spelled), "%s",
				row->help);
	if (!text && option_is_flag(row))
		text = "true";
	if (!text)
		text = row->implied;
	if (!text && parser->at < parser->n)
		text = parser->argv[parser->at++];
	if (!text)
		return error_usage("option '%s' needs a value (%s)", spelled, row->value);

	struct error *error = set_value(parser, hit, text);

	/* A bad value is a wrong command line, whatever the parser of the value calls it. */
	return error && error->code != EXIT_USAGE ? usage_of_option(error, spelled) : error;
}

static FALLIBLE take_long(struct parser *parser, const char *word)
{
	struct str name, value;
	struct hit hit;
	bool has_value = str_cut(str_of(word), '=', &name, &value);

	if (!find_long(parser, name, &hit)) {
		if (str_is(name, "help")) {
			parser->out->help = true;
			return NULL;
		}
		return unknown_option(parser, name);
	}
	return take(parser, &hit, 0, has_value ? value.p : NULL);
}

/* "-qf x", "-fx", "-f=x": flags in a row, then at most one that takes a value. */
static FALLIBLE take_letters(struct parser *parser, const char *letters)
{
	for (const char *p = letters; *p; p++) {
		struct hit hit;

		if (!find_letter(parser, *p, &hit)) {
			if (*p == 'h') {
				parser->out->help = true;
				return NULL;
			}
			return error_hint(error_usage("unknown option '-%c' of '%s%s%s'", *p,
							  parser->program->name, gap(parser),
							  command_name(parser)),
					"'%s%s%s --help' lists the options", parser->program->name,
					gap(parser), command_name(parser));
		}
		if (p[1] == '=')
			return take(parser, &hit, *p, p + 2);
		if (!option_is_flag(hit.row) && hit.row->kind != OPTION_LATER)
			return take(parser, &hit, *p, p[1] && !hit.row->implied ? p + 1 : NULL);
		TRY(take(parser, &hit, *p, NULL));
	}
	return NULL;
}

/* How Buildah's users are told that there are too few or too many; NULL: there are not. */
static struct error *count_as_buildah(const struct parser *parser)
{
	const struct command *command = parser->command;
	size_t n = parser->out->args.n, least = command->min_args, most = command->max_args;
	const char *name = parser->program->name;

	if (n >= least && n <= most)
		return NULL;
	if (most == 0)
		return error_usage("'%s %s' does not accept arguments", name, command->name);
	if (least == most && !command->missing)
		return error_usage("accepts %zu arg(s), received %zu", least, n);
	if (n < least)
		return error_usage("requires at least %zu arg(s), only received %zu", least, n);
	if (command->counts_arguments)
		return error_usage("accepts at most %zu arg(s), received %zu", most, n);
	return error_usage("too many arguments specified: '%s %s' requires at most %zu argument%s",
			name, command->name, most, most == 1 ? "" : "s");
}

static FALLIBLE check_arguments(const struct parser *parser)
{
	const struct command *command = parser->command;
	size_t n = parser->out->args.n;
	AUTO(strbuf) struct strbuf usage = { 0 };
	struct error *error = NULL;

	if (n < command->min_args && command->missing)
		return error_usage("%s", command->missing);
	if (parser->program->has_buildah_words)
		error = count_as_buildah(parser);
	else if (n < command->min_args)
		error = error_usage("'%s %s' needs %zu argument%s (%s)", parser->program->name,
				command->name, command->min_args, command->min_args == 1 ? "" : "s",
				command->args);
	else if (n > command->max_args && command->max_args == 0)
		error = error_usage("'%s %s' takes no argument, and '%s' is one",
				parser->program->name, command->name, parser->out->args.p[0]);
	else if (n > command->max_args)
		error = error_usage("'%s %s' takes at most %zu argument%s; '%s' is one too many",
				parser->program->name, command->name, command->max_args,
				command->max_args == 1 ? "" : "s",
				parser->out->args.p[command->max_args]);
	if (!error)
		return NULL;
	command_usage(parser->program, command, &usage);
	return error_hint(error, "usage: %s", strbuf_text(&usage));
}

/* Buildah's users are told so: an option behind the name may have been meant for something else. */
static FALLIBLE check_order(const struct parser *parser, const char *word)
{
	const char *const *names = parser->program->options_first;

	if (!parser->command || !parser->out->args.n)
		return NULL;
	for (; names && *names; names++)
		if (text_equal(*names, parser->command->name))
			return error_usage("no options (%s) can be specified after the image or "
					   "container name",
					word);
	return NULL;
}

static FALLIBLE parse_words(struct parser *parser, bool stops_at_argument)
{
	while (parser->at < parser->n && !parser->out->help) {
		const char *word = parser->argv[parser->at];
		bool is_option = word[0] == '-' && word[1];

		if (!is_option && stops_at_argument)
			return NULL;
		parser->at++;
		if (text_equal(word, "--"))
			return NULL;
		if (is_option)
			TRY(check_order(parser, word));
		if (!is_option)
			list_add(&parser->out->args, word);
		else if (word[1] == '-')
			TRY(take_long(parser, word + 2));
		else
			TRY(take_letters(parser, word + 1));
	}
	return NULL;
}

static void *new_opts(const void *defaults, size_t size)
{
	if (!size)
		return NULL;
	return defaults ? xmemdup(defaults, size) : xcalloc(1, size);
}

static void begin(const struct program *program, const struct command *command, struct parsed *ret)
{
	if (!ret->global_opts) {
		ret->global_options = program->options;
		ret->global_opts = new_opts(NULL, program->opts_size);
	}
	if (command) {
		ret->options = command->options;
		ret->opts = new_opts(command->defaults, command->opts_size);
	}
}

FALLIBLE options_parse_global(const struct program *program, const char *const *argv, size_t n,
		struct parsed *ret, size_t *ret_used)
{
	struct parser parser = { .program = program, .argv = argv, .n = n, .out = ret };

	begin(program, NULL, ret);
	TRY(parse_words(&parser, true));
	*ret_used = parser.at;
	return NULL;
}

size_t options_before_command(const struct program *program, const char *const *argv, size_t n)
{
	bool is_foreign = false;
	size_t at = 0;

	while (at < n && text_starts(argv[at], "--") && argv[at][2]) {
		struct hit hit = { 0 };
		struct str name, value;
		bool has_value = str_cut(str_of(argv[at] + 2), '=', &name, &value);
		bool is_known = find_in(program->options, NULL, name, &hit) || hit.row ||
				str_is(name, "help");
		bool is_alone = hit.row && (option_is_flag(hit.row) || hit.row->implied);

		is_foreign = is_foreign || !is_known;
		at += has_value || is_alone || str_is(name, "help") ? 1 : 2;
	}
	return is_foreign && at < n ? at : 0;
}

FALLIBLE options_parse(const struct program *program, const struct command *command,
		const char *const *argv, size_t n, struct parsed *ret)
{
	struct parser parser = {
		.program = program, .command = command, .argv = argv, .n = n, .out = ret
	};

	begin(program, command, ret);
	TRY(parse_words(&parser, command->stops_at_argument));
	if (ret->help)
		return NULL;
	for (; parser.at < n; parser.at++)
		list_add(&ret->args, argv[parser.at]);
	return check_arguments(&parser);
}

static void free_fields(const struct option *rows, void *opts)
{
	for (; opts && rows && rows->kind; rows++) {
		char *field = (char *)opts + rows->offset;

		if (rows->kind == OPTION_TEXT || rows->kind == OPTION_CHOICE) {
			free(*(char **)(void *)field);
			*(char **)(void *)field = NULL;
		} else if (rows->kind == OPTION_LIST) {
			list_done((struct list *)(void *)field);
		}
	}
	free(opts);
}

void parsed_done(struct parsed *parsed)
{
	free_fields(parsed->options, parsed->opts);
	free_fields(parsed->global_options, parsed->global_opts);
	list_done(&parsed->args);
	list_done(&parsed->settings);
	*parsed = (struct parsed){ 0 };
}

size_t command_group(const struct command *command)
{
	const char *space = strchr(command->name, ' ');

	return space ? (size_t)(space - command->name) : 0;
}

static bool is_called(const struct command *command, const char *name)
{
	if (text_equal(command->name, name))
		return true;
	for (struct str rest = str_of(command->alias), alias; rest.n;) {
		(void)str_cut(rest, ' ', &alias, &rest);
		if (str_is(alias, name))
			return true;
	}
	return false;
}

const struct command *command_match(
		const struct program *program, const char *const *words, size_t n, size_t *ret_used)
{
	AUTO_FREE char *both = n > 1 ? xasprintf("%s %s", words[0], words[1]) : NULL;

	for (*ret_used = 2; *ret_used > 0; (*ret_used)--)
		for (const struct command *const *at = program->commands; n >= *ret_used && *at;
				at++)
			if (is_called(*at, *ret_used == 2 ? both : words[0]))
				return *at;
	return NULL;
}

static bool is_in_group(const struct command *command, const char *word)
{
	size_t n = command_group(command);

	return n && strlen(word) == n && strncmp(command->name, word, n) == 0;
}

bool command_is_group(const struct program *program, const char *word)
{
	for (const struct command *const *at = program->commands; *at; at++)
		if (is_in_group(*at, word) && !(*at)->is_hidden)
			return true;
	return false;
}

/* "manifest" alone, or with a second word that it does not know. NULL: it is no group. */
static struct error *unknown_in_group(
		const struct program *program, const char *const *words, size_t n)
{
	AUTO(strbuf) struct strbuf have = { 0 };

	for (const struct command *const *at = program->commands; *at; at++)
		if (is_in_group(*at, words[0]) && !(*at)->is_hidden)
			strbuf_addf(&have, "%s%s", have.n ? ", " : "",
					(*at)->name + command_group(*at) + 1);
	if (!have.n)
		return NULL;
	struct error *error = n > 1 && words[1][0] != '-'
					      ? error_usage("'%s %s' has no command '%s'",
								program->name, words[0], words[1])
					      : error_usage("'%s %s' wants a command",
								program->name, words[0]);

	return error_hint(error, "there are: %s", strbuf_text(&have));
}

struct error *command_unknown(const struct program *program, const char *const *words, size_t n)
{
	const char *names[NAMES_MAX];
	size_t count = 0;
	struct error *error = unknown_in_group(program, words, n);

	if (error)
		return error;
	for (const struct command *const *at = program->commands; *at && count < NAMES_MAX; at++)
		if (!(*at)->is_hidden)
			names[count++] = (*at)->name;

	const char *nearest = text_nearest(words[0], names, count);

	error = error_usage("unknown command '%s'", words[0]);
	if (nearest)
		return error_hint(error, "did you mean '%s %s'?", program->name, nearest);
	return error_hint(error, "'%s help' lists the commands", program->name);
}

void command_usage(const struct program *program, const struct command *command, struct strbuf *out)
{
	strbuf_addf(out, "%s %s", program->name, command->name);
	if (command->options)
		strbuf_add(out, " [OPTION...]");
	if (command->args)
		strbuf_addf(out, " %s", command->args);
}
