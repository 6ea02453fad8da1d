/*
 * scratch: a directory of this process below the store's tmp/, for what a build fetches and unpacks
 * and nobody needs afterwards. It is removed by scratch_done(), else by whoever opens the store
 * after this process is gone.
 *
 * Floor: store. Any thread.
 */
#pragma once
#include "base/auto.h"
#include "store/store.h"

struct scratch {
	struct store *store;
	char *path; /* below the store */
	int fd;     /* O_RDONLY, mode 0700 */
};

FALLIBLE scratch_make(struct store *store, struct scratch *ret);
void scratch_done(struct scratch *scratch); /* zeroed is fine */

DEFINE_AUTO_VALUE(scratch)
