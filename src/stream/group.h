/*
 * group: the named threads of one task, which may wait for each other; joined before the task's
 * function returns; the first real error wins.
 *
 * Floor: stream. The group itself belongs to one thread; signals are blocked in its threads.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include <stdbool.h>

struct group;

struct group *group_new(void);
/*
 * Start a thread; name is at most 15 bytes (longer is cut). run's error is collected. False when
 * the system gives no thread: run is not called then, argument stays the caller's (close what
 * another thread may wait for), and group_join() reports it.
 */
bool group_start(struct group *group, const char *name, struct error *(*run)(void *argument),
		void *argument);
/*
 * Join all; the error of the first thread, in order of start, that is not CANCELED, or the first.
 * The group can be used again.
 */
FALLIBLE group_join(struct group *group);
void group_free(struct group *group); /* joins, drops errors */

DEFINE_AUTO_PTR(group, group_free)
