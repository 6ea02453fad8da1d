/*
 * userns_parts: what the files of userns share.
 *
 * Floor: sys (private to userns*.c).
 */
#pragma once
#include "sys/userns.h"
#include <stdbool.h>

bool userns_has_capability(unsigned capability);
/*
 * Can a user namespace with mounts be had? Tried in a child that takes what it made down again,
 * which is for userns_try_end() to wait for. -1: it cannot; reason says why.
 */
pid_t userns_try(char reason[static USERNS_REASON_BYTES]);
void userns_try_end(pid_t pid); /* 0: there is none */
/* Can a namespace have a /proc of its own? Not where a container masks parts of its own. */
bool userns_try_proc(void);
FALLIBLE userns_enter_bare(enum userns_mode wish, bool force, struct userns *userns);
/* A spare range as wide as an image's ids, in both of our maps; false: there is none. */
bool userns_spare_base(const struct idmap *ours, const struct idmap *our_gids, uint32_t *ret);
/* Everything that our namespace has, as it is, up to an image's width. */
void userns_one_to_one(const struct idmap *ours, struct idmap *ret);
/* The namespace that the child has joined is still the one whose maps were read. */
FALLIBLE userns_check_joined(const struct userns *userns, pid_t child);
/* Into the user namespace of a file, with a mount namespace of our own. Without threads. */
FALLIBLE userns_enter_other(const char *path);
FALLIBLE userns_can_chroot(void);
/* The best without one; reason is why. */
FALLIBLE userns_enter_best_bare(const char *reason, struct userns *userns);
