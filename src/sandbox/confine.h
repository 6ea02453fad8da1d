/*
 * confine: Landlock, for steps that share kiln's own namespaces: what the kernel can still keep
 * from them. A step that is confined
 *
 *	- opens, makes, removes and renames files below its root only, even after it has broken out
 *	  of the chroot (root may)
 *	- neither traces processes outside nor reads their memory and environment below /proc
 *	- sends them no signals and connects to none of their abstract sockets (Linux 6.12)
 *
 * Needs no_new_privs, so set-id programs in the step give nobody rights that it had not.
 *
 * Floor: sandbox. Spec: landlock(7).
 */
#pragma once
#include "base/error.h"
#include <stdbool.h>

/*
 * A ruleset that allows everything below root_fd and nothing else. *ret_fd is -1 where the kernel
 * has no Landlock, or one that forbids moving files between directories (before Linux 5.19).
 */
FALLIBLE confine_below(int root_fd, int *ret_fd);
/* From now on, for this process and what it starts. */
FALLIBLE confine_self(int ruleset_fd);
