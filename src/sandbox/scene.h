/*
 * scene: the mount part of a plan, carried out. PID 1 hands over the plan, the fds that came with
 * it and the prepared stage; what comes back is a process whose root is the step's.
 *
 * Floor: sandbox. Single-threaded processes only.
 */
#pragma once
#include "sandbox/plan.h"
#include "sandbox/stage.h"
#include "sandbox/target.h"

struct scene {
	const struct plan *plan;
	const int *fds;
	size_t n_fds;
	struct stage *stage;
	struct targets targets; /* root_fd is owned */
	size_t first_lower;     /* the layers gathered so far: operations [first_lower, ...) */
	size_t n_lower;
	size_t upper;       /* place of the PLAN_UPPER that is meant, + 1; 0: none */
	struct list unmask; /* patterns so far */
	unsigned n_content; /* files made in /ready/files */
};

/* Up to and including PLAN_ENTER; *ret_next is the operation behind it. */
FALLIBLE scene_set(struct scene *scene, size_t *ret_next);
/* Unmount what lies on targets that were made, and remove those. */
void scene_clear(struct scene *scene);
void scene_done(struct scene *scene);

DEFINE_AUTO_VALUE(scene)
