/*
 * ssh_flag: --ssh default|ID[=SOCKET|KEYFILE[,KEYFILE...]] of every command that builds. Files are
 * told apart by what they are; whether a key can be used shows when the build adds it.
 *
 * Floor: ui.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "build/build.h"

struct ssh_flags {
	struct {
		struct build_agent *p; /* owned */
		size_t n, capacity;
	} agents;
};

/* socket: what SSH_AUTH_SOCK says, or NULL. Every failure is error_usage. */
FALLIBLE ssh_flags_add(struct ssh_flags *flags, const char *text, const char *socket);
void ssh_flags_done(struct ssh_flags *flags);

DEFINE_AUTO_VALUE(ssh_flags)
