/*
 * plan_make: from a step, as callers say it, to a plan. Everything about order is decided here.
 *
 * Floor: sandbox (pure: the host's resolv.conf comes in as text).
 */
#pragma once
#include "sandbox/plan.h"
#include "sandbox/sandbox.h"

struct plan_host {
	const char *resolv_conf;  /* the host's, or "" */
	const char *dns_fallback; /* where a private network has no other nameserver, or NULL */
	int network_fd;           /* the private network's namespace */
	int cgroup_fd;            /* cgroup.procs of the group that the step joins */
	bool records_owners;      /* OWNER_RECORDED */
	bool shares_uts;          /* the name of the host is not a step's to set */
};

/* fds of the step are borrowed by the plan. ERR_LIMIT and ERR_INVALID for odd steps. */
FALLIBLE plan_make(const struct plan_host *host, const struct sandbox_step *step, struct plan *ret);
