/*
 * rootfs: the only door into a root that is not ours. Every path inside a rootfs is resolved by
 * openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS) from a directory fd: "..", absolute links and
 * link loops end inside, by the kernel's word. No other file joins a rootfs with a path;
 * tools/check-floors greps for it.
 *
 * Paths are relative to the root ("a/b", a leading "/" is allowed and means the root).
 *
 * Where openat2 is missing, rootfs_walk.c does the same by hand.
 *
 * Floor: sys.
 */
#pragma once
#include "base/error.h"
#include "sys/owner.h"
#include <stdbool.h>
#include <sys/stat.h>

/* Open path; flags as open(2), O_CLOEXEC is added. Follows links inside the root. */
FALLIBLE rootfs_open(int root_fd, const char *path, int flags, mode_t mode, int *ret_fd);
/* The same, but the last component is not followed (O_NOFOLLOW). */
FALLIBLE rootfs_open_nofollow(int root_fd, const char *path, int flags, mode_t mode, int *ret_fd);
/*
 * Open the directory that holds path's last component, for reading; *ret_name points into path at
 * that component, without slashes behind it unless path has them. Links in the parents are followed
 * inside the root. A path that ends in "." or ".." or is the root has no such component: *ret_name
 * is then "" and *ret_fd the directory itself.
 */
FALLIBLE rootfs_open_parent(int root_fd, const char *path, int *ret_fd, const char **ret_name);
/* lstat and stat, inside. ERR_SYS ENOENT when it is not there. */
FALLIBLE rootfs_lstat(int root_fd, const char *path, struct stat *ret);
FALLIBLE rootfs_stat(int root_fd, const char *path, struct stat *ret);
/*
 * Make every missing directory of path, each with that owner; existing ones (links to directories
 * included) stay as they are. Where a link leads nowhere, the directory it names is made. *ret_fd
 * (may be NULL) is the last one, O_RDONLY|O_DIRECTORY.
 */
FALLIBLE rootfs_make_dirs(int root_fd, const char *path, const struct owner_policy *policy,
		const struct owner *owner, int *ret_fd);
/*
 * Remove a tree below path, and path itself (a link is removed, not followed); not there is fine.
 * The root itself is ERR_INVALID.
 */
FALLIBLE rootfs_remove_tree(int root_fd, const char *path);
/* Open a regular file for reading; anything else, a pipe that nobody writes to, is ERR_INVALID. */
FALLIBLE rootfs_open_file(int root_fd, const char *path, int *ret_fd);
/* Read a small file (at most limit bytes, else ERR_LIMIT) into *ret, NUL-terminated, free(). */
FALLIBLE rootfs_read_file(int root_fd, const char *path, size_t limit, char **ret, size_t *ret_n);
/*
 * Where path leads when all links are followed inside the root, as an absolute path in it; missing
 * tail components are kept as written. More than 40 links are ERR_SYS ELOOP. New; free().
 */
FALLIBLE rootfs_resolve(int root_fd, const char *path, char **ret);
