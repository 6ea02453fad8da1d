/*
 * command: the last stretch of a plan, carried out by the process that becomes the command: stdio,
 * limits, seccomp, identity, capabilities, directory, exec. It never returns; what goes wrong
 * before the exec is sent to PID 1 as WIRE_FAILED.
 *
 * Floor: sandbox. Single-threaded processes only.
 */
#pragma once
#include "sandbox/filter.h"
#include "sandbox/plan.h"

struct command {
	const struct plan *plan;
	const int *fds;
	size_t n_fds;
	size_t first;  /* the operation behind PLAN_ENTER */
	int report_fd; /* stream socket to PID 1 */
	const struct filter_program *profile, *listener;
};

_Noreturn void command_run(const struct command *command);
