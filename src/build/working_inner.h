/*
 * working_inner: what the files of a working container share. Private to working*.c.
 *
 * Floor: build.
 */
#pragma once
#include "build/place.h"
#include "build/working.h"

struct working {
	struct working_with with;
	struct container *container;
	struct build_options options;
	struct build build; /* options, pool and layers only */
	struct image *base; /* NULL: scratch */
	struct stack stack; /* of its image and of sealed steps */
	int dir_fd;         /* containers/<id> */
	int upper_fd;
};

/* "work" in dir_fd, empty: an overlay's leftovers of a killed process would spoil it. */
FALLIBLE working_fresh_work(struct working *working, const char *name, int *ret_fd);
/* All as it is now, to be written to; closing the fd unmounts. */
FALLIBLE working_merge(struct working *working, int *ret_fd);
/* Directories for an overlay, topmost first: without the upper, or with it. New; free(). */
struct mount_dir *working_dirs(const struct working *working, bool with_upper, size_t *ret_n);
/* What "USER spec" is in it. */
FALLIBLE working_user(struct working *working, const char *spec, struct user *ret);
