/*
 * One stage from AST to config and steps. Every instruction adds one history entry; those that
 * touch the file system are in lower_ops.c.
 */
#include "graph/lower.h"
#include "base/map.h"

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
	step->number = stage->steps.n + 1;
	step->name = arena_text(lower->arena, name);
	step->at = in->at;
	step->history = stage->out->config.history.n;
	step->user = arena_text(lower->arena, user ? user : "");
	step->workdir = stage->workdir;
	lower_add_history(stage, history, false);
	return step;
}

FALLIBLE lower_from(struct lower *lower, const struct stage *stage, const char **ret_name,
		struct platform *ret_platform)
{
	const struct from *from = &stage->from->from;
	const char *platform = NULL;

	TRY(scope_word(lower, &lower->globals, from->image, from->image_at, ret_name));
	if ((*ret_name)[0] == '\0')
		return error_hint(
				error_at(error_new(ERR_INVALID, "FROM '%s' is empty once expanded",
							 from->image),
						from->image_at),
				"give the ARG a default before the first FROM, or pass "
				"--build-arg");
	*ret_platform = lower->input->platform;
	if (from->platform) {
		TRY(scope_word(lower, &lower->globals, from->platform, stage->from->at, &platform));
		struct error *error = platform[0] ? platform_parse(str_of(platform), ret_platform)
						  : error_new(ERR_INVALID,
								    "empty platform value from "
								    "expression %s",
								    from->platform);
		const char *meant = error ? lower_meant_global(lower, from->platform) : NULL;
		if (meant)
			error = error_hint(error, "did you mean %s?", meant);
		return error_at(error, stage->from->at);
	}
	return NULL;
}

struct plan_image *lower_image(struct lower *lower, const char *name,
		const struct platform *platform, struct source_range at)
{
	char text[PLATFORM_TEXT];
	AUTO_FREE char *key = xasprintf("%s %s", platform_text(platform, text), name);
	struct plan_image *known = lower->images_at ? map_get(lower->images_at, key) : NULL;

	if (known)
		return known;
	struct plan_image *image = arena_new_of(lower->arena, struct plan_image);
	image->index = lower->images.n;
	image->name = arena_text(lower->arena, name);
	image->platform = *platform;
	image->at = at;
	vec_push(&lower->images, image);
	if (!lower->images_at)
		lower->images_at = map_new(NULL);
	map_set(lower->images_at, key, image);
	return image;
}

FALLIBLE lower_origin(struct lower *lower, const char *name, struct source_range at,
		struct plan_origin *ret)
{
	const struct stage *stage = NULL;
	const struct plan_context *context = lower_context(lower, name);

	if (context) {
		lower_context_origin(lower, context, &lower->input->platform, at, ret);
		if (ret->kind != ORIGIN_NONE)
			return NULL;
		return error_at(error_new(ERR_INVALID, "--from=%s is scratch, which has no files",
						context->name),
				at);
	}
	struct error *error = stage_find(lower->input->file, name, &stage);

	if (error)
		return error_at(error, at);
	if (stage) {
		ret->kind = ORIGIN_STAGE;
		ret->stage = lower->stages[stage->index].out;
		return NULL;
	}
	if (strcmp(name, "scratch") == 0)
		return error_at(error_new(ERR_INVALID, "--from=scratch has no files to copy"), at);
	ret->kind = ORIGIN_IMAGE;
	ret->image = lower_image(lower, name, &lower->input->platform, at);
	return NULL;
}

/* Config of a stage FROM scratch, or what every base must have. */
static void config_defaults(struct image_config *config, const char *os, bool is_scratch)
{
	/* Windows has one of its own, which an image must not hide. */
	if (!list_env_get(&config->env, "PATH") && !text_equal(os, "windows"))
		list_env_set(&config->env, "PATH", PLAN_DEFAULT_PATH);
	if (is_scratch && !config->working_dir)
		config->working_dir = xstrdup("/");
}

