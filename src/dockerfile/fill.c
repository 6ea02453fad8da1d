#include "dockerfile/fill.h"

#include "base/clock.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "dockerfile/builder.h"
#include "dockerfile/flags.h"
#include "dockerfile/run_mount.h"
#include "dockerfile/runes.h"

#include <ctype.h>
#include <strings.h>

FALLIBLE fill_error(const struct instruction *instruction, const char *what)
{
	return error_at(error_new(ERR_INVALID, "%s %s", instruction_name(instruction->kind), what),
			instruction->at);
}

/* The comment above that starts with name: what is behind it. */
static const char *description(const struct instruction *instruction, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < instruction->comment_count; i++)
		if (strncmp(instruction->comments[i], name, n) == 0 &&
				instruction->comments[i][n] == ' ')
			return instruction->comments[i] + n + 1;
	return NULL;
}

FALLIBLE fill_from(const struct source *source, struct instruction *instruction)
{
	const struct words *args = &instruction->args;
	struct from *from = &instruction->from;
	const struct flag *platform = flag_find(instruction, "platform");

	if (args->n != 1 && (args->n != 3 || strcasecmp(args->p[1].text, "as") != 0))
		return error_hint(fill_error(instruction, "requires either one or three arguments"),
				"write FROM IMAGE or FROM IMAGE AS NAME");
	*from = (struct from){
		.image = args->p[0].text,
		.image_at = args->p[0].at,
		.platform = platform ? platform->value : NULL,
		.after = flag_find(instruction, "after"),
	};
	if (args->n == 1)
		return NULL;
	char *name = arena_text(source->arena, args->p[2].text);
	for (size_t i = 0; name[i]; i++) {
		name[i] = (char)tolower((unsigned char)name[i]);
		bool is_letter = name[i] >= 'a' && name[i] <= 'z';
		if (!source->any_names && !is_letter &&
				(i == 0 || !strchr("0123456789-_.", name[i])))
			return error_hint(error_at(error_new(ERR_INVALID,
								   "invalid name for build stage: "
								   "\"%s\", "
								   "name can't start with a number "
								   "or "
								   "contain symbols",
								   args->p[2].text),
							  args->p[2].at),
					"a name starts with a letter and has letters, digits, '-', "
					"'_' and '.'");
	}
	from->as_text = args->p[1].text;
	from->name = name;
	from->name_text = args->p[2].text;
	from->name_at = args->p[2].at;
	from->comment = description(instruction, name);
	return NULL;
}

FALLIBLE fill_pairs(const struct source *source, struct instruction *instruction)
{
	const struct words *args = &instruction->args;

	if (!args->n)
		return fill_error(instruction, "requires at least one argument");
	struct pair *pairs = arena_array(source->arena, args->n / 2, sizeof(*pairs));
	for (size_t i = 0; i < args->n / 2; i++) {
		const struct word *name = &args->p[2 * i];

		if (!*name->text)
			return error_at(error_new(ERR_INVALID, "%s names can not be blank",
							instruction_name(instruction->kind)),
					name->at);
		pairs[i] = (struct pair){
			.name = name->text,
			.value = args->p[2 * i + 1].text,
			.at = name->at,
		};
	}
	instruction->pairs.p = pairs;
	instruction->pairs.n = args->n / 2;
	return NULL;
}

FALLIBLE fill_arg(const struct source *source, struct instruction *instruction)
{
	const struct words *args = &instruction->args;

	if (!args->n)
		return fill_error(instruction, "requires at least one argument");
	struct pair *pairs = arena_array(source->arena, args->n, sizeof(*pairs));
	for (size_t i = 0; i < args->n; i++) {
		struct str name = { 0 }, value = { 0 };
		bool has_value = str_cut(str_of(args->p[i].text), '=', &name, &value);

		if (!name.n)
			return error_at(error_new(ERR_INVALID, "ARG names can not be blank"),
					args->p[i].at);
		pairs[i] = (struct pair){
			.name = arena_str(source->arena, name),
			.value = has_value ? arena_str(source->arena, value) : NULL,
			.at = args->p[i].at,
		};
		pairs[i].comment = description(instruction, pairs[i].name);
	}
	instruction->pairs = (struct pairs){ pairs, args->n, false };
	return NULL;
}

FALLIBLE fill_command(const struct source *source, struct instruction *instruction)
{
	(void)source;
	instruction->command = (struct command_line){ !instruction->is_json, instruction->args };
	return NULL;
}

/* A flag that takes one of a few words; one with a variable is left to the plan. */
static FALLIBLE check_choice(const struct flag *flag, const char *const *choices, size_t count)
{
	if (!flag || strchr(flag->value, '$') || !*flag->value)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (text_equal(flag->value, choices[i]))
			return NULL;
	const char *nearest = text_nearest(flag->value, choices, count);
	return error_hint(
			error_at(text_equal(flag->name, "network")
							? error_new(ERR_INVALID,
									  "invalid network mode: "
									  "\"%s\"",
									  flag->value)
							: error_new(ERR_INVALID,
									  "%s \"%s\" is not valid",
									  flag->name, flag->value),
					flag->at),
			"did you mean %s?", nearest ? nearest : choices[0]);
}

