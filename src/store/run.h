/*
 * run: the traces of one process with an open store, tmp/<run>/:
 *
 *	lock	locked while the process lives; the kernel unlocks it, whatever happens. (Pids
 *		would not do: containers that share a volume do not share pids.)
 *	leases	a line for each blob ("b <hex>") and layer ("l <id>") it may be using
 *	<n>/	drafts
 *
 * A run whose lock can be taken is dead; the next process that opens the store removes it. A
 * process that only looks at the store without finding anything in it has no run at all.
 *
 * Floor: store, inside. Guarded by the store's mutex.
 */
#pragma once
#include "base/error.h"
#include "base/map.h"
#include "base/vec.h"
#include "oci/digest.h"
#include <stdbool.h>

struct store;

struct run {
	char *dir; /* "tmp/<run>"; NULL: not made yet */
	int lock_fd, leases_fd;
	uint64_t drafts;
	struct map *leased; /* "b<hex>", "l<id>" -> struct lease */
};

struct lease {
	uint64_t bytes; /* of a blob that was found whole; UINT64_MAX: not looked at yet */
	bool fresh;     /* used in this run: its row's date is to be renewed at close */
};

void run_init(struct run *run);
/* Release everything; tmp/<run> is removed, or left to the next process. */
void run_done(struct store *store, bool removes);

/* Within a visit. Make tmp/<run> unless it is there. */
FALLIBLE run_need(struct store *store);
/* A fresh directory "tmp/<run>/<n>", mode 0700; *ret is its path, free(). */
FALLIBLE run_make_dir(struct store *store, char **ret);
/* Take path out of sight and have it removed. Not there is fine. */
FALLIBLE run_discard(struct store *store, const char *path);

/* Within a visit. The lease is made if it is not there; owned by the store. */
FALLIBLE lease_blob(struct store *store, const struct digest *digest, struct lease **ret);
FALLIBLE lease_layer(struct store *store, const char *id, struct lease **ret);

/* Clear what dead runs left. Cheap when there are none. Not within a visit. */
FALLIBLE runs_clear_dead(struct store *store);
/* Within a visit alone: add all that living runs lease, as "b<hex>" and "l<id>". */
FALLIBLE runs_leases(struct store *store, struct map *ret);
