/*
 * lower: looking into stacked layer directories without mounting them, by overlayfs's rules: the
 * topmost name counts, directories merge, whiteouts and opaque directories hide.
 *
 * A struct lower_dir is one merged directory: the directories that make it up, topmost first. It
 * owns its fds. n 0 is a directory that no layer has.
 *
 * Floor: layer. Spec: kernel overlayfs.rst.
 */
#pragma once
#include "layer/apply.h"
#include <stdbool.h>
#include <sys/stat.h>

struct lower_dir {
	int *p; /* fds */
	size_t n, capacity;
};

/* A name that counts. dir_fd belongs to the lower_dir it was found in. */
struct lower_file {
	bool is_there;
	int dir_fd;
	struct stat st;
};

/* The merged root: copies of the fds. */
FALLIBLE lower_root(const struct lowers *lowers, struct lower_dir *ret);
/* One name in it; is_there false when nobody has it or it is whited out. */
FALLIBLE lower_find(const struct lower_dir *dir, const char *name, struct lower_file *ret);
/* The merged directory of that name; empty when the name that counts is not a directory. */
FALLIBLE lower_enter(const struct lower_dir *dir, const char *name, struct lower_dir *ret);
void lower_dir_done(struct lower_dir *dir);

DEFINE_AUTO_VALUE(lower_dir)
