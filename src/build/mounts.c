/*
 * Bind mounts on their way to the sandbox:
 *
 *	context   its own directory, where that is what a COPY would bring (mount_live.c); else a
 *	          copy in the store's scratch. Writes go to the copy, or to an overlay above.
 *	stage,    an overlay of its layers, with a scratch directory on top for writes
 *	image
 *	nothing   an empty directory
 */
#include "build/mounts.h"
#include "build/agent.h"
#include "build/secrets.h"
#include "sys/fd.h"
#include "sys/path.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct step_mounts *step_mounts(struct step_run *run)
{
	const struct plan_run *plan = &run->step->run;

	if (run->mounts || run->step->kind != STEP_RUN || plan->mount_count == 0)
		return run->mounts;
	run->mounts = xcalloc(1, sizeof(*run->mounts));
	run->mounts->p = xcalloc(plan->mount_count, sizeof(*run->mounts->p));
	run->mounts->n = plan->mount_count;
	for (size_t i = 0; i < plan->mount_count; i++)
		run->mounts->p[i] = (struct step_mount){
			.plan = &plan->mounts[i], .draft_fd = -1, .context_fd = -1
		};
	return run->mounts;
}

void step_mounts_free(struct step_mounts *mounts)
{
	if (!mounts)
		return;
	for (size_t i = 0; i < mounts->n; i++) {
		struct step_mount *mount = &mounts->p[i];

		select_free(mount->selection);
		agent_stop(mount->agent);
		free(mount->ssh_target);
		layer_draft_done(&mount->draft);
		if (mount->draft_fd >= 0)
			(void)close(mount->draft_fd);
		if (mount->context_fd >= 0)
			(void)close(mount->context_fd);
		free(mount->layers);
	}
	mount_caches_done(mounts);
	free(mounts->p);
	vec_done(&mounts->ready);
	for (size_t i = 0; i < mounts->env.n; i++)
		explicit_bzero(mounts->env.p[i], strlen(mounts->env.p[i]));
	list_done(&mounts->env);
	secrets_free(mounts->secrets);
	free(mounts);
}

FALLIBLE mount_scratch(const struct build_options *options, const struct owner *root,
		struct layer_draft *draft, int *ret_fd, struct sandbox_mount *out)
{
	AUTO_FD int dir_fd = -1, work_fd = -1;

	TRY(layer_begin(options->store, draft));
	TRY(file_open(store_dir_fd(options->store), draft->dir, O_PATH | O_DIRECTORY, 0, &dir_fd));
	TRY(file_open(dir_fd, path_name(draft->work), O_RDONLY | O_DIRECTORY, 0, &work_fd));
	TRY(owner_set_fd(&options->userns->owner, draft->tree_fd, root));
	TRY(owner_set_fd(&options->userns->owner, work_fd, root));
	out->upper = (struct mount_dir){ dir_fd, path_name(draft->tree) };
	out->work = (struct mount_dir){ dir_fd, path_name(draft->work) };
	*ret_fd = TAKE_FD(dir_fd);
	return NULL;
}

/* No files at all: FROM scratch, or a stage that made none. */
static void show_nothing(struct sandbox_mount *out)
{
	out->kind = SANDBOX_TMPFS;
	out->mode = 0755;
}

static FALLIBLE show_stack(struct build *build, struct step_mount *mount, const struct stack *stack,
		struct sandbox_mount *out)
{
	struct owner root;

	if (stack->n == 0) {
		show_nothing(out);
		return NULL;
	}
	out->kind = SANDBOX_LAYERS;
	if (userns_is_bare(build->options->userns->mode)) {
		/* Copied anyway: from the view, whose layers need not be directories. */
		mount->layers = xcalloc(1, sizeof(*mount->layers));
		mount->layers[0] = (struct mount_dir){ mount->selection->fd, NULL };
		out->n_layers = 1;
	} else {
		mount->layers = stack_mount_dirs(&build->layers, stack, &out->n_layers);
	}
	out->layers = mount->layers;
	out->subpath = mount->selection->items.p[0].path;
	if (out->read_only)
		return NULL;
	TRY(stack_root_owner(&build->layers, stack, &root));
	return mount_scratch(build->options, &root, &mount->draft, &mount->draft_fd, out);
}

