/*
 * One stage from AST to config and steps. Every instruction adds one history entry; those that
 * touch the file system are in lower_ops.c.
 */
#include "graph/lower.h"

#include <ctype.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

const char *lower_path(struct arena *arena, const char *base, const char *path)
{
	AUTO(strbuf) struct strbuf out = { 0 };
	const char *parts[2] = { path[0] == '/' ? "" : base, path };

	for (size_t i = 0; i < COUNT(parts); i++) {
		struct str rest = str_of(parts[i]), head;

		while (rest.n) {
			(void)str_cut(rest, '/', &head, &rest);
			if (head.n == 0 || str_is(head, "."))
				continue;
			if (str_is(head, "..")) {
				strbuf_truncate(&out,
						out.n ? str_find_last(strbuf_str(&out), '/') : 0);
				continue;
			}
			strbuf_add_char(&out, '/');
			strbuf_add_str(&out, head);
		}
	}
	return out.n ? arena_str(arena, strbuf_str(&out)) : "/";
}

const char *lower_json_words(struct arena *arena, const char *const *words, size_t n)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	strbuf_add_char(&out, '[');
	for (size_t i = 0; i < n; i++) {
		strbuf_add(&out, i ? " \"" : "\"");
		for (const char *c = words[i]; *c; c++) {
			if (*c == '"' || *c == '\\')
				strbuf_add_char(&out, '\\');
			strbuf_add_char(&out, *c);
		}
		strbuf_add_char(&out, '"');
	}
	strbuf_add_char(&out, ']');
	return arena_str(arena, strbuf_str(&out));
}

void lower_add_history(struct lowered *stage, const char *text, bool is_empty)
{
	image_config_add_history(&stage->out->config, NULL, text, "kiln", is_empty);
}

struct plan_step *lower_add_step(struct lower *lower, struct lowered *stage, enum step_kind kind,
		const struct instruction *in, const char *name, const char *history)
{
	struct plan_step *step = vec_add(&stage->steps);
	const char *user = stage->out->config.user;

	lower->steps++;
	step->kind = kind;
	step->stage = stage->out;
	step->number = stage->steps.n + stage->out->has_base_number;
	step->name = arena_text(lower->arena, name);
	step->at = in->at;
	step->history = stage->out->config.history.n;
	step->user = arena_text(lower->arena, user ? user : "");
	step->workdir = stage->workdir;
	lower_add_history(stage, history, false);
	return step;
}

static FALLIBLE lower_env(struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	AUTO(strbuf) struct strbuf history = { 0 };
	AUTO(list) struct list fresh = { 0 };
	AUTO(named) struct named fresh_at = { 0 };

	/* Every value of one line sees the variables as they were before the line. */
	for (size_t i = 0; i < in->pairs.n; i++) {
		const struct pair *pair = &in->pairs.p[i];
		const char *name = NULL, *value = NULL;

		TRY(scope_word(lower, &stage->scope, pair->name, pair->at, &name));
		TRY(scope_word(lower, &stage->scope, pair->value ? pair->value : "", pair->at,
				&value));
		named_set(&fresh, &fresh_at, name, value);
	}
	strbuf_add(&history, "ENV");
	for (size_t i = 0; i < fresh.n; i++) {
		struct str name, value;

		(void)str_cut(str_of(fresh.p[i]), '=', &name, &value);
		AUTO_FREE char *key = str_dup(name);
		named_set(&stage->scope.visible, &stage->scope.visible_at, key, value.p);
		named_drop(&stage->scope.args, &stage->scope.args_at, key);
		named_set(&stage->out->config.env, &stage->env_at, key, value.p);
		strbuf_addf(&history, " %s", fresh.p[i]);
	}
	lower_add_history(stage, strbuf_text(&history), true);
	return NULL;
}