FALLIBLE fill_run(const struct source *source, struct instruction *instruction)
{
	static const char *const networks[] = { "default", "none", "host" };
	static const char *const securities[] = { "sandbox", "insecure" };
	struct run *run = &instruction->run;

	if (!instruction->args.n)
		return fill_error(instruction, "requires at least one argument");
	*run = (struct run){
		.command = { !instruction->is_json, instruction->args },
		.network = flag_find(instruction, "network"),
		.security = flag_find(instruction, "security"),
	};
	run->mounts = flag_list(source->arena, instruction, "mount", &run->mount_count);
	run->devices = flag_list(source->arena, instruction, "device", &run->device_count);
	TRY(check_choice(run->network, networks, COUNT(networks)));
	TRY(check_choice(run->security, securities, COUNT(securities)));
	for (size_t i = 0; i < run->mount_count; i++) {
		struct run_mount mount = { 0 };

		TRY(run_mount_parse(source->arena, run->mounts[i], NULL, &mount));
	}
	for (size_t i = 0; i < run->device_count; i++) {
		struct run_device device = { 0 };

		TRY(run_device_parse(source->arena, run->devices[i], &device));
	}
	return NULL;
}

/* The last heredoc of that name, as BuildKit picks it. */
static const struct heredoc *find_heredoc(const struct instruction *instruction, const char *name)
{
	for (size_t i = instruction->heredoc_count; i > 0; i--)
		if (text_equal(instruction->heredocs[i - 1].name, name))
			return &instruction->heredocs[i - 1];
	return NULL;
}

static FALLIBLE fill_source(const struct source *source, const struct instruction *instruction,
		const struct word *word, struct copy_source *ret)
{
	struct heredoc heredoc = { 0 };
	bool is_heredoc = false;

	*ret = (struct copy_source){ .path = word->text, .at = word->at };
	if (instruction->is_json || !instruction->heredoc_count || !strstr(word->text, "<<"))
		return NULL;
	struct error *error =
			heredoc_parse(source->arena, str_of(word->text), &heredoc, &is_heredoc);
	if (error) {
		error_ignore(error, "a word with half a quote is a path");
		return NULL;
	}
	ret->heredoc = is_heredoc ? find_heredoc(instruction, heredoc.name) : NULL;
	if (ret->heredoc)
		ret->path = ret->heredoc->name;
	return NULL;
}

FALLIBLE fill_copy(const struct source *source, struct instruction *instruction)
{
	const struct words *args = &instruction->args;
	struct copy *copy = &instruction->copy;
	struct copy_source dest = { 0 };

	if (args->n < 2)
		return error_hint(fill_error(instruction,
						  "requires at least two arguments, but only one "
						  "was provided. Destination could not be "
						  "determined"),
				"write %s SOURCE... DESTINATION",
				instruction_name(instruction->kind));
	*copy = (struct copy){
		.dest = args->p[args->n - 1],
		.source_count = args->n - 1,
		.from = flag_find(instruction, "from"),
		.chown = flag_find(instruction, "chown"),
		.chmod = flag_find(instruction, "chmod"),
		.checksum = flag_find(instruction, "checksum"),
		.link = flag_tristate(instruction, "link") == TRISTATE_YES,
		.parents = flag_tristate(instruction, "parents") == TRISTATE_YES,
		.unpack = flag_tristate(instruction, "unpack"),
		.keep_git_dir = flag_tristate(instruction, "keep-git-dir"),
	};
	copy->excludes = flag_list(source->arena, instruction, "exclude", &copy->exclude_count);
	struct copy_source *sources =
			arena_array(source->arena, copy->source_count, sizeof(*sources));
	for (size_t i = 0; i < copy->source_count; i++)
		TRY(fill_source(source, instruction, &args->p[i], &sources[i]));
	copy->sources = sources;
	TRY(fill_source(source, instruction, &copy->dest, &dest));
	if (dest.heredoc)
		return error_at(error_new(ERR_INVALID,
						"%s cannot accept a heredoc as a destination",
						instruction_name(instruction->kind)),
				copy->dest.at);
	return NULL;
}

/* EXPOSE and VOLUME. */
FALLIBLE fill_words(const struct source *source, struct instruction *instruction)
{
	const struct words *args = &instruction->args;
	struct word *words = arena_array(source->arena, args->n, sizeof(*words));

	if (!args->n)
		return fill_error(instruction, "requires at least one argument");
	for (size_t i = 0; i < args->n; i++) {
		struct str text = rune_trim(str_of(args->p[i].text));

		if (!text.n)
			return error_at(error_new(ERR_INVALID,
							"%s specified can not be an empty string",
							instruction_name(instruction->kind)),
					args->p[i].at);
		words[i] = (struct word){ arena_str(source->arena, text), args->p[i].at };
	}
	instruction->words = (struct words){ words, args->n };
	return NULL;
}

