/*
 * history_inner: what the files that write a build down share. Private to history*.c.
 *
 * Floor: build.
 */
#pragma once
#include "build/state.h"

#include <jansson.h>

/* An array with an object for each mount of a RUN; enter_mounts.c reads it. New. */
json_t *history_mounts(struct build *build, const struct plan_step *step);
