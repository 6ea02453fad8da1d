/*
 * WAL with synchronous=NORMAL: a commit appends to store.db-wal and syncs nothing; SQLite syncs
 * when it moves the log into store.db. Its own habit is to do so when the last process closes,
 * which is the end of every build; we do it when the log has grown over CHECKPOINT_PAGES. A longer
 * log makes the next open slower, for it is read then (measured: 0.5 ms for each MiB).
 */
#include "store/db.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

#include <assert.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <sys/stat.h>

enum {
	CHECKPOINT_PAGES = 256,      /* 1 MiB of 4 KiB pages */
	CHECKPOINT_NOW_PAGES = 4096, /* even in the middle of a busy process */
	BUSY_MS = 30000,
};

struct statement {
	sqlite3_stmt *handle;
	const char *sql; /* its key; NULL: not kept */
	bool in_use;
	struct statement *next;
};

struct db {
	sqlite3 *handle;
	char *path;
	enum db_mode mode;
	int log_pages; /* in the log, as of our last commit */
	struct statement *statements;
};

static struct error *damaged(const struct db *db, const char *why)
{
	return error_hint(error_new(ERR_INVALID, "'%s' is damaged: %s", db->path, why),
			"move it away (mv %s %s.bad): kiln makes a new one and finds the images "
			"again; other cached results are made anew",
			db->path, db->path);
}

/* What SQLite's code means here; what: "read", "write". */
static struct error *db_error(const struct db *db, int code, const char *what)
{
	int number = db->handle ? sqlite3_system_errno(db->handle) : 0;
	const char *text = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code);

	switch (code & 0xff) {
	case SQLITE_FULL:
		return error_errno(ENOSPC, "%s '%s'", what, db->path);
	case SQLITE_READONLY:
		return error_errno(EROFS, "%s '%s'", what, db->path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return damaged(db, text);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return error_hint(error_new(ERR_BUSY, "%s '%s': other processes held it for %d s",
						  what, db->path, BUSY_MS / 1000),
				"see which kiln processes run");
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return error_errno(EACCES, "%s '%s'", what, db->path);
	default:
		if (number)
			return error_errno(number, "%s '%s'", what, db->path);
		return error_new(ERR_INVALID, "%s '%s': %s", what, db->path, text);
	}
}

