/*
 * userns_parts: what the files of userns share.
 *
 * Floor: sys (private to userns*.c).
 */
#pragma once
#include "sys/userns.h"
#include <stdbool.h>

bool userns_has_capability(unsigned capability);
/* Can a user namespace with mounts be had? Tried in a child. reason says why not. */
bool userns_try(char reason[static USERNS_REASON_BYTES]);
/* Can a namespace have a /proc of its own? Not where a container masks parts of its own. */
bool userns_try_proc(void);
FALLIBLE userns_enter_bare(enum userns_mode wish, bool force, struct userns *userns);
/* Into the user namespace of a file, with a mount namespace of our own. Without threads. */
FALLIBLE userns_enter_other(const char *path);
FALLIBLE userns_can_chroot(void);
/* The best without one; reason is why. */
FALLIBLE userns_enter_best_bare(const char *reason, struct userns *userns);