static FALLIBLE lower_label(
		struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	AUTO(strbuf) struct strbuf history = { 0 };

	strbuf_add(&history, "LABEL");
	for (size_t i = 0; i < in->pairs.n; i++) {
		const struct pair *pair = &in->pairs.p[i];
		const char *name = NULL, *value = NULL;

		TRY(scope_word(lower, &stage->scope, pair->name, pair->at, &name));
		TRY(scope_word(lower, &stage->scope, pair->value ? pair->value : "", pair->at,
				&value));
		named_set(&stage->out->config.labels, &stage->labels_at, name, value);
		strbuf_addf(&history, " %s=%s", name, value);
	}
	lower_add_history(stage, strbuf_text(&history), true);
	return NULL;
}

static FALLIBLE lower_arg(struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	AUTO(strbuf) struct strbuf history = { 0 };

	strbuf_add(&history, "ARG");
	for (size_t i = 0; i < in->pairs.n; i++) {
		struct pair *pair = arena_array(lower->arena, 1, sizeof(*pair));

		*pair = in->pairs.p[i];
		TRY(scope_word(lower, &stage->scope, pair->name, pair->at, &pair->name));
		TRY(scope_arg(lower, stage, pair));
		const char *value =
				named_get(&stage->scope.args, &stage->scope.args_at, pair->name);
		strbuf_addf(&history, " %s", pair->name);
		if (value && !plan_is_proxy_arg(pair->name))
			strbuf_addf(&history, "=%s", value);
	}
	lower_add_history(stage, strbuf_text(&history), true);
	return NULL;
}

/* CMD and ENTRYPOINT: the words as they are, or the shell in front of one text. */
static void set_command(
		struct lowered *stage, const struct command_line *command, struct list *list)
{
	list_done(list);
	if (command->is_shell && command->argv.n) {
		struct texts shell = lower_shell(stage);

		for (size_t i = 0; i < shell.n; i++)
			list_add(list, shell.p[i]);
	}
	for (size_t i = 0; i < command->argv.n; i++)
		list_add(list, command->argv.p[i].text);
}

static void lower_command(struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	struct image_config *config = &stage->out->config;
	bool is_cmd = in->kind == INSTRUCTION_CMD;
	struct list *list = is_cmd ? &config->cmd : &config->entrypoint;

	set_command(stage, &in->command, list);
	if (is_cmd)
		stage->cmd_is_set = true;
	else if (!stage->cmd_is_set)
		list_done(&config->cmd);
	AUTO_FREE char *text = xasprintf("%s %s", instruction_name(in->kind),
			lower_json_words(lower->arena, (const char *const *)list->p, list->n));
	lower_add_history(stage, text, true);
}

/* Directories are made as WORKDIR would make them, root's. */
static void make_volumes(struct lower *lower, struct lowered *stage, const struct instruction *in,
		const struct list *volumes, const char *text)
{
	struct plan_step *step = lower_add_step(lower, stage, STEP_WORKDIR, in, text, text);
	const char **paths = arena_array(lower->arena, volumes->n, sizeof(*paths));

	for (size_t i = 0; i < volumes->n; i++)
		paths[i] = lower_path(lower->arena, "/", volumes->p[i]);
	step->user = "";
	step->workdir_step = (struct plan_workdir){ paths, volumes->n, true };
}

static FALLIBLE lower_volume(
		struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	AUTO(list) struct list volumes = { 0 };

	for (size_t i = 0; i < in->words.n; i++) {
		const char *path = NULL;

		TRY(scope_word(lower, &stage->scope, in->words.p[i].text, in->words.p[i].at,
				&path));
		if (path[0] == '\0')
			return error_at(error_new(ERR_INVALID, "VOLUME specified can not be an "
							       "empty string"),
					in->words.p[i].at);
		list_add(&volumes, path);
		(void)named_add(&stage->out->config.volumes, &stage->volumes_at, path);
	}
	AUTO_FREE char *text = xasprintf("VOLUME %s",
			lower_json_words(lower->arena, (const char *const *)volumes.p, volumes.n));
	if (lower->input->makes_volumes)
		make_volumes(lower, stage, in, &volumes, text);
	else
		lower_add_history(stage, text, true);
	return NULL;
}

