/*
 * inside: what the files of store/ share. Nobody else includes it.
 *
 * Locks are taken in this order: a named lock, the store's mutex, locks/gc, SQLite's. The store's
 * mutex and locks/gc come together as a visit (store_enter); nothing slow happens during one.
 *
 *	AUTO(visit) struct visit visit = { 0 };
 *	TRY(store_enter(store, VISIT, &visit));
 *
 * Everybody who looks something up, leases it or gives it its name holds locks/gc shared; prune and
 * the clearing of dead runs hold it exclusively. So what was found during a visit and leased in the
 * same visit cannot go away.
 *
 * Floor: store, inside.
 */
#pragma once
#include "base/auto.h"
#include "base/map.h"
#include "store/db.h"
#include "store/run.h"
#include "store/store.h"
#include "store/trash.h"

#include <pthread.h>

enum { OWNER_KEY_TEXT = 32 };

struct store {
	char *root;
	int fd;
	int gc_fd; /* locks/gc; -1 when the store is only read */
	bool read_only;
	bool settles;                   /* at close */
	unsigned close_ms;              /* UINT_MAX: takes its time */
	int why_read_only;              /* errno */
	bool uses_trees;                /* an owner policy was given */
	char owner_key[OWNER_KEY_TEXT]; /* policy and id mapping: what kind of user we are */
	char tree_key[OWNER_KEY_TEXT];  /* the same of whose trees we can use */
	char *boot_id;
	pthread_mutex_t lock;
	struct db *db;       /* guarded by lock */
	struct run run;      /* guarded by lock */
	struct trash *trash; /* its own lock */
};

enum visit_kind { VISIT = 1, VISIT_ALONE /* locks/gc exclusively */ };

struct visit {
	struct store *store;
	bool locked; /* locks/gc is held, too */
};

FALLIBLE store_enter(struct store *store, enum visit_kind kind, struct visit *ret);
void visit_done(struct visit *visit); /* leaves */

/* ERR_SYS EROFS with a hint when the store is only read. */
FALLIBLE store_need_write(const struct store *store);
/* Adds the hint that goes with a full disk or one that cannot be written. NULL is fine. */
struct error *store_explain(const struct store *store, struct error *error);

/* A file of 1 MiB that prune gives up first, so that it has room to work on a full disk. */
void store_use_reserve(const struct store *store);
void store_keep_reserve(const struct store *store); /* as far as there is room */

/* True when rows of that boot, marked like that, can be believed. */
bool store_trusts(const struct store *store, const char *boot, bool synced);

/* "blobs/sha256/<hex>" and "layers/<id>" */
enum { BLOB_PATH = 13 + 64 + 1, LAYER_PATH = 7 + 16 + 1 };
char *blob_path(const struct digest *digest, char buf[static BLOB_PATH]);
char *layer_path(const char *id, char buf[static LAYER_PATH]);

/* Of the store's file system, for whoever may not use the reserve; ret_total may be NULL. gc.c */
FALLIBLE store_free_bytes(const struct store *store, uint64_t *ret_free, uint64_t *ret_total);

/* 16 hex digits of the kernel's randomness. */
void random_name(char buf[static 17]);
/* A row may be damaged: id when it is n such digits, else a name that nothing has. */
const char *random_name_or_none(const char *id, size_t n);

/* Read a blob of at most limit bytes and compare it with its name; asks no row and no mutex. */
FALLIBLE blob_load(const struct store *store, const struct digest *digest, size_t limit, char **ret,
		size_t *ret_n);

/* Within a visit: does a row vouch for a file of that size? */
FALLIBLE blob_trusted(struct store *store, const struct digest *digest, uint64_t bytes, bool *ret);

/* Within a visit: the best row by id or by diffID, leased; ret->id is "" when there is none. */
struct layer_record;
FALLIBLE layer_look_up(struct store *store, const char *id, const struct digest *diff_id,
		const struct digest *chain, struct layer_record *ret);
/* Tables, and the row of facts about the store itself. */
enum { STORE_VERSION = 3 };
FALLIBLE schema_make(struct db *db);
/* From an older version's tables to ours. Within a transaction. */
FALLIBLE schema_raise(struct db *db, int from);

DEFINE_AUTO_VALUE(visit)
