/*
 * Running what must run: stages at the same time where they do not read each other, the steps of a
 * stage in order. A step that the cache has costs nothing here; its layer is described and stays so
 * until something that runs above needs it as a directory.
 *
 * Layers of the image are turned into blobs in the background (exports.h) while later steps run.
 */
#include "base/clock.h"
#include "base/xalloc.h"
#include "build/flat.h"
#include "build/history.h"
#include "build/inplace.h"
#include "build/mounts.h"
#include "build/remote.h"
#include "build/turns.h"
#include "build/verify.h"
#include "stream/pool.h"
#include "sys/rootfs.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

/* --- views --- */

static FALLIBLE copy_of(int fd, int *ret)
{
	*ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return *ret < 0 ? error_sys("open a stage's root again") : NULL;
}

static bool is_bare(const struct build *build)
{
	return userns_is_bare(build->options->userns->mode);
}

/* A RUN of the stage is still to come, or was. */
static bool runs_steps(const struct build *build, const struct stage_run *run)
{
	for (size_t i = 0; i < run->stage->step_count; i++)
		if (run->steps[i].step->kind == STEP_RUN && step_must_run(build, &run->steps[i]))
			return true;
	return false;
}

struct flat *stage_flat(struct build *build, struct stage_run *run, bool for_step)
{
	struct inplace *inplace = for_step || runs_steps(build, run) ? build->inplace : NULL;

	/* What was made for looking only is no place for a step. */
	if (for_step && run->flat && run->flat->inplace != inplace)
		flat_free(TAKE(run->flat));
	if (!run->flat)
		run->flat = flat_new(inplace);
	return run->flat;
}

/* One layer that nothing runs on is looked at where it lies. */
static bool is_flat(const struct build *build, const struct stage_run *run, size_t layers)
{
	return is_bare(build) && (run->flat || layers != 1 || runs_steps(build, run));
}

/* Layers as one directory that stays as it is. */
static FALLIBLE view_of_stack(
		struct build *build, const struct stack *stack, unsigned vertex, int *ret_fd)
{
	if (stack->n > 1 && is_bare(build))
		return flat_view(&build->layers, stack, vertex, ret_fd);
	TRY(stack_need_dirs(&build->layers, stack, vertex));
	return stack_view(&build->layers, stack, ret_fd);
}

/*
 * A stage that ran without mounts has its files in one directory already, or all but its last
 * layers; another copy of the whole would take as long as unpacking its base.
 */
static FALLIBLE view_of_stage(struct build *build, struct stage_run *run)
{
	if (!run->flat)
		return view_of_stack(build, &run->stack, run->vertex, &run->view_fd);
	TRY(flat_leave(&build->layers, run->flat));
	TRY(flat_raise(&build->layers, run->flat, &run->stack, run->vertex));
	return copy_of(run->flat->root_fd, &run->view_fd);
}

/* A stage's view is asked for by several threads, once it is finished. */
FALLIBLE stage_view(struct build *build, struct stage_run *run, int *ret_fd)
{
	struct error *error = NULL;

	pthread_mutex_lock(&run->view_lock);
	if (run->view_fd < 0 && run->stack.n)
		error = view_of_stage(build, run);
	*ret_fd = run->stack.n ? run->view_fd : build->empty_fd;
	pthread_mutex_unlock(&run->view_lock);
	return error;
}

FALLIBLE image_view(struct build *build, struct image_run *run, int *ret_fd)
{
	struct error *error = NULL;

	pthread_mutex_lock(&run->view_lock);
	if (run->view_fd < 0 && run->stack.n) {
		progress_start(build->options->progress, run->vertex);
		error = view_of_stack(build, &run->stack, run->vertex, &run->view_fd);
	}
	*ret_fd = run->stack.n ? run->view_fd : build->empty_fd;
	pthread_mutex_unlock(&run->view_lock);
	return error;
}

static void forget_names(struct stage_run *run)
{
	for (size_t i = 0; i < run->name_count; i++)
		view_names_free(run->names[i]);
	run->name_count = 0;
}

