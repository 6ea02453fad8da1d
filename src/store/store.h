/*
 * store: kiln's local state, one directory that any number of processes share. docs/store-format.md
 * has the format and the reasons.
 *
 *	oci-layout index.json blobs/sha256/<hex>	a valid OCI image layout
 *	layers/<id>/					unpacked layers
 *	containers/					working containers (kept free)
 *	mounts/<hex>/					what cache mounts keep
	digests/					digests of build context files
 *	store.db					SQLite: what is known of the above
 *	tmp/<run>/					a running process: its lock, leases, drafts
 *	locks/						locks by name
 *
 * Rules that hold at every instant, whoever is killed:
 * - What has its name is whole: files and trees are made in tmp/ and renamed, then get a row.
 * - Nothing is fsynced on the way. Blobs and trees remember the boot they were made in; after a
 *   crash of the machine those not marked as synced are hashed (blobs) or dropped (trees) before
 *   the first use. A blob that came by other hands (no row) is hashed before its first use, too.
 * - Whatever a call of this interface hands out (a blob, a layer) is leased to this process until
 *   store_close(): prune of another process does not touch it.
 *
 * A full disk is one ERR_SYS with code ENOSPC and a hint, and leaves nothing visible. A store that
 * cannot be written reads well and fails writes with one ERR_SYS (EROFS) naming it.
 *
 * Floor: store. A struct store may be used from any thread (one SQLite connection behind a mutex);
 * it must not cross a fork.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "sys/owner.h"
#include <stdbool.h>
#include <stdint.h>

struct store;

struct store_settings {
	const char *root;          /* made on first use, mode 0700 */
	bool read_only;            /* never write; also what a read-only file system gives */
	struct owner_policy owner; /* kind 0: unpacked layers are not used */
	const char *boot_id;       /* NULL: the kernel's; tests play reboots with it */
};

/*
 * Open or make. ERR_UNSUPPORTED: the store has another format version. ERR_INVALID: store.db is
 * damaged; the hint says how to go on (a store without store.db gets a new one, with the images of
 * index.json). Costs about 1 ms. What dead processes left in tmp/ is removed in the background.
 */
FALLIBLE store_open(const struct store_settings *settings, struct store **ret);
/*
 * Trees and cache mounts from here on are of this policy; what kind of user we are, which working
 * containers ask for, stays. Before the first of them, by one thread.
 */
void store_use_owner(struct store *store, const struct owner_policy *owner);
/* Ends all leases, removes what is left in tmp/, waits for background removals. */
void store_close(struct store *store);

int store_dir_fd(const struct store *store);       /* borrowed; overlay paths are relative to it */
const char *store_root(const struct store *store); /* absolute */
bool store_is_read_only(const struct store *store);

/*
 * Make all that was made so far durable (syncfs) and say so in the rows. Not on anybody's way: for
 * idle moments. Without it nothing is ever wrong, but a crash of the machine costs more.
 */
FALLIBLE store_sync(struct store *store);
/*
 * At its close, put all that the database's log holds into its file: the store will be read where
 * nothing can be written.
 */
void store_settle_at_close(struct store *store);
/*
 * Closing it waits at most so long for the removal of what was in the making; the rest is left to
 * the next process on this store, or goes with the machine.
 */
void store_hurry_at_close(struct store *store, unsigned wait_ms);
/* How much was made in this boot and not synced yet. */
FALLIBLE store_unsynced(struct store *store, uint64_t *ret_bytes, uint64_t *ret_things);

DEFINE_AUTO_PTR(store, store_close)
