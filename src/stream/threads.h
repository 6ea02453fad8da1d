/*
 * threads: how a thread of ours is started; for pool and group.
 *
 * Floor: stream (private).
 */
#pragma once
#include <pthread.h>

/* pthread_create with all signals blocked: they belong to the signalfd. Returns an errno value. */
int threads_start(pthread_t *ret, const char *name, void *(*run)(void *argument), void *argument);
