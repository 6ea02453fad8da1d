/*
 * helper: the process that sandbox_start forks before kiln has threads, credentials or secrets. It
 * stays single-threaded, sees no step's content, and does one thing: keep one PID 1 (init.h) ready
 * for the next step. It ends when kiln does.
 *
 * Floor: sandbox.
 */
#pragma once
#include "base/error.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct helper {
	int control_fd; /* its end of the socket that steps come through */
	int sync_fd;    /* a namespace of its own: the parent maps us, and says so there; else -1 */
	int refused;    /* why we are not born in one: an errno; else 0 */
	const char *join; /* as in struct userns */
	bool is_spare;    /* waits for WIRE_ORDER on sync_fd, and goes where that says */
	bool takes_order; /* goes there, too, but does not wait for it; with is_for_one */
	bool records_owners;
	/* One step is likely all: no PID 1 waits for a second before it comes, and each builds its
	 * stage itself, so that there is one mount namespace less to make and take down. */
	bool is_for_one;
};

/* What a spare is told; fds of namespaces come along (struct namespaces). */
struct helper_order {
	uint32_t shared, joined;
	uint32_t is_mapped;  /* it makes a user namespace of its own, or joins one */
	char join[PATH_MAX]; /* "": none */
};

_Noreturn void helper_run(const struct helper *helper);
/*
 * No helper: a child that is the one step's PID 1 itself, born in its namespaces, and with in_user
 * in a user namespace that the parent maps over sync_fd. As fork(); -1, and errno, where that
 * cannot be had.
 */
pid_t helper_fork_init(bool in_user);
/* What it does. Whoever asks for a second step is told that the helper has ended. */
_Noreturn void helper_be_init(const struct helper *helper);
/* What every helper does first: a session of its own, and nothing of kiln's but control_fd. */
FALLIBLE helper_detach(int control_fd);
