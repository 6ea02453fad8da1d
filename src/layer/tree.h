/*
 * tree: walking a directory tree on disk, fast and in a fixed order.
 *
 * Names of a directory come sorted by bytes, a directory before its contents (path_compare's
 * order). Links are not followed. Any depth up to LIMIT_PATH_BYTES, with few fds.
 *
 * Floor: layer.
 */
#pragma once
#include "base/error.h"
#include <sys/stat.h>

struct tree_item {
	const char *path; /* below the top: "a/b" */
	const char *name; /* its last component, in dir_fd */
	int dir_fd;
	const struct stat *st; /* lstat */
};

enum tree_step { TREE_GO_ON = 0, TREE_SKIP /* do not enter this directory */, TREE_STOP };

struct tree_visitor {
	/* Each file and directory, before what is in it; *step is TREE_GO_ON unless set. */
	struct error *(*visit)(void *state, const struct tree_item *item, enum tree_step *step);
	/* A directory that was entered, after what is in it. May be NULL. */
	struct error *(*leave)(void *state, const struct tree_item *item);
	void *state;
};

/* Walks what is in dir_fd (not dir_fd itself). A name that vanishes meanwhile is passed over. */
FALLIBLE tree_walk(int dir_fd, const struct tree_visitor *visitor);