FALLIBLE stage_need_files(struct build *build, struct stage_run *run, unsigned vertex)
{
	if (is_flat(build, run, run->stack.n))
		TRY(flat_raise(&build->layers, stage_flat(build, run, false), &run->stack, vertex));
	else
		TRY(stack_need_dirs(&build->layers, &run->stack, vertex));
	forget_names(run);
	return NULL;
}

FALLIBLE stage_root_owner(struct build *build, const struct stage_run *run, struct owner *ret)
{
	struct stat st;

	if (!run->flat || run->flat->root_fd < 0)
		return stack_root_owner(&build->layers, &run->stack, ret);
	if (fstat(run->flat->root_fd, &st) < 0)
		return error_sys("look at the root of a stage");
	return owner_get_fd(&build->options->userns->owner, run->flat->root_fd, &st, ret);
}

/* A step of the stage, from its step under way on, asks for somebody by name. */
static bool asks_for_users(const struct stage_run *run)
{
	for (size_t i = 0; i < run->stage->step_count; i++) {
		const struct plan_step *step = &run->stage->steps[i];

		if (run->at && step < run->at)
			continue;
		if ((step->kind == STEP_COPY && copy_has_names(&step->copy)) ||
				(step->kind == STEP_WORKDIR && !user_is_numbers(step->user)))
			return true;
	}
	return false;
}

/*
 * Nobody in this build will want the files of the image below, so that its layers need no more than
 * be listed on their way.
 */
static bool only_looks(const struct build *build, const struct stage_run *run)
{
	const struct plan_image *image = plan_stage_image(run->stage);

	if (asks_for_users(run))
		return false;
	for (size_t i = 0; i < build->plan->stage_count; i++) {
		const struct stage_run *other = &build->stages[i];

		if (other != run && other->is_needed && plan_stage_image(other->stage) == image)
			return false;
		for (size_t k = 0; k < other->stage->step_count; k++)
			if (other->is_needed && other->stage->steps[k].kind == STEP_COPY &&
					other->stage->steps[k].copy.origin.image == image)
				return false;
	}
	return true;
}

/*
 * Layers that are not here are looked at through their tables of contents, where homes have these,
 * or as they come, if nobody will want the files themselves.
 */
static FALLIBLE look_at_names(struct build *build, struct stage_run *run, const struct stack *below,
		unsigned vertex, struct view *ret)
{
	size_t dirs = stack_dirs(below), n = 0;
	struct stack bottom = { below->p, dirs, 0 };

	if (dirs == below->n || stage_reads_after(run, run->at))
		return NULL;
	bool has_all = stack_need_names(&build->layers, below, dirs, false);
	if (!has_all && !dirs && only_looks(build, run))
		TRY(stack_list_names(&build->layers, below, vertex, &has_all));
	if (!has_all)
		return NULL;
	ret->owned = xcalloc(below->n - dirs + run->name_count, sizeof(struct view_names *));
	for (size_t i = dirs; i < below->n; i++)
		ret->owned[n++] = below->p[i]->names;
	for (size_t i = 0; i < run->name_count; i++)
		ret->owned[n++] = run->names[i];
	ret->names = ret->owned;
	ret->name_count = n;
	return dirs ? stack_view(&build->layers, &bottom, &ret->fd) : NULL;
}

/* In its plain directory; what it has where a container's files are kept is elsewhere. */
static FALLIBLE look_at_flat(struct build *build, struct stage_run *run, const struct stack *below,
		unsigned vertex, struct view *ret)
{
	struct flat *flat = stage_flat(build, run, false);

	TRY(flat_raise(&build->layers, flat, below, vertex));
	if (flat->inplace) {
		ret->kept = inplace_kept(flat->inplace);
		ret->kept_fd = flat->draft.tree_fd;
	}
	return copy_of(flat->root_fd, &ret->fd);
}

