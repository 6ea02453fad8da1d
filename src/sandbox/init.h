/*
 * init: PID 1 of a sandbox. It is cloned by the helper before its step is known, prepares what
 * every step needs, then takes one step from the control socket, carries it out, and ends; what is
 * left of the step ends with it, by the kernel's hand; where it shares a pid namespace, and so is
 * no PID 1 but by name, by its own.
 *
 * Floor: sandbox. Single-threaded for life.
 */
#pragma once
#include "sandbox/filter.h"
#include "sandbox/namespaces.h"

struct init {
	int control_fd; /* steps come here: one byte with one fd, the step's stream socket */
	/* One byte goes here when a step was taken: the helper makes the next; or -1. */
	int taken_fd;
	const struct filter_program *profile, *listener;
	bool builds_stage; /* the helper has none: its root is the host's */
	unsigned shared;   /* CLONE_NEW... of the namespaces that are not its own */
	struct namespaces_mounts *mounts;
};

_Noreturn void init_run(const struct init *init);

/* Wait for a step; -1 at the end of kiln. */
int init_take(int control_fd);