static FALLIBLE show_copy(struct build *build, struct step_run *run, size_t i,
		const struct user *user, struct sandbox_mount *out)
{
	struct step_mount *mount = &run->mounts->p[i];

	TRY(mount_copy(build, run, i, user));
	const struct select_group *group = &mount->selection->groups.p[0];
	out->kind = SANDBOX_BIND;
	out->source = (struct mount_dir){ mount->draft.tree_fd,
		group->is_dir ? NULL : group->name };
	return NULL;
}

static FALLIBLE prepare_bind(
		struct build *build, struct step_run *run, size_t i, struct sandbox_mount *out)
{
	struct step_mount *mount = &step_mounts(run)->p[i];
	const struct plan_origin *origin = &mount->plan->origin;

	TRY(mount_look(build, run, i));
	/* An overlay shows its layers' owners: what is given away has to be a copy. */
	if (mount->plan->as.takes_over && origin->kind != ORIGIN_NONE)
		return show_copy(build, run, i, run->mounts->user, out);
	switch (origin->kind) {
	case ORIGIN_NONE:
		show_nothing(out);
		return NULL;
	case ORIGIN_STAGE:
		return show_stack(build, mount, &build_stage(build, origin->stage)->stack, out);
	case ORIGIN_IMAGE:
		return show_stack(build, mount, &build->images[origin->image->index].stack, out);
	case ORIGIN_CONTEXT:
		break;
	}
	bool is_shown = false;

	TRY(mount_show_live(build, run, i, out, &is_shown));
	return is_shown ? NULL : show_copy(build, run, i, NULL, out);
}

static FALLIBLE prepare_mount(
		struct build *build, struct step_run *run, size_t i, struct sandbox_mount *out)
{
	const struct plan_mount *plan = &run->step->run.mounts[i];

	out->target = plan->target;
	out->read_only = plan->as.is_read_only;
	out->no_exec = plan->as.no_exec;
	out->has_set_id = plan->as.has_set_id;
	out->is_flat = plan->as.is_flat;
	out->propagation = mount_propagation_flag(plan->as.propagation);
	out->propagates_below = plan->as.propagates_below;
	switch (plan->as.type) {
	case MOUNT_BIND:
		return prepare_bind(build, run, i, out);
	case MOUNT_TMPFS:
		out->kind = SANDBOX_TMPFS;
		out->size_bytes = plan->as.size;
		out->mode = plan->as.has_tmpfs_mode ? plan->as.mode : 0;
		if (plan->as.takes_over) {
			out->uid = run->mounts->user->uid;
			out->gid = run->mounts->user->gid;
		}
		return NULL;
	case MOUNT_CACHE:
		return mount_cache_show(build, run->mounts, i, out);
	case MOUNT_SECRET:
		return mount_secret_show(build, run->mounts, i, out);
	case MOUNT_SSH:
		return mount_ssh_show(build, run->mounts, i, out);
	}
	return NULL;
}

static size_t depth_of(const char *path)
{
	size_t depth = 0;

	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

void mounts_add_ready(struct ready_mounts *ready, const struct sandbox_mount *mount)
{
	size_t at = ready->n;

	vec_push(ready, *mount);
	for (; at > 0 && depth_of(ready->p[at - 1].target) > depth_of(mount->target); at--)
		ready->p[at] = ready->p[at - 1];
	ready->p[at] = *mount;
}

FALLIBLE mounts_prepare(struct build *build, struct step_run *run, const struct user *user)
{
	struct step_mounts *mounts = step_mounts(run);

	if (!mounts)
		return NULL;
	mounts->user = user;
	TRY(mount_caches_take(build, run));
	for (size_t i = 0; i < mounts->n; i++) {
		struct sandbox_mount mount = { 0 };
		struct error *error = prepare_mount(build, run, i, &mount);

		if (error)
			return error_at(error, mounts->p[i].plan->as.at);
		if (mount.kind)
			mounts_add_ready(&mounts->ready, &mount);
	}
	if (mounts->secrets)
		secrets_ready(mounts->secrets);
	return NULL;
}

void mounts_release(struct step_run *run)
{
	if (!run->mounts)
		return;
	mount_caches_done(run->mounts);
	for (size_t i = 0; i < run->mounts->n; i++)
		agent_stop(TAKE(run->mounts->p[i].agent));
}