FALLIBLE stage_look(struct build *build, struct stage_run *run, unsigned vertex, struct view *ret)
{
	struct stack below = { run->stack.p, run->stack.n - run->name_count, 0 };

	*ret = (struct view){ .fd = -1,
		.policy = &build->options->userns->owner,
		.names = run->names,
		.name_count = run->name_count };
	if (below.n == 0)
		return NULL;
	/* Names need no mount, if they are all there is. */
	if (!is_bare(build) || (!run->flat && !stack_dirs(&below)))
		TRY(look_at_names(build, run, &below, vertex, ret));
	if (ret->owned)
		return NULL;
	if (is_flat(build, run, below.n))
		return look_at_flat(build, run, &below, vertex, ret);
	TRY(stack_need_dirs(&build->layers, &below, vertex));
	return stack_view(&build->layers, &below, &ret->fd);
}

void stage_look_done(struct view *view)
{
	if (view->fd >= 0)
		(void)close(view->fd);
	view->fd = -1;
	free(TAKE(view->owned));
}

void stage_add_names(struct stage_run *run, struct view_names *names)
{
	run->names = xrealloc(run->names, run->name_count + 1, sizeof(struct view_names *));
	run->names[run->name_count++] = names;
	run->is_named = true;
}

bool stage_reads_after(const struct stage_run *run, const struct plan_step *step)
{
	if (run->is_read)
		return true;
	for (size_t i = 0; i < run->stage->step_count; i++)
		if (&run->stage->steps[i] > step && run->stage->steps[i].kind == STEP_RUN)
			return true;
	return false;
}

FALLIBLE stage_user(struct build *build, struct stage_run *run, const char *spec,
		const struct user **ret)
{
	struct view view = { .fd = -1 };

	*ret = &run->user;
	if (text_equal(run->user_spec, spec) && run->user_height == run->stack.n)
		return NULL;
	TRY(stage_need_files(build, run, run->vertex));
	TRY(stage_look(build, run, run->vertex, &view));
	user_done(&run->user);
	run->user = (struct user){ 0 };
	struct error *error =
			user_lookup(view.fd >= 0 ? view.fd : build->empty_fd, spec, &run->user);
	stage_look_done(&view);
	if (error)
		return error;
	free(run->user_spec);
	run->user_spec = xstrdup(spec);
	run->user_height = run->stack.n;
	return NULL;
}

FALLIBLE stage_owner(struct build *build, struct stage_run *run, const char *spec,
		uint32_t *ret_uid, uint32_t *ret_gid)
{
	struct view view = { .fd = -1 };

	if (user_is_numbers(spec))
		return user_lookup_owner(build->empty_fd, spec, ret_uid, ret_gid);
	/* Names are in files of the stage, so these must be there as files. */
	TRY(stage_need_files(build, run, run->vertex));
	TRY(stage_look(build, run, run->vertex, &view));
	struct error *error = user_lookup_owner(
			view.fd >= 0 ? view.fd : build->empty_fd, spec, ret_uid, ret_gid);
	stage_look_done(&view);
	return error;
}

/* --- steps --- */

/* A layer of the image on its way into a blob. */
static void start_export(struct build *build, const struct stage_run *run, bool is_hit)
{
	const struct build_layer *top = run->stack.p[run->stack.n - 1];
	bool needs_push = !is_hit && build->push_count;
	bool is_blob = top->blob.here || (top->cached && digest_known(&top->blob.digest));

	if (!run->is_exported || !build->exports || (is_blob && !needs_push))
		return;
	exports_add(build->exports, &run->stack);
}

