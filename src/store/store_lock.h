/*
 * store_lock: locks by name, between processes and between threads of one, so that two who need the
 * same layer fetch it once.
 *
 *	AUTO(store_lock) struct store_lock *lock = NULL;
 *	TRY(store_lock_take(store, "layer:sha256:…", cancel, &lock));
 *	look again: it may be here by now
 *
 * The kernel releases the lock of a process that dies. A read-only store gives a lock that locks
 * nothing.
 *
 * Floor: store. Any thread; a lock may be handed over, and is freed before the store is closed.
 */
#pragma once
#include "base/auto.h"
#include "store/store.h"
#include "sys/cancel.h"

struct store_lock;

/* Waits; ERR_CANCELED. */
FALLIBLE store_lock_take(struct store *store, const char *name, struct cancel *cancel,
		struct store_lock **ret);
/* Does not wait: *ret is NULL when somebody holds it. */
FALLIBLE store_lock_try(struct store *store, const char *name, struct store_lock **ret);
/*
 * store_lock_take, but several may have it unless one has it alone; without wait ERR_BUSY when
 * somebody is in the way.
 */
FALLIBLE store_lock_take_as(struct store *store, const char *name, bool alone, bool wait,
		struct cancel *cancel, struct store_lock **ret);
void store_lock_free(struct store_lock *lock); /* releases; NULL is fine */

DEFINE_AUTO_PTR(store_lock, store_lock_free)
