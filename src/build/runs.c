#include "build/runs.h"
#include "build/flat.h"
#include "build/instructions.h"
#include "build/mounts.h"
#include "build/turns.h"
#include "build/verify.h"
#include "build/way.h"

#include <unistd.h>

static void declare_stage(struct build *build, struct stage_run *run)
{
	struct progress *progress = build->options->progress;
	const struct plan_stage *stage = run->stage;
	char platform[PLATFORM_TEXT];
	AUTO_FREE char *label = xasprintf("%s%s%s",
			build->is_one_of_many ? platform_text(&build->platform, platform) : "",
			build->is_one_of_many ? " " : "", stage->name);

	AUTO_FREE char *from =
			stage->has_base_number
					? xasprintf("[%s 1/%zu] FROM %s", label,
							  stage->number_count, stage->base_name)
					: xasprintf("[%s] FROM %s", label, stage->base_name);
	run->vertex = progress_vertex(progress, from, NULL, stage->at);
	for (size_t i = 0; i < stage->step_count; i++) {
		const struct plan_step *step = &stage->steps[i];
		AUTO_FREE char *name = xasprintf("[%s %zu/%zu] %s", label, step->number,
				stage->number_count, step->name);

		run->steps[i].vertex = progress_vertex(progress, name, NULL, step->at);
	}
}

void runs_declare(struct build *build)
{
	for (size_t i = 0; i < build->plan->stage_count; i++) {
		struct stage_run *run = &build->stages[i];

		if (run->is_needed && !run->is_blocked && !run->is_finished)
			declare_stage(build, run);
	}
	instructions_declare(build);
	for (size_t i = 0; i < build->plan->stage_count; i++)
		build->stages[i].is_told = !build->stages[i].is_blocked;
}

void runs_make(struct build *build)
{
	const struct plan *plan = build->plan;

	build->stages = xcalloc(plan->stage_count, sizeof(*build->stages));
	build->images = xcalloc(plan->image_count, sizeof(*build->images));
	for (size_t i = 0; i < plan->image_count; i++) {
		struct image_run *run = &build->images[i];

		run->image = plan->images[i];
		run->view_fd = -1;
		pthread_mutex_init(&run->view_lock, NULL);
		if (run->image->image)
			stack_of_image(&build->layers, run->image->image, &run->stack);
	}
	for (size_t i = 0; i < plan->stage_count; i++) {
		struct stage_run *run = &build->stages[i];

		run->stage = plan->stages[i];
		run->view_fd = -1;
		pthread_mutex_init(&run->view_lock, NULL);
		if (run->stage->base.kind == ORIGIN_STAGE)
			run->base = build_stage(build, run->stage->base.stage);
		run->steps = xcalloc(run->stage->step_count, sizeof(*run->steps));
		for (size_t k = 0; k < run->stage->step_count; k++)
			run->steps[k].step = &run->stage->steps[k];
	}
}

static void stage_run_done(struct stage_run *run)
{
	for (size_t i = 0; run->steps && i < run->stage->step_count; i++) {
		free(run->steps[i].record);
		fetched_free(&run->steps[i]);
		select_free(run->steps[i].selection);
		step_verified_free(run->steps[i].verified);
		step_mounts_free(run->steps[i].mounts);
	}
	for (size_t i = 0; i < run->name_count; i++)
		view_names_free(run->names[i]);
	free(run->names);
	free(run->steps);
	turn_leave(run);
	stack_done(&run->stack);
	user_done(&run->user);
	free(run->user_spec);
	flat_free(run->flat);
	if (run->view_fd >= 0)
		(void)close(run->view_fd);
	pthread_mutex_destroy(&run->view_lock);
}

void runs_move(struct stage_run *from, struct stage_run *to)
{
	const struct plan_stage *stage = to->stage;
	struct stage_run *base = to->base;

	for (size_t i = 0; i < stage->step_count; i++)
		fetched_free(&from->steps[i]); /* speaks of from's plan, as nothing else does */
	free(to->steps);
	*to = *from;
	pthread_mutex_init(&to->view_lock, NULL);
	to->stage = stage;
	to->base = base;
	to->at = NULL;
	for (size_t i = 0; i < stage->step_count; i++)
		to->steps[i].step = &stage->steps[i];
	*from = (struct stage_run){ .stage = from->stage, .view_fd = -1 };
	pthread_mutex_init(&from->view_lock, NULL);
}

void runs_done(const struct plan *plan, struct stage_run *stages, struct image_run *images)
{
	for (size_t i = 0; plan && stages && i < plan->stage_count; i++)
		stage_run_done(&stages[i]);
	for (size_t i = 0; plan && images && i < plan->image_count; i++) {
		struct image_run *run = &images[i];

		stack_done(&run->stack);
		if (run->view_fd >= 0)
			(void)close(run->view_fd);
		pthread_mutex_destroy(&run->view_lock);
	}
	free(stages);
	free(images);
}

void build_forget_runs(struct build *build)
{
	exports_free(TAKE(build->exports));
	runs_done(build->plan, TAKE(build->stages), TAKE(build->images));
}