/* Keys that resolve.c could not know: COPY --from of a stage that had to run, and all above it. */
static FALLIBLE key_late(struct build *build, struct stage_run *stage, struct step_run *run,
		const struct digest *parent)
{
	struct select_origin origin;

	if (run->step->kind != STEP_COPY)
		return step_key_look_up(build, stage, run, parent, true);
	const struct plan_origin *from = &run->step->copy.origin;
	struct digest from_digest = { 0 };
	if (copy_is_fetched(&run->step->copy))
		TRY(fetched_identify(build, run, &from_digest));
	else if (from->kind == ORIGIN_CONTEXT || from->kind == ORIGIN_NONE)
		return step_key_context_copy(build, run, parent);
	else if (from->kind == ORIGIN_STAGE)
		from_digest = build_stage(build, from->stage)->key;
	else if (from->kind == ORIGIN_IMAGE)
		from_digest = stack_chain(&build->images[from->image->index].stack,
				build->images[from->image->index].stack.n);
	run->definition = copy_definition(build, run->step, parent, &from_digest);
	TRY(step_copy_origin(build, run, true, &origin));
	TRY(select_make(&origin, &run->step->copy, build->options->cancel, &run->selection));
	if (step_ignores_cache(build, run->step))
		return NULL;
	TRY(select_hash(run->selection, origin_digests(build, from), build->pool,
			build->options->cancel));
	run->content = select_digest(run->selection);
	copy_key(build, run->step, parent, &run->content, &run->key, &run->record);
	run->is_keyed = true;
	TRY(step_look_up(build, run));
	return run->is_hit ? step_remember(build, run, &run->content) : NULL;
}

FALLIBLE step_operate(struct build *build, struct stage_run *stage, struct step_run *run)
{
	switch (run->step->kind) {
	case STEP_RUN:
		return op_run(build, stage, run);
	case STEP_COPY:
		return op_copy(build, stage, run);
	case STEP_WORKDIR:
		return op_workdir(build, stage, run);
	}
	return NULL;
}

/* The key of a COPY or of bind mounts needs the digest of their files, which by now were read. */
static FALLIBLE remember(struct build *build, struct step_run *run, const struct digest *parent)
{
	if (run->step->kind == STEP_COPY) {
		TRY(select_hash(run->selection, origin_digests(build, &run->step->copy.origin),
				build->pool, build->options->cancel));
		run->content = select_digest(run->selection);
		if (!run->is_keyed)
			copy_key(build, run->step, parent, &run->content, &run->key, &run->record);
		run->is_keyed = true;
	}
	if (run_reads_files(run->step)) {
		TRY(mounts_content(build, run, &run->content));
		if (!run->is_keyed)
			step_key(build, run->step, parent, &run->content, &run->key, &run->record);
		run->is_keyed = true;
	}
	return step_remember(build, run, digest_known(&run->content) ? &run->content : NULL);
}

/* What a step says that ran on files that went away meanwhile is worth nothing. */
static FALLIBLE unless_gone(struct build *build, struct error *error)
{
	struct error *gone = layer_set_check_trees(&build->layers);

	if (!gone)
		return error;
	error_ignore(error, "its base is gone");
	return gone;
}

static FALLIBLE run_step(struct build *build, struct stage_run *stage, struct step_run *run,
		struct digest *parent)
{
	struct progress *progress = build->options->progress;
	uint64_t began = clock_monotonic_ns();

	stage->is_named = false;
	stage->at = run->step;
	if (!run->is_keyed)
		TRY(key_late(build, stage, run, parent));
	TRY(turn_take(build, stage, run));
	if (run->is_hit) {
		if (build->options->verify_cache)
			TRY(verify_step(build, stage, run));
		progress_end(progress, run->vertex, PROGRESS_CACHED, NULL);
	} else {
		progress_start(progress, run->vertex);
		stage->is_fresh = stage->is_fresh || run->step->kind == STEP_RUN;
		struct error *error = step_operate(build, stage, run);
		run->took_ns = clock_monotonic_ns() - began;
		TRY(unless_gone(build, error));
		run->created = clock_now_seconds();
		if (run->layer)
			run->layer->created = run->created;
		TRY(remember(build, run, parent));
		progress_end(progress, run->vertex, PROGRESS_DONE, NULL);
	}
	if (run->layer) {
		/* Names speak of the topmost layers only: one without them ends their use. */
		if (!stage->is_named)
			forget_names(stage);
		stack_push(&stage->stack, run->layer);
		start_export(build, stage, run->is_hit);
	}
	*parent = step_after(run->step, parent, &run->key);
	run->is_done = true;
	history_keep_files(build, run);
	select_free(TAKE(run->selection));
	step_mounts_free(TAKE(run->mounts));
	return NULL;
}

