/*
 * dir: what is in a directory of the host, one entry after the other. "." and ".." are left out,
 * and an error in the middle of it is an error, not its end.
 *
 *	AUTO(dir) struct dir dir = { 0 };
 *	const struct dirent *entry;
 *
 *	TRY(dir_open(fd, "name", O_NOFOLLOW, &dir));
 *	for (;;) {
 *		TRY(dir_next(&dir, &entry));
 *		if (!entry)
 *			return NULL;
 *		...
 *	}
 *
 * Floor: sys.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/vec.h"
#include <dirent.h>
#include <stdbool.h>

struct dir {
	DIR *stream;
	char *path; /* as it was given, for errors */
};

void dir_done(struct dir *dir);
DEFINE_AUTO_VALUE(dir)

/*
 * path below at_fd, "." for at_fd itself: through a descriptor of its own, as the place in a
 * directory belongs to the open file. flags: O_NOFOLLOW or 0. ERR_SYSTEM with the errno.
 */
FALLIBLE dir_open(int at_fd, const char *path, int flags, struct dir *ret);
/* The same of an open descriptor, which is taken, from its beginning; path is for errors. */
FALLIBLE dir_take(int fd, const char *path, struct dir *ret);
/* *ret_entry is good until the next call; NULL: there are no more. */
FALLIBLE dir_next(struct dir *dir, const struct dirent **ret_entry);
/* What names in it stand for is below this descriptor, which stays the dir's own. */
int dir_fd(const struct dir *dir);
/* All names, sorted. */
FALLIBLE dir_names(int at_fd, const char *path, struct list *ret);
/* "path/name" of those that end so, sorted; a directory that is not there has none. */
FALLIBLE dir_files(const char *path, const char *suffix, struct list *ret);
FALLIBLE dir_is_empty(int fd, bool *ret);
