/*
 * run_mounts: --mount of 'run': bind and tmpfs are volumes (run_flags.h); caches, secrets and
 * agents are what they are in a Dockerfile's RUN, with --secret and --ssh beside them.
 *
 * Floor: verbs.
 */
#pragma once
#include "base/arena.h"
#include "ui/secret_flag.h"
#include "ui/ssh_flag.h"
#include "verbs/run_flags.h"

struct run_mounts {
	struct arena *arena;
	struct {
		struct plan_mount *p;
		size_t n, capacity;
	} mounts;
	struct secret_flags secrets;
	struct ssh_flags agents;
};

/* Reads flags only, before the sandbox's helper is forked. */
FALLIBLE run_mounts_flags(
		const struct list *secrets, const struct list *agents, struct run_mounts *ret);
/*
 * Contents of secrets; and each --mount, relative targets below workdir, relative sources below
 * context_dir (NULL: the current folder). Volumes go to parts.
 */
FALLIBLE run_mounts_make(const struct list *texts, const char *workdir, const char *context_dir,
		struct run_parts *parts, struct run_mounts *mounts);
void run_mounts_done(struct run_mounts *mounts);

DEFINE_AUTO_VALUE(run_mounts)