static FALLIBLE lower_text(struct lower *lower, struct lowered *stage, const struct instruction *in,
		char **field)
{
	const char *value = NULL;

	TRY(scope_word(lower, &stage->scope, in->word.text, in->word.at, &value));
	/* "USER $RUN_AS" without a value is nobody's: root. */
	if (value[0] == '\0' && in->kind != INSTRUCTION_USER)
		return error_at(error_new(ERR_INVALID, "%s '%s' is empty once expanded",
						instruction_name(in->kind), in->word.text),
				in->word.at);
	free(*field);
	*field = xstrdup(value);
	AUTO_FREE char *text = xasprintf("%s %s", instruction_name(in->kind), value);
	lower_add_history(stage, text, true);
	return NULL;
}

static void set_shell(struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	struct list *shell = &stage->out->config.shell;

	list_done(shell);
	for (size_t i = 0; i < in->words.n; i++)
		list_add(shell, in->words.p[i].text);
	AUTO_FREE char *text = xasprintf("SHELL %s",
			lower_json_words(lower->arena, (const char *const *)shell->p, shell->n));
	lower_add_history(stage, text, true);
}

static void lower_healthcheck(
		struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	const struct healthcheck *from = &in->healthcheck;
	struct image_healthcheck *to = &stage->out->config.healthcheck;

	list_done(&to->test);
	*to = (struct image_healthcheck){
		.set = true,
		.interval_ns = from->interval_ns,
		.timeout_ns = from->timeout_ns,
		.start_period_ns = from->start_period_ns,
		.start_interval_ns = from->start_interval_ns,
		.retries = (int)from->retries,
	};
	if (from->is_none) {
		list_add(&to->test, "NONE");
	} else {
		list_add(&to->test, from->command.is_shell ? "CMD-SHELL" : "CMD");
		for (size_t i = 0; i < from->command.argv.n; i++)
			list_add(&to->test, from->command.argv.p[i].text);
	}
	lower_add_history(stage, in->original, true);
}

static void lower_onbuild(struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	list_add(&stage->out->config.on_build, in->onbuild.text);
	AUTO_FREE char *text = xasprintf("ONBUILD %s", in->onbuild.text);
	lower_add_history(stage, text, true);
}

/* "RTMIN", "RTMAX-3" */
static bool is_realtime(const char *name)
{
	uint64_t n = 0;

	if (!text_starts(name, "RTMIN") && !text_starts(name, "RTMAX"))
		return false;
	if (!name[5])
		return true;
	struct error *error = parse_u64(str_of(name + 6), 15, &n);
	error_free(error);
	return !error && name[5] == (name[3] == 'I' ? '+' : '-');
}

