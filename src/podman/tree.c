#include "podman/tree.h"

#include "base/log.h"
#include "podman/root.h"
#include "podman/split.h"
#include "podman/survey.h"
#include "sys/fd.h"
#include "sys/idmount.h"
#include "sys/mounts.h"
#include "sys/userns.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void podman_tree_free(struct podman_tree *tree)
{
	if (!tree)
		return;
	free(tree->root);
	free(tree->id);
	free(tree->path);
	if (tree->fd >= 0)
		(void)close(tree->fd);
	free(tree);
}

/* Beside diff: a directory whose owners were mapped, or whose files lie elsewhere (composefs). */
static bool has_more(const struct podman_tree *tree)
{
	static const char *const others[] = { "diff1", "composefs-data" };

	for (size_t i = 0; i < COUNT(others); i++) {
		AUTO_FREE char *path =
				xasprintf("%s/overlay/%s/%s", tree->root, tree->id, others[i]);

		if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	}
	return false;
}

/* On any other directory of the store. */
static FALLIBLE try_stacking(const struct podman_tree *tree, int mount_fd)
{
	AUTO_FREE char *beside = xasprintf("%s/overlay-layers", tree->root);
	AUTO_FD int beside_fd = -1;

	TRY(file_open(AT_FDCWD, beside, O_RDONLY | O_DIRECTORY, 0, &beside_fd));
	const struct mount_dir dirs[] = { { mount_fd, NULL }, { beside_fd, NULL } };
	return mount_try_lower(dirs, COUNT(dirs));
}

/* The directory as root's steps are to see it. */
static FALLIBLE shift(struct podman_tree *tree, const struct userns *steps)
{
	AUTO_FD int mount_fd = -1;

	TRY(idmount_clone(tree->fd, NULL, &(struct id_maps){ steps->uids, steps->gids },
			IDMOUNT_OUT, &mount_fd));
	TRY(try_stacking(tree, mount_fd));
	(void)close(tree->fd);
	tree->fd = TAKE_FD(mount_fd);
	free(tree->path);
	tree->path = xasprintf("/proc/self/fd/%d", tree->fd);
	return NULL;
}

static FALLIBLE try_tree(const struct podman *podman, const struct podman_image *image, size_t i,
		const struct userns *steps, struct cancel *cancel, struct podman_tree *tree,
		bool *ret)
{
	AUTO_FREE char *split =
			xasprintf("%s/overlay-layers/%s.tar-split.gz", tree->root, tree->id);
	AUTO_FD int lock = -1;
	int lines = -1;
	struct reader *tar = NULL;

	*ret = false;
	TRY(podman_hold(podman, image, i, &lock));
	TRY(file_open(AT_FDCWD, tree->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &tree->fd));
	if (has_more(tree))
		return NULL;
	TRY(file_open(AT_FDCWD, split, O_RDONLY, 0, &lines));
	TRY(split_outline(reader_from_fd(lines), &tar));
	TRY(survey_tree(tar, tree->fd, steps ? &steps->owner : NULL, cancel, ret, &tree->has_top));
	return *ret && steps ? shift(tree, steps) : NULL;
}

static bool may_serve(const struct podman_settings *settings)
{
	const struct userns *steps = settings->steps;

	if (settings->is_rootless)
		return settings->is_mapped && !settings->has_one_id;
	return steps && steps->owner.kind == OWNER_SHIFTED &&
	       idmap_equal(&steps->uids, &steps->gids);
}

FALLIBLE podman_tree_find(const struct podman *podman, const struct podman_settings *settings,
		const struct podman_image *image, size_t i, struct cancel *cancel,
		struct podman_tree **ret)
{
	const struct podman_layer *layer = &image->layers.p[i];
	bool serves = false;

	*ret = NULL;
	if (!may_serve(settings) || !layer->has_split)
		return NULL;
	AUTO(podman_tree) struct podman_tree *tree = xcalloc(1, sizeof(*tree));
	tree->fd = -1;
	tree->root = xstrdup(podman_layer_root(podman, layer));
	tree->id = xstrdup(layer->id);
	tree->path = xasprintf("%s/overlay/%s/diff", tree->root, tree->id);
	struct error *error = try_tree(podman, image, i,
			settings->is_rootless ? NULL : settings->steps, cancel, tree, &serves);
	if (error_is(error, ERR_CANCELED))
		return error;
	if (error)
		log_debug("layer '%.12s' of Podman's store is not used in place: %s", layer->id,
				error->message);
	serves = serves && !error;
	error_ignore(error, "who reads the layer instead tells what is wrong");
	if (serves)
		*ret = TAKE(tree);
	return NULL;
}

/* The layers that are there now. Without a store there are none. */
static FALLIBLE read_list(const char *path, struct podman_root *ret)
{
	struct error *error = root_open(path, true, ret);

	if (!error)
		error = root_peek_layers(ret);
	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	error_ignore(error, "the whole store is gone");
	return NULL;
}

static bool is_there(const struct podman_tree *tree, const struct podman_root *list)
{
	const json_t *layer = list->layers ? root_layer(list, tree->id) : NULL;
	struct stat st;

	return layer && !layer_is_incomplete(layer) && fstat(tree->fd, &st) == 0 && st.st_nlink;
}

FALLIBLE podman_trees_check(const struct podman_tree *const *trees, size_t n)
{
	struct podman_root list = { .fd = -1, .layers_lock = -1, .images_lock = -1 };
	struct error *error = NULL;

	for (size_t i = 0; i < n && !error; i++) {
		if (!i || strcmp(trees[i]->root, trees[i - 1]->root) != 0) {
			root_close(&list);
			error = read_list(trees[i]->root, &list);
		}
		if (!error && !is_there(trees[i], &list))
			error = error_hint(error_new(ERR_NOT_FOUND,
							   "layer '%.12s' was removed from "
							   "Podman's store while the build stood "
							   "on it",
							   trees[i]->id),
					"pull or build the base image again, then build again");
	}
	root_close(&list);
	return error;
}
