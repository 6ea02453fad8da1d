/*
 * mount_files: the contents of a cache mount on disk, one file after the other in the order of its
 * list, as chunks are made of them.
 *
 * Whoever reads holds the mount's lock, so nothing changes meanwhile; a file that has another size
 * than the list says all the same is ERR_INVALID.
 *
 * Floor: cache, private. One thread.
 */
#pragma once
#include "cache/mount_list.h"

struct mount_files {
	int tree_fd;                   /* borrowed */
	const struct mount_list *list; /* borrowed */
	size_t next;                   /* file to be opened when the one under way is at its end */
	int fd;                        /* of the file under way; -1 */
	uint64_t at, left;             /* in it */
};

/* { .tree_fd, .list, .fd = -1 } is at the beginning. n bytes at most; *ret_n 0 is the end. */
FALLIBLE mount_files_read(struct mount_files *files, void *buf, size_t n, size_t *ret_n);
/* Pass over n bytes, which are there. Nothing is read, and no file opened that is passed whole. */
FALLIBLE mount_files_skip(struct mount_files *files, uint64_t n);
void mount_files_done(struct mount_files *files);

DEFINE_AUTO_VALUE(mount_files)
