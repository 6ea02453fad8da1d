/*
 * trash: removes trees on a thread of its own, so that nobody waits for a directory of 50,000 files
 * to go. Whoever hands a path over has taken it out of everybody's sight before.
 *
 * Floor: store, inside. Any thread.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"

struct trash;

struct trash *trash_new(int dir_fd); /* borrows dir_fd */
/* Remove path (below dir_fd, copied) soon. */
void trash_add(struct trash *trash, const char *path);
/* Wait until all that was added is removed. */
void trash_wait(struct trash *trash);
/* The same, and free. What could not be is left for prune. */
void trash_free(struct trash *trash);

DEFINE_AUTO_PTR(trash, trash_free)