static int count_log_pages(void *user, sqlite3 *handle, const char *name, int pages)
{
	struct db *db = user;

	(void)name;
	db->log_pages = pages;
	if (pages >= CHECKPOINT_NOW_PAGES)
		(void)sqlite3_wal_checkpoint_v2(
				handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

static FALLIBLE open_handle(struct db *db, const char *uri)
{
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE |
		    (db->mode == DB_READ ? SQLITE_OPEN_READONLY
					 : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	int code = sqlite3_open_v2(uri, &db->handle, flags, NULL);

	if (code != SQLITE_OK)
		return db_error(db, code, "open");
	(void)sqlite3_busy_timeout(db->handle, BUSY_MS);
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return NULL;
}

static void close_handle(struct db *db)
{
	while (db->statements) {
		struct statement *statement = db->statements;

		db->statements = statement->next;
		(void)sqlite3_finalize(statement->handle);
		free(statement);
	}
	(void)sqlite3_close(db->handle);
	db->handle = NULL;
}

/* sqlite's URI form: '?', '#' and '%' in a path are its own. */
static char *uri_of(const char *path, const char *query)
{
	AUTO(strbuf) struct strbuf uri = { 0 };

	strbuf_add(&uri, "file:");
	for (const char *p = path; *p; p++)
		if (*p == '?' || *p == '#' || *p == '%')
			strbuf_addf(&uri, "%%%02x", (unsigned)*p);
		else
			strbuf_add_char(&uri, *p);
	strbuf_add(&uri, query);
	return strbuf_take(&uri);
}

static FALLIBLE read_version(struct db *db, int *ret)
{
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(db_query(db, &rows, "PRAGMA user_version", ""));
	TRY(rows_next(&rows, &more));
	*ret = more ? (int)rows_int(&rows, 0) : 0;
	return NULL;
}

/*
 * Reading a log needs store.db-shm. Where nothing can be made and the last writer left no log, the
 * database is what its file says; "immutable" makes SQLite believe that.
 */
static FALLIBLE open_without_log(struct db *db, int *ret_version)
{
	AUTO_FREE char *log = xasprintf("%s-wal", db->path);
	AUTO_FREE char *uri = uri_of(db->path, "?immutable=1");
	struct stat st;

	if (stat(log, &st) == 0 && st.st_size > 0)
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "'%s' has unfinished changes in '%s' and cannot "
						  "be written",
						  db->path, log),
				"use the store once where it can be written, for example with "
				"'kiln images'");
	close_handle(db);
	TRY(open_handle(db, uri));
	return read_version(db, ret_version);
}

static FALLIBLE open_reading(struct db *db, const char *uri, int *ret_version)
{
	struct error *error = NULL;

	if (access(db->path, F_OK) < 0)
		return error_sys("open '%s'", db->path);
	error = open_handle(db, uri);
	if (!error)
		error = read_version(db, ret_version);
	if (!error || error_is(error, ERR_INVALID))
		return error;
	struct error *second = open_without_log(db, ret_version);
	if (!second) {
		error_ignore(error, "the store is read without a log");
		return NULL;
	}
	error_ignore(error, "first try of a store that is only read");
	return second;
}

static FALLIBLE open_writing(struct db *db, const char *uri, int *ret_version)
{
	TRY(open_handle(db, uri));
	TRY(db_script(db, "PRAGMA synchronous = NORMAL"));
	(void)sqlite3_wal_hook(db->handle, count_log_pages, db);
	return read_version(db, ret_version);
}

FALLIBLE db_use_log(struct db *db)
{
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(db_query(db, &rows, "PRAGMA journal_mode = WAL", ""));
	TRY(rows_next(&rows, &more));
	if (more && text_equal(rows_text(&rows, 0), "wal"))
		return NULL;
	return error_hint(error_new(ERR_UNSUPPORTED,
					  "the file system of '%s' cannot share memory between "
					  "processes, which SQLite needs",
					  db->path),
			"use a local disk (--root, KILN_ROOT)");
}

FALLIBLE db_open(const char *root, enum db_mode mode, struct db **ret, int *ret_version)
{
	AUTO(db) struct db *db = xcalloc(1, sizeof(*db));

	db->path = xasprintf("%s/store.db", root);
	db->mode = mode;
	AUTO_FREE char *uri = uri_of(db->path, "");
	TRY(mode == DB_READ ? open_reading(db, uri, ret_version)
			    : open_writing(db, uri, ret_version));
	*ret = TAKE(db);
	return NULL;
}

FALLIBLE db_settle(struct db *db)
{
	int code = sqlite3_wal_checkpoint_v2(
			db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	return code == SQLITE_OK ? NULL : db_error(db, code, "settle");
}

void db_close(struct db *db)
{
	if (!db)
		return;
	if (db->handle && db->mode == DB_WRITE && db->log_pages >= CHECKPOINT_PAGES) {
		/* Somebody else reads or writes: then the last one does it. */
		(void)sqlite3_busy_timeout(db->handle, 0);
		(void)sqlite3_wal_checkpoint_v2(
				db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	}
	close_handle(db);
	free(db->path);
	free(db);
}

static FALLIBLE statement_get(struct db *db, const char *sql, struct statement **ret)
{
	struct statement *statement = db->statements;

	while (statement && (statement->sql != sql || statement->in_use))
		statement = statement->next;
	if (!statement) {
		sqlite3_stmt *handle = NULL;
		int code = sqlite3_prepare_v3(
				db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, NULL);

		if (code != SQLITE_OK)
			return db_error(db, code, "read");
		statement = xcalloc(1, sizeof(*statement));
		*statement = (struct statement){ handle, sql, false, db->statements };
		db->statements = statement;
	}
	statement->in_use = true;
	*ret = statement;
	return NULL;
}

static void bind_digest(sqlite3_stmt *handle, int at, const struct digest *digest)
{
	if (digest && digest_known(digest))
		(void)sqlite3_bind_blob(handle, at, digest->bytes, DIGEST_BYTES, SQLITE_TRANSIENT);
	else
		(void)sqlite3_bind_null(handle, at);
}

static void bind_all(sqlite3_stmt *handle, const char *kinds, va_list args)
{
	int at = 0;

	assert((int)strlen(kinds) == sqlite3_bind_parameter_count(handle));
	for (const char *kind = kinds; *kind; kind++) {
		at++;
		if (*kind == 't')
			(void)sqlite3_bind_text(handle, at, va_arg(args, const char *), -1,
					SQLITE_TRANSIENT);
		else if (*kind == 'i')
			(void)sqlite3_bind_int64(handle, at, va_arg(args, int64_t));
		else if (*kind == 'd')
			bind_digest(handle, at, va_arg(args, const struct digest *));
		else
			abort();
	}
}

void rows_done(struct rows *rows)
{
	if (!rows->statement)
		return;
	(void)sqlite3_reset(rows->statement->handle);
	(void)sqlite3_clear_bindings(rows->statement->handle);
	rows->statement->in_use = false;
	rows->statement = NULL;
}

static FALLIBLE query(
		struct db *db, struct rows *ret, const char *sql, const char *kinds, va_list args)
{
	struct statement *statement = NULL;

	TRY(statement_get(db, sql, &statement));
	assert(statement);
	bind_all(statement->handle, kinds, args);
	*ret = (struct rows){ db, statement };
	return NULL;
}

FALLIBLE db_query(struct db *db, struct rows *ret, const char *sql, const char *kinds, ...)
{
	va_list args;

	va_start(args, kinds);
	struct error *error = query(db, ret, sql, kinds, args);
	va_end(args);
	return error;
}

FALLIBLE rows_next(struct rows *rows, bool *ret_more)
{
	int code = sqlite3_step(rows->statement->handle);

	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return db_error(rows->db, code,
				sqlite3_stmt_readonly(rows->statement->handle) ? "read" : "write");
	*ret_more = code == SQLITE_ROW;
	return NULL;
}

FALLIBLE db_run(struct db *db, const char *sql, const char *kinds, ...)
{
	AUTO(rows) struct rows rows = { 0 };
	bool more = true;
	va_list args;

	va_start(args, kinds);
	struct error *error = query(db, &rows, sql, kinds, args);
	va_end(args);
	while (!error && more)
		error = rows_next(&rows, &more);
	return error;
}

FALLIBLE db_script(struct db *db, const char *sql)
{
	int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? NULL : db_error(db, code, "write");
}

int64_t db_changes(const struct db *db)
{
	return sqlite3_changes64(db->handle);
}

FALLIBLE db_integrity(struct db *db, char **ret)
{
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(db_query(db, &rows, "PRAGMA integrity_check(1)", ""));
	TRY(rows_next(&rows, &more));
	const char *text = more ? rows_text(&rows, 0) : "no answer";
	*ret = text && strcmp(text, "ok") == 0 ? NULL : xstrdup(text ? text : "no answer");
	return NULL;
}

bool rows_null(const struct rows *rows, int column)
{
	return sqlite3_column_type(rows->statement->handle, column) == SQLITE_NULL;
}

int64_t rows_int(const struct rows *rows, int column)
{
	return sqlite3_column_int64(rows->statement->handle, column);
}

const char *rows_text(const struct rows *rows, int column)
{
	return (const char *)sqlite3_column_text(rows->statement->handle, column);
}

struct digest rows_digest(const struct rows *rows, int column)
{
	struct digest digest = { 0 };
	const void *bytes = sqlite3_column_blob(rows->statement->handle, column);

	if (bytes && sqlite3_column_bytes(rows->statement->handle, column) == DIGEST_BYTES) {
		digest.algo = DIGEST_SHA256;
		memcpy(digest.bytes, bytes, DIGEST_BYTES);
	}
	return digest;
}

FALLIBLE transaction_begin(struct transaction *ret, struct db *db)
{
	TRY(db_run(db, "BEGIN IMMEDIATE", ""));
	ret->db = db;
	return NULL;
}

FALLIBLE transaction_commit(struct transaction *transaction)
{
	TRY(db_run(transaction->db, "COMMIT", ""));
	transaction->db = NULL;
	return NULL;
}

void transaction_done(struct transaction *transaction)
{
	if (!transaction->db)
		return;
	/* A full disk may have rolled it back already; then there is nothing to do. */
	if (!sqlite3_get_autocommit(transaction->db->handle))
		error_ignore(db_run(transaction->db, "ROLLBACK", ""), "a failed transaction");
	transaction->db = NULL;
}
