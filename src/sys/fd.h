/*
 * fd, file: reading and writing whole files on the host side; every fd is CLOEXEC from birth.
 *
 * Floor: sys.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

FALLIBLE fd_write_all(int fd, const void *bytes, size_t n);
/* Up to n bytes, fewer only at the end of the file. */
FALLIBLE fd_read_full(int fd, void *buf, size_t n, size_t *ret_n);
/* Everything to the end, at most limit bytes (more is ERR_LIMIT); NUL-terminated, free(). */
FALLIBLE fd_read_all(int fd, size_t limit, char **ret, size_t *ret_n);

FALLIBLE file_open(int dir_fd, const char *path, int flags, mode_t mode, int *ret_fd);
/* Read a file of at most limit bytes, NUL-terminated, free(). ret_n may be NULL. */
FALLIBLE file_read(int dir_fd, const char *path, size_t limit, char **ret, size_t *ret_n);
/*
 * Make path hold exactly these bytes: a temporary file beside it, then rename. Readers see the old
 * or the new, never a part. sync: fsync file and directory first.
 */
FALLIBLE file_write_atomic(
		int dir_fd, const char *path, const void *bytes, size_t n, mode_t mode, bool sync);
/*
 * The same for a file that a user named. What is there and no file of its own stays what it is and
 * is written to: a device, a pipe, a link, and a file that is mounted over (/dev/termination-log in
 * a pod). mode is for a new file.
 */
FALLIBLE file_write_named(const char *path, const void *bytes, size_t n, mode_t mode);
/* The name of a draft beside path that nobody else uses or left behind, in another container
 * either.
 */
char *file_name_beside(const char *path);
/* The error of an attempt to replace path means: the file itself can be written, and no more. */
bool file_is_held(const struct error *error, const char *path);
/*
 * What keeps a file (is_dir: a directory) that a user named from being made or written at path,
 * told before the work for it is done; nothing is made. makes_parents: directories on the way will
 * be.
 */
FALLIBLE file_can_make(const char *path, bool is_dir, bool makes_parents);
/*
 * Reading from fd shall not change when the file was last read (O_NOATIME): a step may ask for
 * that. For whom that is not allowed, nothing happens.
 */
void fd_read_unnoticed(int fd);
/* mkdir -p on the host, mode for new ones. */
FALLIBLE file_make_dirs(const char *path, mode_t mode);
/*
 * Remove a tree on the host below dir_fd (fd-relative, no links followed); not there is fine.
 * Directories that deny us access are opened up first; any depth works with a few fds.
 */
FALLIBLE file_remove_tree(int dir_fd, const char *name);
/* The same, ERR_CANCELED with a part still there once cancel (sys/cancel.h) is set. */
struct cancel;
FALLIBLE file_remove_tree_until(int dir_fd, const char *name, const struct cancel *cancel);
