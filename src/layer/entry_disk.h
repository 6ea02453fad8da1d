/*
 * entry_disk: a file on disk as an entry: owner by the policy, xattrs as layers keep them, the
 * target of a link.
 *
 * Floor: layer. One thread at a time.
 */
#pragma once
#include "layer/entry.h"
#include <sys/stat.h>

/* { 0 } is empty and may be filled again and again; entry borrows from the rest and from path. */
struct entry_disk {
	struct entry entry;
	struct xattrs xattrs;
	char *link;
};

/* st is the lstat of name in dir_fd ("" is dir_fd itself, a directory). Borrows path. */
FALLIBLE entry_disk_read(struct entry_disk *disk, const struct owner_policy *policy, int dir_fd,
		const char *name, const struct stat *st, const char *path);
/* The content of the same file as a sink wants it; NULL for what has none. */
FALLIBLE entry_disk_content(
		const struct entry_disk *disk, int dir_fd, const char *name, struct reader **ret);
/* Same owner, type, mode, device, size, link and xattrs; times too when asked. Not the content. */
bool entry_disk_equal(const struct entry_disk *a, const struct entry_disk *b, bool times);
void entry_disk_done(struct entry_disk *disk);

DEFINE_AUTO_VALUE(entry_disk)
