#include "build/late.h"
#include "build/bases.h"
#include "build/rights.h"
#include "build/runs.h"
#include "build/trees.h"
#include "build/way.h"

/* What the next plan's images are taken from. */
struct reopening {
	struct build *build;
	const bool *ready; /* by stage index: its late base may be opened; NULL: of none */
	bool closes;       /* late bases that are open are not taken over */
};

static struct stage_run *run_of(struct build *build, size_t index)
{
	for (size_t i = 0; i < build->plan->stage_count; i++)
		if (build->plan->stages[i]->index == index)
			return &build->stages[i];
	return NULL;
}

static bool is_closed(const struct plan_stage *stage)
{
	return stage->base.kind == ORIGIN_IMAGE && !stage->base.image->image;
}

static bool is_blocked_at(struct build *build, const struct plan_stage *stage)
{
	const struct stage_run *run = stage ? build_stage(build, stage) : NULL;

	return run && run->is_blocked;
}

static bool reads_blocked(struct build *build, const struct plan_stage *stage)
{
	for (size_t i = 0; i < stage->step_count; i++)
		for (size_t k = 0; plan_step_origin(&stage->steps[i], k); k++)
			if (is_blocked_at(build, plan_step_origin(&stage->steps[i], k)->stage))
				return true;
	return false;
}

static bool has_late(const struct plan *plan)
{
	for (size_t i = 0; i < plan->image_count; i++)
		if (plan->images[i]->late_of)
			return true;
	return false;
}

void late_mark(struct build *build)
{
	if (!has_late(build->plan))
		return;
	/* What a stage reads or waits for is above it. */
	for (size_t index = 0; index <= build->file->stage_count; index++) {
		struct stage_run *run = run_of(build, index);
		const struct plan_stage *stage = run ? run->stage : NULL;

		if (run)
			run->is_blocked = !run->is_finished &&
					  (is_closed(stage) ||
							  is_blocked_at(build, stage->base.stage) ||
							  is_blocked_at(build, stage->after) ||
							  reads_blocked(build, stage));
	}
}

void late_finish(struct build *build)
{
	for (size_t i = 0; i < build->plan->stage_count; i++) {
		struct stage_run *run = &build->stages[i];

		run->is_finished = run->is_finished || (run->is_needed && !run->is_blocked);
	}
}

/* All that it waits for is finished, or not built at all. */
static bool is_ready(const struct build *build, const struct stage_run *run)
{
	if (!run->is_needed || !is_closed(run->stage))
		return false;
	for (size_t i = 0; i < build->plan->stage_count; i++) {
		const struct stage_run *other = &build->stages[i];

		if (other->is_needed && !other->is_finished &&
				plan_stage_waits(run->stage, other->stage))
			return false;
	}
	return true;
}

static struct plan_image *same_image(const struct plan *plan, const struct plan_image *image)
{
	for (size_t i = 0; i < plan->image_count; i++) {
		struct plan_image *other = plan->images[i];

		if (other->late_of == image->late_of && text_equal(other->name, image->name) &&
				platform_equal(&other->platform, &image->platform))
			return other;
	}
	return NULL;
}

/* What is open already is lent, until the new plan is whole. */
static struct error *reopen(void *user, struct plan_image *const *images, size_t n)
{
	const struct reopening *reopening = user;
	AUTO_FREE struct plan_image **fresh = xcalloc(n, sizeof(struct plan_image *));
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		struct plan_image *image = images[i];
		const struct plan_image *known = same_image(reopening->build->plan, image);
		size_t late_of = image->late_of;

		if (known && known->image && !(late_of && reopening->closes)) {
			image->image = known->image;
			image->is_lent = true;
		} else if (!late_of || (reopening->ready && reopening->ready[late_of - 1])) {
			fresh[count++] = image;
		}
	}
	return bases_open(reopening->build, fresh, count);
}

/* Images that were lent are the new plan's own from now on. The others of the old one, which may be
 * freed then, stay until the end: layers know their images. */
static void put_in_place(struct build *build, struct plan *plan)
{
	struct plan *old = build->plan;

	for (size_t i = 0; i < plan->image_count; i++) {
		struct plan_image *image = plan->images[i];

		if (image->is_lent)
			same_image(old, image)->is_lent = true;
		image->is_lent = false;
	}
	for (size_t i = 0; i < old->image_count; i++) {
		struct plan_image *image = old->images[i];

		if (image->image && !image->is_lent)
			vec_push(&build->images_before, image->image);
		image->is_lent = true;
	}
	build->plan = plan;
}

static FALLIBLE plan_again(struct reopening *reopening, struct plan **ret)
{
	struct build *build = reopening->build;
	const struct plan_for what = {
		.scans = true, .platform = build->platform, .open_images = reopen, .user = reopening
	};
	AUTO(plan) struct plan *plan = NULL;

	TRY(build_plan_for(build, &what, &plan));
	TRY(rights_check(build->options, plan));
	*ret = TAKE(plan);
	return NULL;
}

FALLIBLE late_begin(struct build *build)
{
	struct reopening reopening = { .build = build, .closes = true };
	struct plan *old = build->plan, *plan = NULL;
	bool any = false;

	for (size_t i = 0; i < old->image_count; i++)
		any = any || (old->images[i]->late_of && old->images[i]->image);
	if (!any)
		return NULL;
	TRY(plan_again(&reopening, &plan));
	put_in_place(build, plan);
	plan_free(old);
	return NULL;
}

/* Runs of the new plan, with what is finished. */
static void go_on(struct build *build, struct plan *plan)
{
	struct plan *old = build->plan;
	struct stage_run *stages = build->stages;
	struct image_run *images = build->images;

	put_in_place(build, plan);
	runs_make(build);
	for (size_t i = 0; i < old->stage_count; i++) {
		struct stage_run *to = run_of(build, old->stages[i]->index);

		if (to && stages[i].is_finished)
			runs_move(&stages[i], to);
		else if (to)
			to->is_told = stages[i].is_told;
	}
	runs_done(old, stages, images);
	plan_free(old);
}

FALLIBLE late_open(struct build *build, bool *ret_more)
{
	AUTO_FREE bool *ready = xcalloc(build->file->stage_count + 1, sizeof(*ready));
	struct reopening reopening = { .build = build, .ready = ready };
	struct plan *plan = NULL;

	*ret_more = false;
	for (size_t i = 0; i < build->plan->stage_count; i++) {
		const struct stage_run *run = &build->stages[i];

		ready[run->stage->index] = is_ready(build, run);
		*ret_more = *ret_more || ready[run->stage->index];
	}
	if (!*ret_more)
		return NULL;
	TRY(plan_again(&reopening, &plan));
	go_on(build, plan);
	return trees_open(build);
}
