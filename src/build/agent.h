/*
 * agent: an SSH agent as a step sees it. A socket of ours stands before the real one and lets
 * requests through that use keys (list, sign), none that change the agent: no adding, removing or
 * locking, no extensions. So it also works where the step's user is not the agent's, whose uid an
 * agent insists on.
 *
 * One thread serves a step's connections; agent_stop() ends it.
 *
 * Floor: build. Spec: draft-miller-ssh-agent.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"

struct agent;

/*
 * Listen at name in the directory dir_fd, which is not there yet; requests go to the socket at
 * real. ERR_SYS when that does not answer.
 */
FALLIBLE agent_start(int dir_fd, const char *name, const char *real, struct agent **ret);
void agent_stop(struct agent *agent); /* NULL is fine */

DEFINE_AUTO_PTR(agent, agent_stop)
