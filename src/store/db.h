/*
 * db: the only user of SQLite. Statements are written where they are used, prepared at their first
 * use and kept; values are bound by one letter each:
 *
 *	t  const char * (NULL: NULL)	i  int64_t	d  const struct digest * (unknown: NULL)
 *
 *	AUTO(rows) struct rows rows = { 0 };
 *	TRY(db_query(db, &rows, "SELECT bytes FROM blob WHERE digest = ?", "d", &digest));
 *	TRY(rows_next(&rows, &more));
 *
 * A statement is known by the address of its text: pass literals.
 *
 * Floor: store, inside. One thread at a time (the store's mutex).
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "oci/digest.h"
#include <stdbool.h>
#include <stdint.h>

struct db;

enum db_mode { DB_WRITE = 1, DB_READ };

/*
 * Open root/store.db (made when it is not there and mode allows). *ret_version is 0 for a new one.
 */
FALLIBLE db_open(const char *root, enum db_mode mode, struct db **ret, int *ret_version);
/* Move the log into the file, unless somebody else uses it. */
FALLIBLE db_settle(struct db *db);
void db_close(struct db *db); /* NULL is fine */
/*
 * Switch a new database to its log; it keeps to it. SQLite does not wait for others here, so the
 * caller holds them off.
 */
FALLIBLE db_use_log(struct db *db);

/* Run to its end, rows are not looked at. */
FALLIBLE db_run(struct db *db, const char *sql, const char *kinds, ...);
/* Several statements without values, not kept: for schemas. */
FALLIBLE db_script(struct db *db, const char *sql);
int64_t db_changes(const struct db *db); /* rows that the last db_run() changed */
/* Is the whole file sound? *ret is NULL when it is, else what is wrong (free()). */
FALLIBLE db_integrity(struct db *db, char **ret);

struct rows {
	struct db *db;
	struct statement *statement;
};

FALLIBLE db_query(struct db *db, struct rows *ret, const char *sql, const char *kinds, ...);
FALLIBLE rows_next(struct rows *rows, bool *ret_more);
/* Columns of the current row, from 0. Text is borrowed until the next step. */
bool rows_null(const struct rows *rows, int column);
int64_t rows_int(const struct rows *rows, int column);
const char *rows_text(const struct rows *rows, int column); /* NULL for NULL */
/* NULL and anything that is not 32 bytes are the unknown digest. */
struct digest rows_digest(const struct rows *rows, int column);
void rows_done(struct rows *rows);

/* A write transaction; waits for other processes. Rolled back unless committed. */
struct transaction {
	struct db *db;
};

FALLIBLE transaction_begin(struct transaction *ret, struct db *db);
FALLIBLE transaction_commit(struct transaction *transaction);
void transaction_done(struct transaction *transaction);

DEFINE_AUTO_PTR(db, db_close)
DEFINE_AUTO_VALUE(rows)
DEFINE_AUTO_VALUE(transaction)
