/*
 * A scanner as a stage of its own: the image's command runs with the target's files, and those of
 * other stages that ask for it, beside it.
 *
 * Which these are, ARGs say: BUILDKIT_SBOM_SCAN_STAGE of a stage that the stage is looked through,
 * BUILDKIT_SBOM_SCAN_CONTEXT of the target that the build context is. Before the first FROM they
 * are for all.
 */
#include "base/str.h"
#include "graph/lower.h"

#include <string.h>

#define SCAN_EXTRAS "/run/src/extras"

struct plan_image *lower_scan_image(struct lower *lower)
{
	const struct plan_scanner *scanner = lower->input->scanner;

	return scanner ? lower_image(lower, scanner->image, &lower->input->build_platform,
					 (struct source_range){ 0 })
		       : NULL;
}

static const char *arg_of(const struct plan_args *args, const char *name)
{
	for (size_t i = args->n; i-- > 0;)
		if (text_equal(args->p[i].pair->name, name))
			return args->p[i].value;
	return NULL;
}

/* As Go's strconv.ParseBool knows it. */
static bool is_true(const char *text)
{
	static const char *const words[] = { "1", "t", "T", "true", "TRUE", "True" };

	for (size_t i = 0; i < COUNT(words); i++)
		if (text_equal(text, words[i]))
			return true;
	return false;
}

/* A truth, or names of stages with commas. */
static bool is_said(const char *value, const char *stage)
{
	struct str rest = str_of(value ? value : "");

	if (is_true(value))
		return true;
	while (rest.n) {
		struct str word = rest, behind = { 0 };

		(void)str_cut(rest, ',', &word, &behind);
		if (str_is(str_trim(word), stage))
			return true;
		rest = behind;
	}
	return false;
}

static bool is_asked(const struct lower *lower, const struct plan_args *globals,
		const struct plan_stage *stage, const char *name)
{
	const char *own = arg_of(&stage->args, name);

	return is_said(own ? own : arg_of(globals, name), stage->name);
}

static void add_mount(struct lower *lower, enum mount_type type, const char *target,
		struct plan_origin origin, struct plan_run *run)
{
	struct plan_mount *mounts =
			arena_array(lower->arena, run->mount_count + 1, sizeof(*mounts));

	if (run->mount_count)
		memcpy(mounts, run->mounts, run->mount_count * sizeof(*mounts));
	mounts[run->mount_count] = (struct plan_mount){
		.as = { .type = type, .target = target, .is_read_only = type == MOUNT_BIND },
		.target = target,
		.source = "",
		.origin = origin,
	};
	run->mounts = mounts;
	run->mount_count++;
}

/* How many besides the target are looked through. */
static FALLIBLE add_extras(struct lower *lower, const struct plan_stage *target,
		struct plan_run *run, size_t *ret)
{
	struct plan_args globals = scope_args(lower, &lower->global_args);

	*ret = 0;
	if (is_asked(lower, &globals, target, "BUILDKIT_SBOM_SCAN_CONTEXT")) {
		add_mount(lower, MOUNT_BIND, SCAN_EXTRAS "/sbom-context",
				(struct plan_origin){ .kind = ORIGIN_CONTEXT }, run);
		++*ret;
	}
	for (size_t i = 0; i < lower->order.n; i++) {
		struct plan_stage *stage = lower->stages[lower->order.p[i]->index].out;

		if (stage == target ||
				!is_asked(lower, &globals, stage, "BUILDKIT_SBOM_SCAN_STAGE"))
			continue;
		if (run->mount_count >= LIMIT_STEP_MOUNTS)
			return error_new(ERR_LIMIT,
					"BUILDKIT_SBOM_SCAN_STAGE: more than %d stages to scan",
					LIMIT_STEP_MOUNTS);
		add_mount(lower, MOUNT_BIND,
				arena_printf(lower->arena, SCAN_EXTRAS "/sbom-%s", stage->name),
				(struct plan_origin){ .kind = ORIGIN_STAGE, .stage = stage }, run);
		++*ret;
	}
	return NULL;
}

static void fill_env(struct lower *lower, const struct lowered *stage, size_t extras,
		struct plan_run *run)
{
	const struct list *params = lower->input->scanner->params;
	AUTO(list) struct list env = { 0 };