/* How many needed stages stand on it, and steps read it. */
static size_t count_readers(const struct build *build, const struct stage_run *run)
{
	size_t count = run->stage == build->plan->target;

	for (size_t i = 0; i < build->plan->stage_count; i++) {
		const struct stage_run *other = &build->stages[i];

		if (!other->is_needed)
			continue;
		count += other->base == run;
		for (size_t k = 0; k < other->stage->step_count; k++)
			for (size_t m = 0; plan_step_origin(other->steps[k].step, m); m++) {
				const struct plan_origin *origin =
						plan_step_origin(other->steps[k].step, m);

				count += origin->kind == ORIGIN_STAGE &&
					 origin->stage == run->stage;
			}
	}
	return count;
}

static void start_stack(struct build *build, struct stage_run *run)
{
	const struct plan_origin *base = &run->stage->base;

	if (run->base)
		stack_copy(&run->base->stack, &run->stack);
	/* Its plain directory goes on with the only one who has a use for it. */
	if (run->base && run->base->flat && !run->flat && count_readers(build, run->base) == 1)
		run->flat = TAKE(run->base->flat);
	else if (base->kind == ORIGIN_IMAGE)
		stack_copy(&build->images[base->image->index].stack, &run->stack);
}

struct error *step_at(const struct plan_step *step, struct error *error)
{
	AUTO_FREE char *name = xstrdup(step->name);

	for (char *p = name; *p && !isspace((unsigned char)*p); p++)
		*p = (char)toupper((unsigned char)*p);
	return error_wrap(error, "building at STEP \"%s\"", name);
}

/* Which step it was. Takes error. */
static struct error *name_step(
		const struct build *build, const struct step_run *run, struct error *error)
{
	const struct plan_step *step = run->step;

	if (!build->options->says_step)
		return error_wrap(error, "[%s %zu/%zu] %s", step->stage->name, step->number,
				step->stage->number_count, step->name);
	if (error_is(error, ERR_EXIT)) {
		int status = error->code;

		error_free(error);
		error = error_code(ERR_EXIT, status, "exit status %d", status);
	}
	return step_at(step, error);
}

static struct error *step_failed(struct build *build, struct step_run *run, struct error *error)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	error_text(error, &text);
	run->is_failed = !error_is(error, ERR_CANCELED);
	/* What failed for a wrong cache record is tried again without it. */
	bool is_over = error_is(error, ERR_CANCELED) || remote_failed(build);
	progress_end(build->options->progress, run->vertex,
			is_over ? PROGRESS_CANCELED : PROGRESS_FAILED, strbuf_text(&text));
	return error_at(name_step(build, run, error), run->step->at);
}

FALLIBLE stage_operate(struct build *build, struct stage_run *run)
{
	struct digest parent = run->key;
	bool any = false;

	start_stack(build, run);
	/* What was foreseen; from here on it is what really ran. */
	run->is_fresh = run->base && run->base->is_fresh;
	if (run->base) {
		parent = run->base->key;
	} else if (run->stage->base.kind == ORIGIN_IMAGE) {
		parent = stack_chain(&run->stack, run->stack.n);
	} else {
		parent = digest_of("scratch", 7);
	}
	for (size_t i = 0; i < run->stage->step_count; i++) {
		struct step_run *step = &run->steps[i];

		struct error *error = cancel_check(build->options->cancel);
		if (!error)
			error = run_step(build, run, step, &parent);
		if (error)
			return step_failed(build, step, error);
		any = any || !step->is_hit;
	}
	turn_leave(run);
	run->key = parent;
	run->is_keyed = true;
	progress_end(build->options->progress, run->vertex, any ? PROGRESS_DONE : PROGRESS_CACHED,
			NULL);
	return NULL;
}
