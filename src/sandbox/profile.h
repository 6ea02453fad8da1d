/*
 * profile: seccomp profiles as Docker, Podman and Buildah read them (JSON), made into the program
 * that the kernel loads.
 *
 * "includes" and "excludes" are judged by the machine's architecture and kernel and by the
 * capabilities that the step will have; names that this machine has no call for are passed over.
 *
 * Floor: sandbox. Spec: OCI runtime-spec, config-linux.md, "Seccomp"; Docker's profiles.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/str.h"
#include <stdint.h>

struct profile {
	void *program; /* struct sock_filter one behind the other */
	size_t bytes;
};

/*
 * name is for messages. capabilities: bit by bit. ERR_INVALID says what is wrong where; ERR_LIMIT:
 * larger than the kernel takes.
 */
FALLIBLE profile_make(
		struct str json, const char *name, uint64_t capabilities, struct profile *ret);
void profile_done(struct profile *profile);

DEFINE_AUTO_VALUE(profile)
