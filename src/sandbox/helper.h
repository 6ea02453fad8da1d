/*
 * helper: the process that sandbox_start forks before kiln has threads, credentials or secrets. It
 * stays single-threaded, sees no step's content, and does one thing: keep one PID 1 (init.h) ready
 * for the next step. It ends when kiln does.
 *
 * Floor: sandbox.
 */
#pragma once
#include "base/error.h"
#include <stdbool.h>

struct helper {
	int control_fd; /* its end of the socket that steps come through */
	int sync_fd;    /* a namespace of its own: the parent maps us, and says so there; else -1 */
	int refused;    /* why we are not born in one: an errno; else 0 */
	const char *join; /* as in struct userns */
	bool is_spare;    /* waits for a byte on sync_fd, and makes its namespace then */
	bool records_owners;
	/* One step is likely all: no PID 1 waits for a second before it comes, and each builds its
	 * stage itself, so that there is one mount namespace less to make and take down. */
	bool is_for_one;
};

_Noreturn void helper_run(const struct helper *helper);
/* What every helper does first: a session of its own, and nothing of kiln's but control_fd. */
FALLIBLE helper_detach(int control_fd);
