/*
 * running: a step's command, from its start to its end, as the process that watches over it sees
 * it: PID 1 of a sandbox (init.h), or the keeper of a bare step (bare.h).
 *
 * Floor: sandbox. Single-threaded processes only.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "sandbox/command.h"
#include "sandbox/record.h"
#include "sandbox/sandbox.h"

struct running {
	int step_fd;   /* kiln */
	int report_fd; /* the command until it executes; then -1 */
	int signal_fd;
	/* To every process of the step. */
	void (*signal_all)(const struct running *running, int number);
	int proc_fd; /* where they are seen, if no pid namespace holds them; else -1 */
	void (*tick)(pid_t command); /* ten times a second while it runs; or NULL */
	struct record *record;       /* row two's supervisor, or NULL */
	uint64_t start_ns;
	pid_t command;
	bool is_over;
	bool is_lost; /* kiln wants it to end here and now, or is gone */
	int status;
	struct error *failed; /* why it never executed */
};

void running_done(struct running *running);

/*
 * Start the command (borrows it; report_fd is filled in). is_shared: as vfork does, which spares
 * the copy of our memory; not where we have to answer its calls before it executes.
 */
FALLIBLE running_start(struct running *running, struct command *command, bool is_shared);
/* Answer, reap and forward until the command has ended. */
FALLIBLE running_wait(struct running *running);
void running_result(const struct running *running, const struct strbuf *notes,
		struct sandbox_result *result);

DEFINE_AUTO_VALUE(running)
