/*
 * From the target backwards: which stages are needed, which images those need, then the stages one
 * by one, bases first. ONBUILD triggers of a base image may need further stages and images, so the
 * walk is repeated until nothing new turns up.
 */
#include "graph/plan.h"
#include "graph/lower.h"

#include <string.h>

/* A stage that is being visited, and the stages it reads. */
struct visit {
	const struct stage *stage;
	VEC(const struct stage *) reads;
	size_t next;
};

/* A Dockerfile may chain ten thousand stages: this stack is not the thread's. */
struct visits {
	struct visit *p;
	size_t n, capacity;
};

/* A context in the place of what is read: an image is opened like any other. */
static FALLIBLE read_context(struct lower *lower, const struct plan_context *context,
		const struct platform *platform, struct source_range at)
{
	if (context->image)
		(void)lower_image(lower, context->image, platform, at);
	return NULL;
}

/* As in BuildKit a stage reads those above it alone, so that none can stand in a circle. */
static FALLIBLE check_order(const struct stage *read, const struct stage *reader, const char *verb,
		const char *name)
{
	const char *by = reader->from->from.name;

	if (read->index < reader->index)
		return NULL;
	if (read == reader && text_equal(verb, "copy"))
		return error_new(ERR_INVALID,
				"COPY --from=%s: no stage or image found with that name: circular "
				"dependency detected on stage: %s",
				name, name);
	if (read == reader)
		return error_new(ERR_INVALID, "cannot %s from stage '%s': it is this very stage",
				verb, name);
	return error_hint(
			error_new(ERR_INVALID,
					"cannot %s from stage '%s': it needs to be defined before "
					"current stage%s%s%s",
					verb, name, by ? " '" : "", by ? by : "", by ? "'" : ""),
			"move it up");
}

static FALLIBLE read_name(struct lower *lower, const char *verb, const char *name,
		struct source_range at, struct visit *visit)
{
	const struct stage *stage = NULL;
	const struct plan_context *context = lower_context(lower, name);

	if (context)
		return read_context(lower, context, &lower->input->platform, at);
	struct error *error = stage_find(lower->input->file, name, &stage);

	if (!error && stage)
		error = check_order(stage, visit->stage, verb, name);
	if (error)
		return error_at(error, at);
	if (stage)
		vec_push(&visit->reads, stage);
	else if (strcmp(name, "scratch") != 0)
		(void)lower_image(lower, name, &lower->input->platform, at);
	return NULL;
}

/* The mounts that every RUN has. */
static FALLIBLE read_told(struct lower *lower, const struct instruction *in, struct visit *visit)
{
	const struct list *told = lower->input->run_mounts;

	for (size_t i = 0; told && i < told->n; i++) {
		const struct flag flag = { "mount", told->p[i], told->p[i], in->at };
		const char *name = NULL;

		TRY(lower_told_name(lower, &flag, &name));
		if (name)
			TRY(read_name(lower, "mount", name, in->at, visit));
	}
	return NULL;
}

/* names: the scope of names with variables, or NULL. */
static FALLIBLE read_from(struct lower *lower, const struct instruction *in, struct scope *names,
		struct visit *visit)
{
	const char *name = NULL;

	if (in->kind == INSTRUCTION_RUN) {
		for (size_t i = 0; i < in->run.mount_count; i++) {
			const struct flag *mount = in->run.mounts[i];

			TRY(lower_name(lower, names, mount, true, &name));
			if (name)
				TRY(read_name(lower, "mount", name, mount->at, visit));
		}
		return read_told(lower, in, visit);
	}
	if ((in->kind != INSTRUCTION_COPY && in->kind != INSTRUCTION_ADD) || !in->copy.from)
		return NULL;
	TRY(lower_name(lower, names, in->copy.from, false, &name));
	return read_name(lower, "copy", name, in->copy.from->at, visit);
}

static FALLIBLE read_own(struct lower *lower, struct visit *visit)
{
	const struct stage *stage = visit->stage;
	struct scope names = { 0 };
	bool has_names = lower_names_begin(lower, stage, &names);
	struct error *error = NULL;

	for (size_t i = 0; i < stage->instruction_count && !error; i++) {
		const struct instruction *in = &stage->instructions[i];

		if (has_names)
			error = lower_names_arg(lower, &names, in);
		if (!error)
			error = read_from(lower, in, has_names ? &names : NULL, visit);
	}
	scope_done(&names);
	return error;
}

