/*
 * pump: a step's standard output and error on their way into events, without the secrets that the
 * step was given.
 *
 *	AUTO(pump) struct pump pump = PUMP_INIT;
 *	TRY(pump_open(&pump, progress, vertex, secrets));
 *	group_start(group, "output", pump_work, &pump);
 *	the step writes to pump.step_fds; close them once it is over: pump_close_step(&pump)
 *
 * Floor: build.
 */
#pragma once
#include "build/progress.h"
#include "build/secrets.h"

struct pump {
	struct pump_end {
		struct pump *pump;
		int stream; /* 1 or 2 */
		struct redact redact;
	} ends[2];
	struct progress *progress;
	unsigned vertex;
	int fds[2];      /* read ends */
	int step_fds[2]; /* write ends, the step's */
};

#define PUMP_INIT                                         \
	{                                                 \
		.fds = { -1, -1 }, .step_fds = { -1, -1 } \
	}

/* secrets (NULL: none) are borrowed. The pump stays where it is from here on. */
FALLIBLE pump_open(struct pump *pump, struct progress *progress, unsigned vertex,
		const struct secrets *secrets);
/* Until both streams have ended. A thread's body. */
struct error *pump_work(void *pump);
void pump_close_step(struct pump *pump);
void pump_done(struct pump *pump);

DEFINE_AUTO_VALUE(pump)
