/*
 * copy_tree: a copy of a file or directory on the host: owners, modes, times and links as they are
 * on disk; user xattrs of files too (owners may be recorded there). Content is cloned where the
 * file system can, else copied in the kernel.
 *
 * Floor: sys.
 */
#pragma once
#include "base/error.h"
#include <stdint.h>

/* Make to_name in to_fd, which is not there, of from_name in from_fd ("" is from_fd itself). */
FALLIBLE copy_tree(int from_fd, const char *from_name, int to_fd, const char *to_name);
/* All of from_fd's content behind to_fd's position 0; both regular files. Holes may be filled. */
FALLIBLE copy_content(int from_fd, int to_fd, uint64_t size);
/* Owner (where we may), mode, times and user xattrs of an open directory, for another. */
FALLIBLE copy_attributes(int from_fd, int to_fd);
