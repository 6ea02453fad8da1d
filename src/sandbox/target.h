/*
 * target: places inside a step's root that something is mounted on. A path is resolved inside the
 * root (sys/rootfs), following links as the step would see them. What is missing is made, and
 * written down; after the step it is removed again where it still is as it was made, and the
 * directory around it gets its times back, so that no trace of a mount reaches the layer.
 *
 * Floor: sandbox. Single-threaded processes only.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct made {
	int parent_fd;
	char *name;
	struct stat parent_before, parent_after, itself;
};

struct targets {
	int root_fd; /* borrowed */
	struct made *p;
	size_t n, capacity;
};

/* An O_PATH fd of path; made as a directory or an empty file when it is missing. */
FALLIBLE target_open(struct targets *targets, const char *path, bool is_directory, int *ret_fd);
/* Remove what was made, newest first. After the step's processes and mounts are gone. */
void targets_undo(struct targets *targets);
void targets_done(struct targets *targets);

DEFINE_AUTO_VALUE(targets)