/* A number but 0, or a name of Linux with or without SIG, in any case: what runtimes understand. */
static FALLIBLE check_signal(const char *text, struct source_range at)
{
	static const char *const also[] = { "CLD", "IOT", "IO", "POLL" };
	AUTO_FREE char *upper = xstrdup(text ? text : "");
	int64_t number = 0;

	for (char *c = upper; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	const char *name = text_starts(upper, "SIG") ? upper + 3 : upper;
	struct error *error = parse_i64(str_of(upper), INT_MIN, INT_MAX, &number);
	bool is_known = !error && number != 0;
	error_free(error);
	for (int i = 1; i < 32 && !is_known; i++)
		is_known = text_equal(name, sigabbrev_np(i));
	for (size_t i = 0; i < COUNT(also) && !is_known; i++)
		is_known = text_equal(name, also[i]);
	if (is_known || is_realtime(name))
		return NULL;
	return error_hint(error_at(error_new(ERR_INVALID, "invalid signal: %s", text ? text : ""),
					  at),
			"a name such as SIGTERM, or a number");
}

static FALLIBLE lower_maintainer(
		struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	free(stage->out->config.author);
	stage->out->config.author = xstrdup(in->word.text);
	AUTO_FREE char *text = xasprintf("MAINTAINER %s", in->word.text);
	lower_add_history(stage, text, true);
	return NULL;
}

static FALLIBLE lower_by_kind(
		struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	switch (in->kind) {
	case INSTRUCTION_ADD:
	case INSTRUCTION_COPY:
		return lower_copy(lower, stage, in);
	case INSTRUCTION_RUN:
		return lower_run(lower, stage, in);
	case INSTRUCTION_WORKDIR:
		return lower_workdir(lower, stage, in);
	case INSTRUCTION_ARG:
		return lower_arg(lower, stage, in);
	case INSTRUCTION_ENV:
		return lower_env(lower, stage, in);
	case INSTRUCTION_LABEL:
		return lower_label(lower, stage, in);
	case INSTRUCTION_CMD:
	case INSTRUCTION_ENTRYPOINT:
		lower_command(lower, stage, in);
		return NULL;
	case INSTRUCTION_EXPOSE:
		return lower_expose(lower, stage, in);
	case INSTRUCTION_VOLUME:
		return lower_volume(lower, stage, in);
	case INSTRUCTION_STOPSIGNAL:
		TRY(lower_text(lower, stage, in, &stage->out->config.stop_signal));
		return check_signal(stage->out->config.stop_signal, in->at);
	case INSTRUCTION_USER:
		return lower_text(lower, stage, in, &stage->out->config.user);
	case INSTRUCTION_SHELL:
		set_shell(lower, stage, in);
		return NULL;
	case INSTRUCTION_HEALTHCHECK:
		lower_healthcheck(lower, stage, in);
		return NULL;
	case INSTRUCTION_ONBUILD:
		lower_onbuild(lower, stage, in);
		return NULL;
	case INSTRUCTION_MAINTAINER:
		return lower_maintainer(lower, stage, in);
	case INSTRUCTION_FROM:
		break;
	}
	return error_at(error_new(ERR_INVALID, "FROM is not allowed here"), in->at);
}

static FALLIBLE lower_instruction(
		struct lower *lower, struct lowered *stage, const struct instruction *in)
{
	const struct image_config *config = &stage->out->config;

	list_done(&lower->reported);
	TRY(lower_by_kind(lower, stage, in));
	if (stage->scope.visible.n > LIMIT_NAMES || config->labels.n > LIMIT_NAMES ||
			config->volumes.n > LIMIT_NAMES || stage->scope.declared.n > LIMIT_NAMES)
		return error_at(error_new(ERR_LIMIT,
						"the stage has more than %d variables, labels or "
						"volumes",
						LIMIT_NAMES),
				in->at);
	if (lower->steps > LIMIT_STEPS)
		return error_at(error_new(ERR_LIMIT, "the build has more than %d steps",
						LIMIT_STEPS),
				in->at);
	return NULL;
}

/* Only while it is lowered. */
static void drop_indexes(struct lowered *stage)
{
	named_done(&stage->scope.visible_at);
	named_done(&stage->scope.args_at);
	named_done(&stage->scope.declared_at);
	named_done(&stage->env_at);
	named_done(&stage->labels_at);
	named_done(&stage->volumes_at);
	free(TAKE(stage->ports));
}

FALLIBLE lower_stage(struct lower *lower, struct lowered *stage)
{
	const struct instruction **triggers = NULL;
	size_t trigger_count = 0;

	TRY(lower_start(lower, stage));
	TRY(lower_triggers(lower, stage->stage, &triggers, &trigger_count));
	list_done(&stage->out->config.on_build);
	for (size_t i = 0; i < trigger_count; i++)
		TRY(lower_instruction(lower, stage, triggers[i]));
	/* A context that replaces the stage itself is all there is of it. */
	bool is_replaced = lower_replaced(lower, stage->stage) != NULL;
	for (size_t i = 0; i < stage->stage->instruction_count && !is_replaced; i++)
		TRY(lower_instruction(lower, stage, &stage->stage->instructions[i]));
	struct plan_step *steps = arena_array(lower->arena, stage->steps.n, sizeof(*steps));
	if (stage->steps.n)
		memcpy(steps, stage->steps.p, stage->steps.n * sizeof(*steps));
	stage->out->steps = steps;
	stage->out->step_count = stage->steps.n;
	stage->out->args = scope_args(lower, &stage->args);
	stage->out->number_count = stage->steps.n + stage->out->has_base_number;
	drop_indexes(stage);
	return NULL;
}
