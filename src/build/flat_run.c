/*
 * A RUN on a plain directory. Mounts of layers, which an overlay would show, are merged copies
 * here, lent to the step as a whole: whatever it writes there goes away with them.
 */
#include "build/flat.h"
#include "build/inplace.h"
#include "build/stack_inner.h"
#include "build/state.h"
#include "layer/squash.h"
#include "sandbox/sandbox.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <string.h>

struct merged {
	struct layer_draft *p;
	size_t n;
};

static void merged_done(struct merged *merged)
{
	for (size_t i = 0; i < merged->n; i++)
		layer_draft_done(&merged->p[i]);
	free(merged->p);
}

DEFINE_AUTO_VALUE(merged)

/* Layers of one place (path in each), merged. */
static FALLIBLE merge(struct build *build, const struct mount_dir *layers, size_t n,
		const char *inner, struct layer_draft *draft)
{
	const struct owner_policy policy = build->options->userns->owner;
	const struct apply_options apply = { APPLY_ROOTFS, policy, NULL };
	AUTO(lower_fds) struct lower_fds fds = { xcalloc(n, sizeof(int)), 0 };
	AUTO(entry_sink) struct entry_sink *sink = NULL;
	uint64_t entries = 0;

	for (size_t i = 0; i < n; i++) {
		const char *path = inner ? inner : layers[i].path;

		fds.p[fds.n] = -1;
		TRY(rootfs_open(layers[i].fd, path && *path ? path : ".", O_RDONLY | O_DIRECTORY, 0,
				&fds.p[fds.n++]));
	}
	struct squash_options squash = { .policy = policy,
		.uppers = { fds.p, fds.n },
		.below_root = { .mode = S_IFDIR | 0755 },
		.cancel = build->options->cancel };
	sink = apply_sink(draft->tree_fd, &apply);
	TRY(squash_uppers(&squash, sink, &entries));
	return entry_sink_close(TAKE(sink));
}

/* A copy of what the step is to have, and of no more than that where it is a directory. */
static FALLIBLE lend(struct build *build, const struct sandbox_mount *wanted,
		struct sandbox_mount *mount, struct layer_draft *draft)
{
	struct stat st = { .st_mode = S_IFREG };

	TRY(layer_begin(build->options->store, draft));
	*mount = (struct sandbox_mount){ .kind = SANDBOX_BIND,
		.target = wanted->target,
		.source = { draft->tree_fd, wanted->subpath } };
	if (wanted->n_layers == 1 && wanted->subpath && *wanted->subpath && !wanted->layers[0].path)
		TRY(rootfs_stat(wanted->layers[0].fd, wanted->subpath, &st));
	if (!S_ISDIR(st.st_mode))
		return merge(build, wanted->layers, wanted->n_layers, NULL, draft);
	mount->source.path = NULL;
	return merge(build, wanted->layers, 1, wanted->subpath, draft);
}

/* Mounts that the sandbox can do without mounting. */
static FALLIBLE plain_mounts(struct build *build, const struct sandbox_step *step,
		struct sandbox_mount *mounts, struct merged *merged)
{
	merged->p = xcalloc(step->n_mounts, sizeof(*merged->p));
	for (size_t i = 0; i < step->n_mounts; i++) {
		mounts[i] = step->mounts[i];
		if (mounts[i].kind != SANDBOX_LAYERS)
			continue;
		struct layer_draft *draft = &merged->p[merged->n++];
		*draft = (struct layer_draft){ .tree_fd = -1 };
		TRY_WRAP(lend(build, &step->mounts[i], &mounts[i], draft), "mount on '%s'",
				step->mounts[i].target);
	}
	return NULL;
}

static FALLIBLE ignore_path(int root_fd, const char *path, struct list *ret)
{
	AUTO_FREE char *resolved = NULL;

	TRY(rootfs_resolve(root_fd, path, &resolved));
	AUTO_FREE char *clean = path_clean(str_of(resolved));
	list_add(ret, clean);
	return NULL;
}

/* What the sandbox puts somewhere is not the step's: where that is, with links followed. */
static FALLIBLE ignored(int root_fd, const struct sandbox_step *step, struct list *ret)
{
	const struct {
		const char *path;
		bool is_put;
	} files[] = { { "/etc/resolv.conf", !step->no_resolv_file },
		{ "/etc/hosts", !step->no_hosts_file },
		{ "/etc/hostname", !step->no_hostname_file },
		{ SANDBOX_CONTAINERENV, step->containerenv != NULL } };

	for (size_t i = 0; i < COUNT(files); i++)
		if (files[i].is_put)
			TRY(ignore_path(root_fd, files[i].path, ret));
	for (size_t i = 0; i < step->n_mounts; i++)
		TRY(ignore_path(root_fd, step->mounts[i].target, ret));
	return NULL;
}

/*
 * A step in a directory of the container's own (the context, a volume) works on that, and nothing
 * of it comes into the image: which is told, or is an error where there is no such directory.
 */
static FALLIBLE look_at_cwd(struct build *build, const struct stage_run *stage, struct flat *flat,
		const char *cwd)
{
	AUTO_FREE char *path = path_clean(str_of(cwd));
	struct stat st;

	if (inplace_place(inplace_kept(flat->inplace), path) != INPLACE_KEPT)
		return NULL;
	struct error *error = rootfs_stat(flat->root_fd, path, &st);
	if (!error && flat->is_told)
		return NULL;
	if (!error) {
		flat->is_told = true;
		progress_warn(build->options->progress, stage->vertex, (struct source_range){ 0 },
				"'/%s' is this container's own: what steps write there is not in "
				"the image",
				path);
		return NULL;
	}
	error = error_wrap(
			error, "'/%s' is this container's own, kept while '/' is an image's", path);
	return error_hint(error,
			"another WORKDIR, or the context and volumes mounted elsewhere, or "
			"'--isolation chroot'");
}

FALLIBLE flat_run(struct build *build, struct stage_run *stage, const struct sandbox_step *wanted,
		int tree_fd, struct sandbox_result *ret)
{
	struct layer_set *set = &build->layers;
	AUTO_FREE struct sandbox_mount *mounts = xcalloc(wanted->n_mounts, sizeof(*mounts));
	AUTO(merged) struct merged merged = { 0 };
	AUTO(list) struct list ignore = { 0 };
	AUTO_FD int dir_fd = -1;
	bool any = false;

	TRY(plain_mounts(build, wanted, mounts, &merged));
	struct flat *flat = stage_flat(build, stage, true);
	TRY(flat_raise(set, flat, &stage->stack, stage->vertex));
	TRY(flat_begin(set, flat));
	TRY(ignored(flat->root_fd, wanted, &ignore));
	if (flat->inplace) {
		list_add_all(&ignore, inplace_kept(flat->inplace));
		TRY(look_at_cwd(build, stage, flat, wanted->cwd));
	}
	TRY(flat_dir(set, flat, &dir_fd));
	struct sandbox_step step = *wanted;
	step.n_layers = 0;
	step.root = (struct mount_dir){ dir_fd, path_name(flat->draft.tree) };
	step.mounts = mounts;
	struct error *error =
			sandbox_run(build->options->sandbox, &step, build->options->cancel, ret);
	if (!error && ret->status == 0)
		error = flat_end(set, flat, &ignore, tree_fd, &any);
	/* What is gone is the reason for whatever else went wrong. */
	error = error_first(flat->inplace ? inplace_check(flat->inplace) : NULL, error);
	TRY(error);
	if (ret->status == 0)
		flat->height = stage->stack.n + any;
	return NULL;
}
