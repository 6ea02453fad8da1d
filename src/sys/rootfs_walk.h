/*
 * rootfs_walk: what openat2(RESOLVE_IN_ROOT) does, a component at a time, for kernels and sandboxes
 * that do not have it (gVisor, old seccomp profiles).
 *
 * Every step is an O_NOFOLLOW open in a directory that is held open; ".." goes back to the
 * directory that we came from; links are read and put before the rest. So a link swapped in between
 * can change where inside we end, never lead outside. A magic link (/proc) is only its text here.
 *
 * Floor: sys (private to rootfs.c).
 */
#pragma once
#include <sys/types.h>

/* As openat(2): the fd, or -1 and errno. More than 40 links are ELOOP. */
int rootfs_walk(int root_fd, const char *path, int flags, mode_t mode);
