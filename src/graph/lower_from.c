/*
 * FROM: what a stage and --from= stand on, the config that a stage begins with, and the triggers
 * that its base hands on.
 */
#include "base/map.h"
#include "graph/lower.h"

#include <string.h>

FALLIBLE lower_from(struct lower *lower, const struct stage *stage, const char **ret_name,
		struct platform *ret_platform)
{
	const struct from *from = &stage->from->from;
	const char *platform = NULL;

	TRY(scope_from(lower, stage, from->image, from->image_at, ret_name));
	if ((*ret_name)[0] == '\0')
		return error_hint(error_at(error_new(ERR_INVALID,
							   "base name (%s) should not be blank",
							   from->image),
						  from->image_at),
				"give the ARG a default before the first FROM, or pass "
				"--build-arg");
	*ret_platform = lower->input->platform;
	if (from->platform) {
		TRY(scope_from(lower, stage, from->platform, stage->from->at, &platform));
		struct error *error = platform[0] ? platform_parse(str_of(platform), ret_platform)
						  : error_new(ERR_INVALID,
								    "empty platform value from "
								    "expression %s",
								    from->platform);
		if (error && platform[0])
			error = error_wrap(error, "failed to parse platform %s", from->platform);
		const char *meant = error ? lower_meant_global(lower, from->platform) : NULL;
		if (meant)
			error = error_hint(error, "did you mean %s?", meant);
		return error_at(error, stage->from->at);
	}
	return NULL;
}

struct plan_image *lower_late_image(struct lower *lower, const char *name,
		const struct platform *platform, struct source_range at, size_t late_of)
{
	char text[PLATFORM_TEXT];
	AUTO_FREE char *key = xasprintf("%zu %s %s", late_of, platform_text(platform, text), name);
	struct plan_image *known = lower->images_at ? map_get(lower->images_at, key) : NULL;

	if (known)
		return known;
	struct plan_image *image = arena_new_of(lower->arena, struct plan_image);
	image->index = lower->images.n;
	image->name = arena_text(lower->arena, name);
	image->platform = *platform;
	image->at = at;
	image->late_of = late_of;
	vec_push(&lower->images, image);
	if (!lower->images_at)
		lower->images_at = map_new(NULL);
	map_set(lower->images_at, key, image);
	return image;
}

struct plan_image *lower_image(struct lower *lower, const char *name,
		const struct platform *platform, struct source_range at)
{
	return lower_late_image(lower, name, platform, at, 0);
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

void lower_start_from_image(struct lower *lower, struct lowered *stage, const struct image *image)
{
	struct image_config *config = &stage->out->config;

	if (image)
		image_config_copy(&image->config, config);
	if (lower->input->drops_labels)
		list_done(&config->labels);
	mend_history(config);
	stage->out->base_history = config->history.n;
	config_defaults(config, stage->out->platform.os, !image);
	/* Of scratch, or a base that does not say what every image has to. */
	if (!config->platform.os[0] || !config->platform.architecture[0])
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

FALLIBLE lower_start(struct lower *lower, struct lowered *stage)
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
	if (stage->after)
		out->after = lower->stages[stage->after->index].out;
	stage->scope.escape = lower->globals.escape;
	stage->scope.budget = LIMIT_EXPANDED_BYTES;
	const struct plan_context *context = base_context(lower, stage->stage, name);
	const struct stage *base =
			context ? NULL
				: stage_by_name(lower->input->file, name, stage->stage->index);
	if (context) {
		out->base_name = arena_text(lower->arena, context->name);
		lower_context_origin(lower, context, &out->platform, from->image_at, &out->base);
		lower_start_from_image(
				lower, stage, out->base.image ? out->base.image->image : NULL);
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
		lower_start_from_image(lower, stage, NULL);
	} else {
		out->base.kind = ORIGIN_IMAGE;
		out->base.image = lower_base_image(lower, stage->stage, name, &out->platform);
		lower_start_from_image(lower, stage, out->base.image->image);
		if (!out->base.image->image) {
			/* Not "/": a relative path is good there. */
			stage->scope.has_unknown_env = true;
			stage->workdir = "/unknown";
		}
		lower_lint_base(lower, stage);
	}
	out->has_base_number = out->base.kind == ORIGIN_IMAGE;
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
				context ? lower_image(lower, name, &platform,
							  stage->from->from.image_at)
					: lower_base_image(lower, stage, name, &platform);
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
	const struct instruction **kept =
			arena_array(lower->arena, triggers.n, sizeof(struct instruction *));
	if (triggers.n)
		memcpy(kept, triggers.p, triggers.n * sizeof(struct instruction *));
	*ret = kept;
	*ret_count = triggers.n;
	vec_done(&triggers);
	return error;
}
