/*
 * trash: removes trees on a thread of its own, so that nobody waits for a directory of 50,000 files
 * to go. Whoever hands a path over has taken it out of everybody's sight before.
 *
 * Floor: store, inside. Any thread.
 */
#pragma once
#include "base/error.h"
#include <stdbool.h>

struct trash;

struct trash *trash_new(int dir_fd); /* borrows dir_fd */
/* Remove path (below dir_fd, copied) soon. */
void trash_add(struct trash *trash, const char *path);
/* Wait until all that was added is removed. */
void trash_wait(struct trash *trash);
/*
 * The same, and free, but wait at most so long (UINT_MAX: for ever). False: some of it is left.
 * What could not be removed is left for prune, and does not count.
 */
bool trash_free(struct trash *trash, unsigned wait_ms);