FALLIBLE lower_charge(struct lower *lower, size_t entries, struct source_range at)
{
	lower->entries += entries;
	if (lower->entries <= LIMIT_PLAN_ENTRIES)
		return NULL;
	return error_at(error_new(ERR_LIMIT,
					"stages and steps hand on more than %d variables, labels "
					"and "
					"lines of history",
					LIMIT_PLAN_ENTRIES),
			at);
}

static FALLIBLE start_from_stage(
		struct lower *lower, struct lowered *stage, const struct lowered *base)
{
	const struct image_config *config = &base->out->config;

	TRY(lower_charge(lower,
			config->env.n + config->labels.n + config->exposed_ports.n +
					config->volumes.n + config->history.n +
					base->scope.visible.n + base->scope.args.n +
					base->scope.declared.n,
			stage->out->at));
	image_config_copy(&base->out->config, &stage->out->config);
	if (lower->input->drops_labels)
		list_done(&stage->out->config.labels);
	list_add_all(&stage->scope.visible, &base->scope.visible);
	for (size_t i = 0; i < base->scope.args.n; i++)
		if (base->scope.args.p[i][0])
			list_add(&stage->scope.args, base->scope.args.p[i]);
	list_add_all(&stage->scope.declared, &base->scope.declared);
	stage->scope.has_unknown_env = base->scope.has_unknown_env;
	stage->workdir = base->workdir;
	stage->out->base_history = stage->out->config.history.n;
	return NULL;
}

/*
 * History says nothing of some images' layers, or of more than there are. Readers count on one
 * entry a layer: entries are added, or declared empty, from the end.
 */
static void mend_history(struct image_config *config)
{
	size_t layers = 0;

	for (size_t i = 0; i < config->history.n; i++) {
		struct history_entry *entry = &config->history.p[i];

		entry->empty_layer = entry->empty_layer || layers == config->diff_ids.n;
		layers += !entry->empty_layer;
	}
	for (; layers < config->diff_ids.n; layers++)
		image_config_add_history(config, NULL, "layer of the base image", "kiln", false);
}

static void start_from_image(struct lower *lower, struct lowered *stage, const struct image *image)
{
	struct image_config *config = &stage->out->config;

	if (image)
		image_config_copy(&image->config, config);
	if (lower->input->drops_labels)
		list_done(&config->labels);
	mend_history(config);
	stage->out->base_history = config->history.n;
	config_defaults(config, stage->out->platform.os, !image);
	if (!config->platform.os[0])
		config->platform = stage->out->platform;
	list_add_all(&stage->scope.visible, &config->env);
	stage->workdir = lower_path(
			lower->arena, "/", config->working_dir ? config->working_dir : "/");
}

/* What stands in for the stage itself or for what it stands on. */
static const struct plan_context *base_context(
		const struct lower *lower, const struct stage *stage, const char *base)
{
	const struct plan_context *own = lower_replaced(lower, stage);

	return own ? own : lower_context(lower, base);
}

static FALLIBLE start(struct lower *lower, struct lowered *stage)
{
	const struct from *from = &stage->stage->from->from;
	struct plan_stage *out = stage->out;
	const char *name = NULL;

	TRY(lower_from(lower, stage->stage, &name, &out->platform));
	out->base_name = name;
	out->index = stage->stage->index;
	out->has_name = from->name != NULL;
	out->name = from->name ? from->name
			       : arena_printf(lower->arena, "stage-%zu", stage->stage->index);
	out->at = stage->stage->from->at;
	stage->scope.escape = lower->globals.escape;
	stage->scope.budget = LIMIT_EXPANDED_BYTES;
	const struct plan_context *context = base_context(lower, stage->stage, name);
	const struct stage *base =
			context ? NULL
				: stage_by_name(lower->input->file, name, stage->stage->index);
	if (context) {
		out->base_name = arena_text(lower->arena, context->name);
		lower_context_origin(lower, context, &out->platform, from->image_at, &out->base);
		start_from_image(lower, stage, out->base.image ? out->base.image->image : NULL);
		if (out->base.kind == ORIGIN_CONTEXT) {
			out->base.kind = ORIGIN_NONE;
			lower_from_tree(lower, stage, context);
		}
	} else if (base) {
		out->base.kind = ORIGIN_STAGE;
		out->base.stage = lower->stages[base->index].out;
		out->platform = out->base.stage->platform;
		TRY(start_from_stage(lower, stage, &lower->stages[base->index]));
	} else if (strcmp(name, "scratch") == 0) {
		out->base.kind = ORIGIN_NONE;
		start_from_image(lower, stage, NULL);
	} else {
		out->base.kind = ORIGIN_IMAGE;
		out->base.image = lower_image(lower, name, &out->platform, from->image_at);
		start_from_image(lower, stage, out->base.image->image);
		if (!out->base.image->image) {
			/* Not "/": a relative path is good there. */
			stage->scope.has_unknown_env = true;
			stage->workdir = "/unknown";
		}
		lower_lint_base(lower, stage);
	}
	return NULL;
}

