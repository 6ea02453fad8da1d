/*
 * sandbox_inner: what the start of a sandbox (start.c) and its steps (launch.c) share.
 *
 * Floor: sandbox (private to those two).
 */
#pragma once
#include "sandbox/resources.h"
#include "sandbox/sandbox.h"

#include <pthread.h>

/* A helper that begins when it is wanted, in a namespace that is known only then. */
struct spare {
	int control_fd, sync_fd; /* ours; 0: there is none */
	pid_t pid;
	int refused; /* it has no namespace to be mapped, and knows */
	bool is_dismissed;
	bool is_helper; /* none of its own: the helper goes there itself */
	bool is_init;   /* no helper: helper_be_init() */
};

struct sandbox {
	struct userns userns;
	int control_fd;
	pid_t helper;
	bool has_init; /* the helper is one step's PID 1, and no more */
	struct spare spare;
	char *resolv_conf; /* the host's, read once */
	unsigned shared;   /* as in struct namespaces */
	char *hostname;    /* where the UTS namespace is shared; else NULL */
	pthread_mutex_t lock;
	struct network *network;        /* guarded by lock; made on first use */
	struct resources_groups groups; /* guarded by lock */
};

/* The host's, as steps are to see it. New; free(). */
char *sandbox_resolv_conf(void);
/* Once a step has come the ids are settled: the spare goes while that runs, and is waited for at
 * the end. */
void sandbox_dismiss_spare(struct sandbox *sandbox);