/* What a stage reads: its base, then --from of the base's triggers, then its own. */
static FALLIBLE find_reads(struct lower *lower, struct visit *visit)
{
	const struct stage *stage = visit->stage;
	const struct instruction **triggers = NULL;
	struct platform platform;
	const char *name = NULL;
	size_t trigger_count = 0;
	const struct stage *after = NULL;

	TRY(lower_from(lower, stage, &name, &platform));
	TRY(lower_after(lower, stage, &after));
	if (after)
		vec_push(&visit->reads, after);
	const struct plan_context *own = lower_replaced(lower, stage);
	const struct plan_context *context = own ? own : lower_context(lower, name);
	const struct stage *base =
			context ? NULL : stage_by_name(lower->input->file, name, stage->index);
	if (context)
		TRY(read_context(lower, context, &platform, stage->from->from.image_at));
	else if (base)
		vec_push(&visit->reads, base);
	else if (strcmp(name, "scratch") != 0)
		(void)lower_base_image(lower, stage, name, &platform);
	TRY(lower_triggers(lower, stage, &triggers, &trigger_count));
	for (size_t i = 0; i < trigger_count; i++)
		TRY(read_from(lower, triggers[i], NULL, visit));
	return own ? NULL : read_own(lower, visit);
}

static FALLIBLE enter(struct lower *lower, struct visits *visits, const struct stage *stage)
{
	if (lower->marks[stage->index])
		return NULL;
	lower->marks[stage->index] = true;
	struct visit *visit = vec_add(visits);
	visit->stage = stage;
	return find_reads(lower, visit);
}

static FALLIBLE visit_open(struct lower *lower, struct visits *visits)
{
	while (visits->n) {
		struct visit *top = &visits->p[visits->n - 1];

		if (top->next < top->reads.n) {
			TRY(enter(lower, visits, top->reads.p[top->next++]));
			continue;
		}
		vec_push(&lower->order, top->stage);
		vec_done(&top->reads);
		visits->n--;
	}
	return NULL;
}

static bool is_wanted(const struct lower *lower, size_t stage)
{
	return lower->input->all_stages || lower->stages[stage].out->is_wanted;
}

/* Depth first; a stage lands in lower->order behind all it reads. */
static FALLIBLE visit(struct lower *lower, const struct stage *target)
{
	const struct dockerfile *file = lower->input->file;
	struct visits visits = { 0 };
	struct error *error = enter(lower, &visits, target);

	if (!error)
		error = visit_open(lower, &visits);
	for (size_t i = 0; i < file->stage_count && !error; i++) {
		if (!is_wanted(lower, i))
			continue;
		error = enter(lower, &visits, &file->stages[i]);
		if (!error)
			error = visit_open(lower, &visits);
	}
	for (size_t i = 0; i < visits.n; i++)
		vec_done(&visits.p[i].reads);
	vec_done(&visits);
	return error;
}

/* Visit and open images until a visit names no new one. */
static FALLIBLE visit_all(struct lower *lower, const struct stage *target)
{
	size_t opened = 0;

	for (;;) {
		memset(lower->marks, 0, lower->input->file->stage_count);
		lower->order.n = 0;
		TRY(visit(lower, target));
		size_t n = lower->images.n;
		if (n == opened)
			return NULL;
		TRY(lower->input->open_images(
				lower->input->user, lower->images.p + opened, n - opened));
		opened = n;
	}
}

/* NULL and "" are the last stage. */
static FALLIBLE find_target(
		const struct dockerfile *file, const char *name, const struct stage **ret)
{
	if (!name || !name[0]) {
		*ret = &file->stages[file->stage_count - 1];
		return NULL;
	}
	TRY_WRAP(stage_find(file, name, ret), "target '%s'", name);
	if (*ret)
		return NULL;
	struct error *error =
			error_new(ERR_NOT_FOUND, "target stage \"%s\" could not be found", name);
	const char *near = stage_suggest(file, name);
	return near ? error_hint(error, "did you mean %s?", near) : error;
}

static FALLIBLE want_also(struct lower *lower, const struct stage *target)
{
	const struct list *also = lower->input->also;
	const struct stage *stage = NULL;

	for (size_t i = 0; also && i < also->n; i++) {
		TRY(find_target(lower->input->file, also->p[i], &stage));
		lower->stages[stage->index].out->is_wanted = true;
	}
	for (size_t i = 0; lower->input->up_to_target && i <= target->index; i++)
		lower->stages[i].out->is_wanted = true;
	return NULL;
}

static void add_labels(const struct plan_input *input, struct plan_stage *target)
{
	for (size_t i = 0; input->labels && i < input->labels->n; i++) {
		struct str name, value;

		(void)str_cut(str_of(input->labels->p[i]), '=', &name, &value);
		AUTO_FREE char *key = str_dup(name);
		list_env_set(&target->config.labels, key, value.p);
	}
}