FALLIBLE lower_triggers(struct lower *lower, const struct stage *stage,
		const struct instruction ***ret, size_t *ret_count)
{
	struct platform platform;
	const char *name = NULL;
	VEC(const struct instruction *) triggers = { 0 };
	struct error *error = lower_from(lower, stage, &name, &platform);

	if (error)
		return error;
	const struct plan_context *context = base_context(lower, stage, name);
	const struct stage *base =
			context ? NULL : stage_by_name(lower->input->file, name, stage->index);
	if (context && context->image)
		name = context->image;
	if (base) {
		for (size_t i = 0; i < base->instruction_count; i++)
			if (base->instructions[i].kind == INSTRUCTION_ONBUILD)
				vec_push(&triggers, base->instructions[i].onbuild.trigger);
	} else if (context ? context->image != NULL : strcmp(name, "scratch") != 0) {
		const struct plan_image *image =
				lower_image(lower, name, &platform, stage->from->from.image_at);
		const struct list *texts = image->image ? &image->image->config.on_build : NULL;

		for (size_t i = 0; texts && i < texts->n && !error; i++) {
			const char *source = arena_printf(lower->arena, "ONBUILD of %s", name);
			const struct instruction *in = NULL;

			error = instruction_parse_onbuild(
					lower->arena, str_of(texts->p[i]), source, &in);
			if (!error)
				vec_push(&triggers, in);
		}
	}
	const struct instruction **kept = arena_array(lower->arena, triggers.n, sizeof(*kept));
	if (triggers.n)
		memcpy(kept, triggers.p, triggers.n * sizeof(*kept));
	*ret = kept;
	*ret_count = triggers.n;
	vec_done(&triggers);
	return error;
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
		const struct pair *pair = &in->pairs.p[i];

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
	if (is_cmd) {
		config->has_cmd = true;
		stage->cmd_is_set = true;
	} else {
		config->has_entrypoint = true;
		if (!stage->cmd_is_set) {
			list_done(&config->cmd);
			config->has_cmd = false;
		}
	}
	AUTO_FREE char *text = xasprintf("%s %s", instruction_name(in->kind),
			lower_json_words(lower->arena, (const char *const *)list->p, list->n));
	lower_add_history(stage, text, true);
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
			return error_at(error_new(ERR_INVALID, "VOLUME has an empty path"),
					in->words.p[i].at);
		list_add(&volumes, path);
		(void)named_add(&stage->out->config.volumes, &stage->volumes_at, path);
	}
	AUTO_FREE char *text = xasprintf("VOLUME %s",
			lower_json_words(lower->arena, (const char *const *)volumes.p, volumes.n));
	lower_add_history(stage, text, true);
	return NULL;
}

static FALLIBLE lower_text(struct lower *lower, struct lowered *stage, const struct instruction *in,
		char **field)
{
	const char *value = NULL;

	TRY(scope_word(lower, &stage->scope, in->word.text, in->word.at, &value));
	if (value[0] == '\0')
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
		return lower_text(lower, stage, in, &stage->out->config.stop_signal);
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

	TRY(start(lower, stage));
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
	stage->out->number_count = stage->steps.n + 1;
	drop_indexes(stage);
	return NULL;
}
