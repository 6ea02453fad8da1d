/*
 * working_from: the files of an image or of another container, to be shown to a command in a
 * working container ('run --mount=type=bind,from=').
 *
 * Floor: build. Borrows working and container until it is freed.
 */
#pragma once
#include "build/working.h"

struct working_from;

/* A container (not the same), or an image as image_open() takes it. */
FALLIBLE working_from_open(struct working *working, struct container *container, const char *image,
		struct working_from **ret);
/* Topmost first; none: there are no files. */
const struct mount_dir *working_from_layers(const struct working_from *from, size_t *ret_n);
void working_from_free(struct working_from *from);

DEFINE_AUTO_PTR(working_from, working_from_free)
