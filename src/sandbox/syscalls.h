/*
 * syscalls: what a confined step may call without a condition: the facts of Docker's default
 * profile for a container with the default capabilities. Conditions (socket, clone, personality)
 * are in filter.c.
 *
 * Floor: sandbox (pure).
 */
#pragma once

/* By name, ended by NULL. Names that an ABI does not have are skipped there. */
extern const char *const syscalls_allowed[];
/* Calls newer than Debian 12's libseccomp, which have one number everywhere; ended by 0. */
extern const int syscalls_allowed_new[];
