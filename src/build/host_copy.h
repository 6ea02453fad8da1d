/*
 * host_copy: files of the host as a step may have them that must not touch the host's own, as
 * mounts.conf wants it: regular files and directories, links followed, all of them root's in the
 * image, modes as they are. What is neither, and a link to nothing, is left out.
 *
 * Floor: build.
 */
#pragma once
#include "sys/owner.h"

/* Make name in to_fd, which is not there. ERR_LIMIT: more than belongs into every step. */
FALLIBLE host_copy(
		const char *source, int to_fd, const char *name, const struct owner_policy *policy);
