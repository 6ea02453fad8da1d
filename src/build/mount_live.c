/*
 * A build context shown alive: its own files, which nobody copied. To an ordinary user's step they
 * are mounted as they are, read-only; to root's, whose ids are others, through a mount that maps
 * these. That one lies below an overlay, and so does what is written to, or could be by a step that
 * may mount: nothing that a step does reaches the context.
 *
 * They may change while a step has them, by an editor, a server's log, kiln's own output. Then
 * nobody knows what the step saw, and it runs once more, on a copy: what is copied is what its key
 * is made of, and from then on every step of the build gets a copy.
 */
#include "base/log.h"
#include "build/mounts.h"
#include "sys/idmount.h"
#include "sys/mounts.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Its own files would then grow while they are shown, or copied where mounts cannot be had. */
static bool holds_store(const struct build *build)
{
	AUTO_FREE char *context =
			build->context->path ? realpath(build->context->path, NULL) : NULL;
	const char *store = store_root(build->options->store);

	return context && (strcmp(context, "/") == 0 || path_is_in(store, context));
}

/* Its own output goes to a file among them, which would change with every line that a step says. */
static bool holds_output(const struct selection *selection)
{
	static const int fds[] = { STDOUT_FILENO, STDERR_FILENO };

	for (size_t k = 0; k < COUNT(fds); k++) {
		struct stat st;

		if (fstat(fds[k], &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		const struct file_key output = file_key_of(&st);
		for (size_t i = 0; i < selection->items.n; i++)
			if (selection->items.p[i].key.ino == output.ino &&
					selection->items.p[i].key.dev == output.dev)
				return true;
	}
	return false;
}

/* Of two names of one file an overlay that is written to makes two files. */
static bool has_twins(const struct selection *selection)
{
	for (size_t i = 0; i < selection->items.n; i++)
		if (selection->items.p[i].twin != SIZE_MAX)
			return true;
	return false;
}

/* What is read from standard input is there once: such a step has no second try. */
static bool may_live(const struct build *build, const struct selection *selection)
{
	enum owner_kind kind = build->options->userns->owner.kind;
	bool is_ours = selection->disk_uid == 0 && selection->disk_gid == 0;

	return (is_ours || kind == OWNER_SHIFTED) && !build->options->run.reads_stdin &&
	       !build->is_restless && kind != OWNER_MAPPED && selection->is_whole &&
	       !holds_store(build) && !holds_output(selection);
}

/* It could take "read-only" off a mount, though not off an overlay without an upper. */
static bool may_mount(const struct build *build, const struct step_run *run)
{
	return run->step->run.is_insecure ||
	       (build->options->run.add_capabilities & UINT64_C(1) << CAP_SYS_ADMIN);
}

static FALLIBLE map_owner(const struct idmap *step, uint32_t id, struct idmap *ret)
{
	ret->n = 1;
	ret->range[0] = (struct id_range){ .inside = id, .count = 1 };
	if (!idmap_out(step, 0, &ret->range[0].outside))
		return error_new(ERR_UNSUPPORTED, "steps have no root");
	return NULL;
}

/* Whose all of it is, is the step's root. */
static FALLIBLE map_context(const struct userns *userns, int context_fd, struct step_mount *mount)
{
	struct id_maps maps = { 0 };

	TRY(map_owner(&userns->uids, mount->selection->disk_uid, &maps.uids));
	TRY(map_owner(&userns->gids, mount->selection->disk_gid, &maps.gids));
	return idmount_clone(context_fd, NULL, &maps, IDMOUNT_OUT, &mount->context_fd);
}

/* The context, and nothing below it, as an overlay takes it. */
static FALLIBLE find_layers(struct build *build, struct step_mount *mount, bool *ret)
{
	const struct userns *userns = build->options->userns;
	int fd = origin_context(build, &mount->plan->origin)->fd;
	bool hides = false;

	*ret = false;
	TRY(mount_any_below(fd, &hides));
	if (hides)
		return NULL;
	if (userns->owner.kind == OWNER_SHIFTED) {
		TRY(map_context(userns, fd, mount));
		fd = mount->context_fd;
	}
	mount->layers = xcalloc(2, sizeof(*mount->layers));
	mount->layers[0] = (struct mount_dir){ fd, NULL };
	mount->layers[1] = (struct mount_dir){ build->empty_fd, NULL };
	if (!userns_is_bare(userns->mode))
		TRY(mount_try_lower(mount->layers, 2));
	*ret = true;
	return NULL;
}

/* Its root is the upper's, where it has one. */
static FALLIBLE add_upper(struct build *build, struct step_mount *mount, struct sandbox_mount *out)
{
	const struct select_item *top = &mount->selection->items.p[0];
	struct owner root = { .mode = S_IFDIR | 0755 };

	if (top->path[0] == '\0')
		root = top->owner;
	TRY(mount_scratch(build->options, &root, &mount->draft, &mount->draft_fd, out));
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		{ top->mtime, (long)top->mtime_ns } };
	if (top->path[0] == '\0' && futimens(mount->draft.tree_fd, times) != 0)
		return error_sys("set the time of a mount's directory");
	return NULL;
}

/* Below an overlay, which writes never go through. */
static FALLIBLE show_below(
		struct build *build, struct step_mount *mount, struct sandbox_mount *out, bool *ret)
{
	struct error *error = find_layers(build, mount, ret);

	if (error)
		log_debug("the build context is copied for a step: %s", error->message);
	error_ignore(error, "a copy does it as well");
	if (!*ret)
		return NULL;
	out->kind = SANDBOX_LAYERS;
	out->subpath = mount->selection->items.p[0].path;
	out->layers = mount->layers;
	/* With an empty one below, an overlay needs no upper. */
	out->n_layers = out->read_only ? 2 : 1;
	return out->read_only ? NULL : add_upper(build, mount, out);
}

FALLIBLE mount_show_live(struct build *build, struct step_run *run, size_t i,
		struct sandbox_mount *out, bool *ret_shown)
{
	struct step_mount *mount = &run->mounts->p[i];
	const struct userns *userns = build->options->userns;
	bool is_bare = userns_is_bare(userns->mode);

	*ret_shown = may_live(build, mount->selection) &&
		     (out->read_only || !has_twins(mount->selection));
	if (!*ret_shown)
		return NULL;
	mount->is_live = true;
	if (out->read_only && (is_bare || (userns->owner.kind != OWNER_SHIFTED &&
							  !may_mount(build, run)))) {
		out->kind = SANDBOX_BIND;
		out->source = (struct mount_dir){ mount->selection->fd,
			mount->selection->items.p[0].path };
		return NULL;
	}
	TRY(show_below(build, mount, out, ret_shown));
	mount->is_live = *ret_shown;
	return NULL;
}

/*
 * A key speaks of files as they were: they must have stayed so while the step could see them. A
 * directory's times tell of what came and went in it.
 */
static const char *find_change(const struct selection *selection)
{
	for (size_t i = 0; i < selection->items.n; i++) {
		const struct select_item *item = &selection->items.p[i];
		struct stat st = { 0 };
		struct error *error = rootfs_lstat(selection->fd, item->path, &st);
		struct file_key now = file_key_of(&st);
		bool is_gone = error != NULL;

		error_ignore(error, "a change like others");
		if (is_gone || !file_key_equal(&now, &item->key))
			return item->path[0] ? item->path : ".";
	}
	return NULL;
}

/* Hashed first, since what is hashed after the look could have changed in between. */
static FALLIBLE check_live(struct build *build, struct step_mount *mount, const char **ret_changed)
{
	struct error *error =
			select_hash(mount->selection, origin_digests(build, &mount->plan->origin),
					build->pool, build->options->cancel);

	bool is_changed = select_is_changed(error);

	if (error && !is_changed)
		return error;
	error_ignore(error, "found below as well");
	*ret_changed = find_change(mount->selection);
	if (is_changed && !*ret_changed)
		*ret_changed = ".";
	return NULL;
}

FALLIBLE mounts_finish(struct build *build, struct step_run *run, const char **ret_changed)
{
	*ret_changed = NULL;
	for (size_t i = 0; run->mounts && i < run->mounts->n && !*ret_changed; i++)
		if (run->mounts->p[i].is_live)
			TRY(check_live(build, &run->mounts->p[i], ret_changed));
	return NULL;
}

void mounts_start_over(struct build *build, struct step_run *run)
{
	build->is_restless = true;
	mounts_unkey(run);
	step_mounts_free(TAKE(run->mounts));
}
