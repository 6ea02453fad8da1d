/*
 * tree: a layer's directory in Podman's store, stacked by overlayfs where it lies, so that nothing
 * of a base image is copied before a step can run on it.
 *
 * An ordinary user's inside a user namespace: there the ids and marks on disk are those that kiln's
 * own directories have. Root's through an ID-mapped mount (sys/idmount.h), in which files have the
 * ids of root's steps; without opaque directories, whose marks there are for other overlays; where
 * the kernel stacks such mounts. And only a directory that is exactly what its tar says, by names,
 * types, owners, modes, sizes, times, links and xattrs, with nothing more in it: so a step sees
 * what it would see on a directory of kiln's own. Contents are believed, as Podman itself believes
 * them.
 *
 * Podman's locks are not held while it is in use, since 'podman run' would wait for them. What was
 * read is good when podman_trees_check() finds the layer afterwards: Podman lists a layer as
 * incomplete before it removes the first file of it.
 *
 * Floor: podman. Any thread, one at a time for each tree.
 */
#pragma once
#include "podman/podman.h"

struct podman_tree {
	char *root;   /* the graph root */
	char *id;     /* the layer's */
	char *path;   /* absolute: ROOT/overlay/ID/diff, or of fd in /proc/self/fd */
	int fd;       /* the same, open for reading or (of a mount) for a path */
	bool has_top; /* the layer says of "/" itself whose it is, and with which mode */
};

/* New; *ret stays NULL when that layer's directory cannot serve. */
FALLIBLE podman_tree_find(const struct podman *podman, const struct podman_settings *settings,
		const struct podman_image *image, size_t i, struct cancel *cancel,
		struct podman_tree **ret);
/* ERR_NOT_FOUND: Podman has removed one of them, or is about to. */
FALLIBLE podman_trees_check(const struct podman_tree *const *trees, size_t n);
void podman_tree_free(struct podman_tree *tree);

DEFINE_AUTO_PTR(podman_tree, podman_tree_free)