FALLIBLE fill_shell(const struct source *source, struct instruction *instruction)
{
	(void)source;
	if (!instruction->args.n)
		return fill_error(instruction, "requires at least one argument");
	if (!instruction->is_json)
		return error_hint(fill_error(instruction,
						  "requires the arguments to be in JSON form"),
				"write SHELL [\"/bin/bash\", \"-c\"]");
	instruction->words = instruction->args;
	return NULL;
}

/* WORKDIR, USER, STOPSIGNAL, MAINTAINER. */
FALLIBLE fill_word(const struct source *source, struct instruction *instruction)
{
	(void)source;
	if (instruction->args.n != 1)
		return fill_error(instruction, "requires exactly one argument");
	instruction->word = instruction->args.p[0];
	return NULL;
}

/* A duration of HEALTHCHECK: 0, or at least a millisecond as Docker's engine wants it. */
static FALLIBLE parse_interval(
		const struct instruction *instruction, const char *name, int64_t *ret_ns)
{
	const struct flag *flag = flag_find(instruction, name);
	struct error *error = NULL;
	int64_t ns = 0;

	if (!flag || !*flag->value)
		return NULL;
	error = clock_parse_duration(str_of(flag->value), &ns);
	if (!error && ns != 0 && ns < 1000000)
		error = error_new(ERR_INVALID, "--%s cannot be less than 1ms", name);
	*ret_ns = ns;
	return error_at(error, flag->at);
}

static FALLIBLE parse_retries(const struct instruction *instruction, unsigned *ret)
{
	const struct flag *flag = flag_find(instruction, "retries");
	int64_t retries = 0;

	if (!flag || !*flag->value)
		return NULL;
	struct error *error = parse_i64(str_of(flag->value), 0, INT32_MAX, &retries);
	if (error)
		return error_at(error_wrap(error, "--retries"), flag->at);
	*ret = (unsigned)retries;
	return NULL;
}

FALLIBLE fill_healthcheck(const struct source *source, struct instruction *instruction)
{
	const struct words *args = &instruction->args;
	struct healthcheck *health = &instruction->healthcheck;

	(void)source;
	if (!args->n)
		return fill_error(instruction, "requires at least one argument");
	const char *type = args->p[0].text;
	TRY(parse_interval(instruction, "interval", &health->interval_ns));
	TRY(parse_interval(instruction, "timeout", &health->timeout_ns));
	TRY(parse_interval(instruction, "start-period", &health->start_period_ns));
	TRY(parse_interval(instruction, "start-interval", &health->start_interval_ns));
	TRY(parse_retries(instruction, &health->retries));
	health->is_none = strcasecmp(type, "NONE") == 0;
	if (health->is_none && args->n > 1)
		return fill_error(instruction, "NONE takes no arguments");
	if (!health->is_none && strcasecmp(type, "CMD") != 0)
		return error_hint(error_at(error_new(ERR_INVALID,
							   "Unknown type \"%s\" in HEALTHCHECK "
							   "(try CMD)",
							   type),
						  args->p[0].at),
				"write HEALTHCHECK CMD COMMAND, or HEALTHCHECK NONE");
	if (!health->is_none && args->n == 1)
		return error_at(error_new(ERR_INVALID, "Missing command after HEALTHCHECK CMD"),
				instruction->at);
	health->command = (struct command_line){ !instruction->is_json,
		{ args->p + 1, args->n - 1 } };
	return NULL;
}

/* The trigger's text as a base image keeps it: what follows ONBUILD, heredoc bodies included. */
static const char *trigger_text(const struct source *source, const struct instruction *instruction)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	struct str keyword = { 0 }, rest = { 0 };

	(void)args_cut_space(str_of(instruction->original), &keyword, &rest);
	strbuf_add_str(&text, rest);
	for (size_t i = 0; i < instruction->heredoc_count; i++)
		strbuf_addf(&text, "\n%s%s", instruction->heredocs[i].content,
				instruction->heredocs[i].name);
	return arena_str(source->arena, strbuf_str(&text));
}

FALLIBLE fill_onbuild(const struct source *source, struct instruction *instruction)
{
	const struct instruction *split = instruction->onbuild.trigger;
	struct instruction *trigger = arena_new_of(source->arena, struct instruction);

	*trigger = *split;
	if (trigger->kind == INSTRUCTION_FROM || trigger->kind == INSTRUCTION_MAINTAINER)
		return error_at(error_new(ERR_INVALID, "%s isn't allowed as an ONBUILD trigger",
						instruction_name(trigger->kind)),
				trigger->at);
	trigger->heredocs = instruction->heredocs;
	trigger->heredoc_count = instruction->heredoc_count;
	trigger->at.end_line = instruction->at.end_line;
	trigger->at.end_column = instruction->at.end_column;
	TRY(builder_finish(source, trigger));
	instruction->onbuild = (struct onbuild){ trigger_text(source, instruction), trigger };
	return NULL;
}
