/*
 * build_steps: what steps of a build are given: secrets, agents, limits, and what the options of
 * 'run' say.
 *
 * Floor: verbs.
 */
#pragma once
#include "ui/secret_flag.h"
#include "ui/ssh_flag.h"
#include "verbs/run_flags.h"

struct build_steps {
	struct list source_environment;
	struct secret_flags secrets;
	struct ssh_flags ssh;
};

/* Fill options, which point into steps and parts. Secrets are not read yet. */
FALLIBLE build_steps_make(const struct list *secrets, const struct list *agents,
		const struct config *config, const struct run_parts *parts,
		struct build_steps *steps, struct build_options *options);
/* Read secrets: not before the sandbox's helper is forked, so that no other process has them. */
FALLIBLE build_steps_load(struct build_steps *steps, struct build_options *options);
void build_steps_done(struct build_steps *steps);

DEFINE_AUTO_VALUE(build_steps)