	list_add_all(&env, &stage->scope.visible);
	list_env_set(&env, "BUILDKIT_SCAN_DESTINATION", PLAN_SCAN_OUT "/");
	list_env_set(&env, "BUILDKIT_SCAN_SOURCE", PLAN_SCAN_CORE);
	if (extras)
		list_env_set(&env, "BUILDKIT_SCAN_SOURCE_EXTRAS", SCAN_EXTRAS "/");
	for (size_t i = 0; params && i < params->n; i++)
		list_addf(&env, "BUILDKIT_SCAN_%s", params->p[i]);
	run->env = lower_texts(lower->arena, &env);
}

static FALLIBLE fill_command(struct lower *lower, const struct lowered *stage, struct plan_run *run)
{
	const struct image_config *config = &stage->out->config;
	AUTO(list) struct list argv = { 0 };

	list_add_all(&argv, &config->entrypoint);
	list_add_all(&argv, &config->cmd);
	if (!argv.n)
		return error_hint(error_new(ERR_INVALID,
						  "the SBOM generator '%s' has no command to run",
						  stage->out->base_name),
				"an image that follows BuildKit's SBOM scanning protocol has an "
				"ENTRYPOINT or a CMD");
	run->argv = lower_texts(lower->arena, &argv);
	return NULL;
}

static FALLIBLE add_steps(
		struct lower *lower, struct lowered *stage, const struct plan_stage *target)
{
	static const struct instruction nowhere = { 0 };
	struct plan_origin core = { .kind = ORIGIN_STAGE,
		.stage = lower->stages[target->index].out };
	const char **paths = arena_array(lower->arena, 1, sizeof(*paths));
	const char *name = arena_printf(
			lower->arena, "generating sbom using %s", stage->out->base_name);
	struct plan_run run = { 0 };
	size_t extras = 0;

	TRY(fill_command(lower, stage, &run));
	add_mount(lower, MOUNT_TMPFS, "/tmp", (struct plan_origin){ 0 }, &run);
	add_mount(lower, MOUNT_BIND, PLAN_SCAN_CORE, core, &run);
	TRY(add_extras(lower, target, &run, &extras));
	fill_env(lower, stage, extras, &run);
	paths[0] = PLAN_SCAN_OUT;
	struct plan_step *step = lower_add_step(lower, stage, STEP_WORKDIR, &nowhere,
			"WORKDIR " PLAN_SCAN_OUT, "WORKDIR " PLAN_SCAN_OUT);
	step->user = "";
	step->workdir_step = (struct plan_workdir){ .paths = paths, .count = 1 };
	step = lower_add_step(lower, stage, STEP_RUN, &nowhere, name, name);
	step->user = "";
	step->run = run;
	return NULL;
}

static void hand_over(struct lower *lower, struct lowered *stage)
{
	struct plan_step *steps = arena_array(lower->arena, stage->steps.n, sizeof(*steps));

	if (stage->steps.n)
		memcpy(steps, stage->steps.p, stage->steps.n * sizeof(*steps));
	stage->out->steps = steps;
	stage->out->step_count = stage->steps.n;
	stage->out->number_count = stage->steps.n + stage->out->has_base_number;
	vec_done(&stage->steps);
	scope_done(&stage->scope);
}

FALLIBLE lower_scan(struct lower *lower, const struct stage *target, struct plan_stage **ret)
{
	struct plan_stage *out = NULL;

	if (!lower->scanner)
		return NULL;
	out = arena_new_of(lower->arena, struct plan_stage);
	struct lowered stage = { .out = out, .scope = { .escape = lower->globals.escape } };
	out->index = lower->input->file->stage_count;
	out->name = "sbom";
	out->has_name = true;
	out->is_wanted = true;
	out->platform = lower->input->build_platform;
	out->base = (struct plan_origin){ .kind = ORIGIN_IMAGE, .image = lower->scanner };
	out->has_base_number = true;
	out->base_name = lower->scanner->name;
	lower_start_from_image(lower, &stage, lower->scanner->image);
	struct error *error = add_steps(lower, &stage, lower->stages[target->index].out);
	hand_over(lower, &stage);
	*ret = out;
	return error;
}
