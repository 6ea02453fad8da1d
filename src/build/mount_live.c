/*
 * A build context shown alive: its own files, which nobody copied. They may change while a step has
 * them, by an editor, a server's log, kiln's own output. Then nobody knows what the step saw, and
 * it runs once more, on a copy: what is copied is what its key is made of, and from then on every
 * step of the build gets a copy.
 */
#include "build/mounts.h"
#include "sys/path.h"
#include "sys/rootfs.h"

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

/* What is read from standard input is there once: such a step has no second try. */
bool mount_may_live(const struct build *build, const struct selection *selection)
{
	enum owner_kind kind = build->options->userns->owner.kind;
	bool may_run_twice = !build->options->run.reads_stdin;

	return may_run_twice && !build->is_restless && kind != OWNER_SHIFTED &&
	       kind != OWNER_MAPPED && selection->is_whole && !holds_store(build) &&
	       !holds_output(selection);
}

/* The context's own files: no id differs from what a COPY would give them, nothing is left out. */
FALLIBLE mount_show_live(struct build *build, struct step_mount *mount, struct sandbox_mount *out)
{
	const struct select_item *top = &mount->selection->items.p[0];
	struct mount_dir context = { origin_context(build, &mount->plan->origin)->fd, NULL };

	mount->is_live = true;
	out->kind = SANDBOX_BIND;
	out->source = (struct mount_dir){ origin_context(build, &mount->plan->origin)->fd,
		top->path };
	if (out->read_only)
		return NULL;
	out->kind = SANDBOX_LAYERS;
	out->subpath = top->path;
	mount->layers = xcalloc(1, sizeof(*mount->layers));
	mount->layers[0] = context;
	out->layers = mount->layers;
	out->n_layers = 1;
	return mount_scratch(build->options, &(struct owner){ .mode = S_IFDIR | 0755 },
			&mount->draft, &mount->draft_fd, out);
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

	if (error && !select_is_changed(error))
		return error;
	error_ignore(error, "found below as well");
	*ret_changed = find_change(mount->selection);
	if (error && !*ret_changed)
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
