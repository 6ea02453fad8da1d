/*
 * run_volumes: a RUN that must not change what is in a volume of the image (--compat-volumes): over
 * each lies what was there before the step, with a directory for writes that goes away with it.
 *
 * Floor: build. One thread at a time.
 */
#pragma once
#include "build/state.h"
#include "sandbox/sandbox.h"

struct run_volumes {
	struct run_volume {
		struct layer_draft draft;
		int fd; /* or -1 */
	} * p;
	size_t n;
};

/*
 * Fill mounts[0..paths->n), outer paths first. layers are those that the step stands on, borrowed
 * as long as mounts are. Whoever ends the step frees *ret, also after a failure.
 */
FALLIBLE run_volumes_open(struct build *build, const struct stack *stack,
		const struct mount_dir *layers, size_t n_layers, const struct texts *paths,
		struct sandbox_mount *mounts, struct run_volumes *ret);
void run_volumes_done(struct run_volumes *volumes);
