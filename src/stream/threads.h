/*
 * threads: how a thread of ours is started, for pool and group; and who is nicer than others.
 *
 * Floor: stream.
 */
#pragma once
#include <pthread.h>

/* pthread_create with all signals blocked: they belong to the signalfd. Returns an errno value. */
int threads_start(pthread_t *ret, const char *name, void *(*run)(void *argument), void *argument);
/*
 * This thread, and what it starts from now on, is nicer by that much than kiln was when it began,
 * however often that is said. Only who has the right to (root, mostly) can be less nice again.
 */
void threads_give_way(int by);