static FALLIBLE lower_all(struct lower *lower, const struct stage *target, struct plan *plan)
{
	TRY(want_also(lower, target));
	TRY(lower_check_names(lower));
	TRY(scope_globals(lower));
	lower->scanner = lower_scan_image(lower);
	TRY(visit_all(lower, target));
	for (size_t i = 0; i < lower->order.n; i++)
		TRY(lower_stage(lower, &lower->stages[lower->order.p[i]->index]));
	add_labels(lower->input, lower->stages[target->index].out);
	return lower_scan(lower, target, &plan->scan);
}

static void hand_over(struct lower *lower, const struct stage *target, struct plan *plan)
{
	struct plan_stage **stages =
			arena_array(plan->arena, lower->order.n + 1, sizeof(struct plan_stage *));
	struct plan_image **images =
			arena_array(plan->arena, lower->images.n, sizeof(struct plan_image *));

	for (size_t i = 0; i < lower->order.n; i++)
		stages[i] = lower->stages[lower->order.p[i]->index].out;
	for (size_t i = 0; i < lower->images.n; i++)
		images[i] = lower->images.p[i];
	plan->stages = stages;
	plan->stage_count = lower->order.n;
	if (plan->scan)
		stages[plan->stage_count++] = plan->scan;
	plan->images = images;
	plan->image_count = lower->images.n;
	plan->target = lower->stages[target->index].out;
	plan->platform = lower->input->platform;
	plan->global_args = scope_args(lower, &lower->global_args);
}

/* The parts of lower that are not in the arena. The stages' configs stay with the plan. */
static void lower_done(struct lower *lower, size_t stage_count)
{
	for (size_t i = 0; i < stage_count; i++) {
		scope_done(&lower->stages[i].scope);
		vec_done(&lower->stages[i].steps);
		vec_done(&lower->stages[i].args);
		named_done(&lower->stages[i].env_at);
		named_done(&lower->stages[i].labels_at);
		named_done(&lower->stages[i].volumes_at);
		free(lower->stages[i].ports);
	}
	scope_done(&lower->globals);
	vec_done(&lower->global_args);
	vec_done(&lower->images);
	vec_done(&lower->order);
	list_done(&lower->reported);
	map_free(lower->images_at);
	map_free(lower->names_at);
}

const struct plan_image *plan_stage_image(const struct plan_stage *stage)
{
	while (stage->base.kind == ORIGIN_STAGE)
		stage = stage->base.stage;
	return stage->base.kind == ORIGIN_IMAGE ? stage->base.image : NULL;
}

bool plan_stage_waits(const struct plan_stage *stage, const struct plan_stage *other)
{
	return stage->after == other || (stage->is_after_all && other->index < stage->index);
}

FALLIBLE plan_new(const struct plan_input *input, struct plan **ret)
{
	const struct dockerfile *file = input->file;
	const struct stage *target = NULL;

	TRY(find_target(file, input->target, &target));
	AUTO(plan) struct plan *plan = xcalloc(1, sizeof(*plan));
	plan->arena = arena_new();
	struct lower lower = {
		.input = input,
		.arena = plan->arena,
		.globals = { .budget = LIMIT_EXPANDED_BYTES,
				.escape = file->directives.escape_char },
	};
	lower.stages = arena_array(plan->arena, file->stage_count, sizeof(*lower.stages));
	lower.marks = arena_array(plan->arena, file->stage_count, sizeof(*lower.marks));
	for (size_t i = 0; i < file->stage_count; i++) {
		lower.stages[i].stage = &file->stages[i];
		lower.stages[i].out = arena_new_of(plan->arena, struct plan_stage);
	}
	struct error *error = lower_all(&lower, target, plan);
	hand_over(&lower, target, plan);
	plan->epoch = arena_text(
			plan->arena, named_get(&lower.globals.visible, &lower.globals.visible_at,
						     "SOURCE_DATE_EPOCH"));
	lower_done(&lower, file->stage_count);
	if (error)
		return error;
	*ret = TAKE(plan);
	return NULL;
}

bool plan_epoch_is_number(const char *text)
{
	return text[strspn(text, "-0123456789")] == '\0';
}

const struct plan_origin *plan_step_origin(const struct plan_step *step, size_t i)
{
	if (step->kind == STEP_COPY)
		return i == 0 ? &step->copy.origin : NULL;
	if (step->kind == STEP_RUN)
		return i < step->run.mount_count ? &step->run.mounts[i].origin : NULL;
	return NULL;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->stage_count; i++)
		image_config_done(&plan->stages[i]->config);
	for (size_t i = 0; i < plan->image_count; i++)
		if (!plan->images[i]->is_lent)
			image_free(plan->images[i]->image);
	arena_free(plan->arena);
	free(plan);
}
