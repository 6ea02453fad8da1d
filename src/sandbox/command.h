/*
 * command: the last stretch of a plan, carried out by the process that becomes the command: stdio,
 * limits, seccomp, identity, capabilities, directory, exec. It never returns; what goes wrong
 * before the exec is sent to PID 1 as WIRE_FAILED.
 *
 * Floor: sandbox. Single-threaded processes only.
 */
#pragma once
#include "base/vec.h"
#include "sandbox/filter.h"
#include "sandbox/plan.h"

/* What is different for a step without namespaces (bare.h). */
struct command_bare {
	bool is_bare;             /* what cannot be given up here is kept */
	int root_fd;              /* the step's */
	bool enters;              /* by chroot */
	int null_fd;              /* in place of /dev/null */
	int confine_fd;           /* confine.h, or -1 */
	const struct list *words; /* in front of the command's own: proot's */
	const struct list *env;   /* and what they need in theirs, NAME=VALUE */
};

struct command {
	const struct plan *plan;
	const int *fds;
	size_t n_fds;
	size_t first;  /* the operation behind PLAN_ENTER */
	int report_fd; /* stream socket to PID 1 */
	const struct filter_program *profile, *listener;
	struct command_bare bare;
};

_Noreturn void command_run(const struct command *command);
