/*
 * key_agent: an ssh-agent of one build, for the key files that --ssh names. Steps reach it through
 * agent.h, as they would the user's own.
 *
 * ssh-agent and ssh-add do the work, so every kind of key that the machine's OpenSSH reads is
 * read. The agent lives as long as a pipe that only kiln holds: it ends when kiln does, also when
 * that is killed. Nobody is asked for a passphrase; a key that has one is refused.
 *
 * Floor: build.
 */
#pragma once
#include "build/build.h"

struct key_agent;

/* One for each of options->agents that has key files; *ret is as long, NULL without any. */
FALLIBLE key_agents_start(const struct build_options *options, struct key_agent ***ret);
void key_agents_stop(struct key_agent **agents, size_t n); /* NULL is fine */

/* ERR_NOT_FOUND: there is no ssh-agent here. ERR_INVALID: a key that cannot be used. */
FALLIBLE key_agent_start(const struct list *keys, struct cancel *cancel, struct key_agent **ret);
void key_agent_stop(struct key_agent *agent); /* NULL is fine */
const char *key_agent_socket(const struct key_agent *agent);

DEFINE_AUTO_PTR(key_agent, key_agent_stop)
