/*
 * A blob is believed when its row says that it was made (or hashed) in this boot, or synced since.
 * Any other file under blobs/ (made before a crash, by another tool, by a process that died between
 * name and row) is hashed once; then it gets a row, or goes.
 */
#include "store/blob.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "store/inside.h"
#include "store/store_lock.h"
#include "stream/hash.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <sys/stat.h>

static struct error *not_here(const struct store *store, const struct digest *digest)
{
	char text[DIGEST_TEXT];

	return error_new(ERR_NOT_FOUND, "blob '%s' is not in the store '%s'",
			digest_text(digest, text), store->root);
}

/* ENOENT when there is none. What is no file goes, where it may, so that the blob can come back. */
static FALLIBLE open_file(const struct store *store, const struct digest *digest, int *ret_fd,
		uint64_t *ret_bytes)
{
	AUTO_FD int fd = -1;
	char path[BLOB_PATH];
	struct stat st;

	if (fstatat(store->fd, blob_path(digest, path), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys("look at '%s/%s'", store->root, path);
	if (!S_ISREG(st.st_mode)) {
		if (!store->read_only)
			(void)unlinkat(store->fd, path, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
		return error_errno(ENOENT, "'%s/%s' is not a file", store->root, path);
	}
	TRY(file_open(store->fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &fd));
	if (fstat(fd, &st) < 0)
		return error_sys("look at '%s'", path);
	if (!S_ISREG(st.st_mode)) /* meanwhile */
		return error_new(ERR_INVALID, "'%s/%s' is not a file", store->root, path);
	*ret_bytes = (uint64_t)st.st_size;
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

static FALLIBLE forget_row(struct store *store, const struct digest *digest)
{
	return store->read_only ? NULL
				: db_run(store->db, "DELETE FROM blob WHERE digest = ?", "d",
						  digest);
}

/* seen: nothing happens when the name is another file's; NULL: whatever it is. */
static FALLIBLE drop(struct store *store, const struct digest *digest, const struct stat *seen)
{
	AUTO(visit) struct visit visit = { 0 };
	struct lease *lease = NULL;
	char path[BLOB_PATH];
	struct stat st;

	TRY(store_need_write(store));
	TRY(store_enter(store, VISIT, &visit));
	if (seen && fstatat(store->fd, blob_path(digest, path), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			(st.st_ino != seen->st_ino || st.st_dev != seen->st_dev))
		return NULL;
	TRY(lease_blob(store, digest, &lease));
	lease->bytes = UINT64_MAX;
	if (unlinkat(store->fd, blob_path(digest, path), 0) < 0 && errno != ENOENT)
		return error_sys("remove '%s/%s'", store->root, path);
	return forget_row(store, digest);
}

/*
 * fd's bytes were read and are wrong. While they were read, another process may have found that,
 * too, and put right ones in their place, which stay.
 */
static FALLIBLE put_away(struct store *store, const struct digest *digest, int fd)
{
	struct stat seen;

	if (store->read_only)
		return NULL;
	if (fstat(fd, &seen) < 0)
		return error_sys("look at a damaged blob");
	return drop(store, digest, &seen);
}

FALLIBLE blob_trusted(struct store *store, const struct digest *digest, uint64_t bytes, bool *ret)
{
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(db_query(store->db, &rows, "SELECT bytes, boot, synced FROM blob WHERE digest = ?", "d",
			digest));
	TRY(rows_next(&rows, &more));
	*ret = more && (uint64_t)rows_int(&rows, 0) == bytes &&
	       store_trusts(store, rows_text(&rows, 1), rows_int(&rows, 2) == 1);
	return NULL;
}

enum blob_state { BLOB_ABSENT = 1, BLOB_UNSURE, BLOB_WHOLE };

/* Open and lease; *ret_fd is -1 for an absent one. */
static FALLIBLE locate(struct store *store, const struct digest *digest, enum blob_state *ret,
		int *ret_fd, uint64_t *ret_bytes)
{
	AUTO(visit) struct visit visit = { 0 };
	struct lease *lease = NULL;
	bool trusted = false;

	TRY(store_enter(store, VISIT, &visit));
	struct error *error = open_file(store, digest, ret_fd, ret_bytes);
	if (error_is_errno(error, ENOENT)) {
		error_free(error);
		*ret = BLOB_ABSENT;
		return forget_row(store, digest);
	}
	TRY(error);
	TRY(lease_blob(store, digest, &lease));
	if (lease->bytes != *ret_bytes)
		TRY(blob_trusted(store, digest, *ret_bytes, &trusted));
	else
		trusted = true;
	if (trusted)
		lease->bytes = *ret_bytes;
	*ret = trusted ? BLOB_WHOLE : BLOB_UNSURE;
	return NULL;
}

/*
 * It was hashed and is right. If it was made before this boot, its bytes came from the disk, so
 * they are there to stay.
 */
static FALLIBLE adopt(struct store *store, const struct digest *digest, uint64_t bytes)
{
	AUTO(visit) struct visit visit = { 0 };
	struct lease *lease = NULL;
	int64_t now = clock_now_seconds();

	TRY(store_enter(store, VISIT, &visit));
	TRY(lease_blob(store, digest, &lease));
	lease->bytes = bytes;
	if (store->read_only)
		return NULL;
	return db_run(store->db,
			"INSERT INTO blob (digest, bytes, boot, synced, created, used) "
			"VALUES (?1, ?2, ?3, 0, ?4, ?4) ON CONFLICT (digest) DO UPDATE "
			"SET bytes = ?2, synced = boot <> ?3, boot = ?3",
			"diti", digest, (int64_t)bytes, store->boot_id, now);
}

static FALLIBLE hash_fd(int fd, struct digest *ret)
{
	struct hash_result result = { 0 };
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return error_sys("copy a file descriptor");
	AUTO(reader) struct reader *reader = hash_reader(reader_from_fd(copy), &result);
	TRY(reader_drain(reader));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys("rewind");
	*ret = result.digest;
	return NULL;
}

/* The slow way, not within a visit; one process at a time hashes one blob. */
static FALLIBLE make_sure(struct store *store, const struct digest *digest, int *fd,
		uint64_t *bytes, enum blob_state *state)
{
	AUTO(store_lock) struct store_lock *lock = NULL;
	struct digest found = { 0 };
	char text[DIGEST_TEXT];

	AUTO_FREE char *name = xasprintf("hash:%s", digest_text(digest, text));
	TRY(store_lock_take(store, name, NULL, &lock));
	(void)close(TAKE_FD(*fd));
	TRY(locate(store, digest, state, fd, bytes));
	if (*state != BLOB_UNSURE)
		return NULL;
	TRY_WRAP(hash_fd(*fd, &found), "check blob '%s'", text);
	if (digest_equal(digest, &found)) {
		*state = BLOB_WHOLE;
		return adopt(store, digest, *bytes);
	}
	*state = BLOB_ABSENT;
	AUTO_FD int wrong_fd = TAKE_FD(*fd);
	return put_away(store, digest, wrong_fd);
}

/* *ret_fd is -1 when it is not here. */
static FALLIBLE open_whole(
		struct store *store, const struct digest *digest, int *ret_fd, uint64_t *ret_bytes)
{
	AUTO_FD int fd = -1;
	enum blob_state state = BLOB_ABSENT;
	uint64_t bytes = 0;

	TRY(locate(store, digest, &state, &fd, &bytes));
	if (state == BLOB_UNSURE)
		TRY(make_sure(store, digest, &fd, &bytes, &state));
	*ret_fd = TAKE_FD(fd);
	*ret_bytes = bytes;
	return NULL;
}

FALLIBLE blob_has(struct store *store, const struct digest *digest, bool *ret, uint64_t *ret_bytes)
{
	AUTO_FD int fd = -1;
	uint64_t bytes = 0;

	TRY(open_whole(store, digest, &fd, &bytes));
	*ret = fd >= 0;
	if (fd >= 0 && ret_bytes)
		*ret_bytes = bytes;
	return NULL;
}

FALLIBLE blob_open_fd(
		struct store *store, const struct digest *digest, int *ret_fd, uint64_t *ret_bytes)
{
	int fd = -1;
	uint64_t bytes = 0;

	TRY(open_whole(store, digest, &fd, &bytes));
	if (fd < 0)
		return not_here(store, digest);
	if (ret_bytes)
		*ret_bytes = bytes;
	*ret_fd = fd;
	return NULL;
}

/* A reader that puts a damaged blob away, so that the next asker does not find it. */

struct blob_reader {
	struct reader base;
	struct reader *below;
	int fd; /* of below, which closes it */
	struct store *store;
	struct digest digest;
};

static FALLIBLE blob_reader_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct blob_reader *self = (struct blob_reader *)reader;
	struct error *error = reader_read(self->below, buf, n, ret_n);

	if (!error_is(error, ERR_DIGEST))
		return error;
	error_ignore(put_away(self->store, &self->digest, self->fd), "a damaged blob");
	return error_hint(error_wrap(error, "the store '%s' is damaged", self->store->root),
			"try again: what was damaged is made or fetched anew; if it comes back, "
			"check the disk");
}

static void blob_reader_free(struct reader *reader)
{
	struct blob_reader *self = (struct blob_reader *)reader;

	reader_free(self->below);
	free(self);
}

static const struct reader_ops blob_reader_ops = { blob_reader_read, blob_reader_free };

FALLIBLE blob_open(struct store *store, const struct digest *digest, struct reader **ret,
		uint64_t *ret_bytes)
{
	int fd = -1;
	uint64_t bytes = 0;

	TRY(blob_open_fd(store, digest, &fd, &bytes));
	struct blob_reader *self = xcalloc(1, sizeof(*self));
	self->base.ops = &blob_reader_ops;
	self->fd = fd;
	self->below = verify_reader(reader_from_fd(fd), digest, bytes);
	self->store = store;
	self->digest = *digest;
	if (ret_bytes)
		*ret_bytes = bytes;
	*ret = &self->base;
	return NULL;
}

FALLIBLE blob_read(struct store *store, const struct digest *digest, size_t limit, char **ret,
		size_t *ret_n)
{
	AUTO(reader) struct reader *reader = NULL;
	char text[DIGEST_TEXT];

	TRY(blob_open(store, digest, &reader, NULL));
	TRY_WRAP(reader_read_all(reader, limit, ret, ret_n), "read blob '%s'",
			digest_text(digest, text));
	return NULL;
}

FALLIBLE blob_load(const struct store *store, const struct digest *digest, size_t limit, char **ret,
		size_t *ret_n)
{
	AUTO_FREE char *bytes = NULL;
	char path[BLOB_PATH];
	size_t n = 0;

	struct error *error = file_read(store->fd, blob_path(digest, path), limit, &bytes, &n);
	if (error_is_errno(error, ENOENT)) {
		error_free(error);
		return not_here(store, digest);
	}
	TRY(error);
	struct digest found = digest_of(bytes, n);
	if (!digest_equal(digest, &found))
		return error_new(
				ERR_DIGEST, "'%s/%s' does not hash to its name", store->root, path);
	*ret = TAKE(bytes);
	*ret_n = n;
	return NULL;
}

FALLIBLE blob_drop(struct store *store, const struct digest *digest)
{
	return drop(store, digest, NULL);
}

/* Where else it is. */

FALLIBLE blob_add_location(struct store *store, const struct digest *digest, const char *repository)
{
	AUTO(visit) struct visit visit = { 0 };

	TRY(store_need_write(store));
	TRY(store_enter(store, VISIT, &visit));
	return store_explain(
			store, db_run(store->db,
					       "INSERT OR REPLACE INTO location (digest, "
					       "repository, seen) "
					       "VALUES (?, ?, ?)",
					       "dti", digest, repository, clock_now_seconds()));
}

FALLIBLE blob_locations(struct store *store, const struct digest *digest, struct list *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows,
			"SELECT repository FROM location WHERE digest = ? ORDER BY seen DESC", "d",
			digest));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			return NULL;
		list_add(ret, rows_text(&rows, 0));
	}
}
