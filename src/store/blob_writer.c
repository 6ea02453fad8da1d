/*
 * The file has no name while it is written (O_TMPFILE), so nobody has to clean up after a kill.
 * Where the file system cannot do that it is a file of our run's directory, which goes with it.
 */
#include "base/clock.h"
#include "store/blob.h"
#include "store/blob_follow.h"
#include "store/inside.h"
#include "stream/hash.h"
#include "sys/fd.h"

#include <assert.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Manifests and configs have a few kilobytes. */
enum { COMPARED_BYTES = 64 * 1024 };

struct blob_writer {
	struct writer stream; /* first: what blob_writer_stream() gives */
	struct store *store;
	int fd;
	char *path;        /* NULL: the file has no name yet */
	struct hash *hash; /* NULL: the caller hashes */
	uint64_t bytes;
	bool ended, spoilt;
	struct blob_follower *follower; /* or NULL */
};

static FALLIBLE stream_write(struct writer *writer, const void *bytes, size_t n)
{
	struct blob_writer *blob = (struct blob_writer *)writer;
	struct error *error = blob->ended ? error_new(ERR_INVALID, "write behind the end")
					  : fd_write_all(blob->fd, bytes, n);

	if (error) {
		blob->spoilt = true;
		return error_wrap(store_explain(blob->store, error), "write a blob to '%s'",
				blob->store->root);
	}
	if (blob->hash)
		hash_update(blob->hash, bytes, n);
	blob->bytes += n;
	if (blob->follower)
		blob_follower_grow(blob->follower, blob->bytes);
	return NULL;
}

/* The follower's part is over. */
static void end_follower(struct blob_writer *blob, bool is_whole)
{
	if (!blob->follower)
		return;
	blob_follower_end(blob->follower, is_whole);
	blob_follower_free(TAKE(blob->follower));
}

static FALLIBLE stream_close(struct writer *writer)
{
	struct blob_writer *blob = (struct blob_writer *)writer;

	blob->ended = true;
	end_follower(blob, !blob->spoilt);
	return NULL;
}

/* The blob writer lives on; but content that did not come to its end is none. */
static void stream_free(struct writer *writer)
{
	struct blob_writer *blob = (struct blob_writer *)writer;

	if (!blob->ended)
		blob->spoilt = true;
}

static const struct writer_ops stream_ops = { stream_write, stream_close, stream_free, NULL };

/* Failures that mean "this file system cannot", not "no room" or "not allowed". */
static bool lacks_unnamed_files(int number)
{
	return number == EOPNOTSUPP || number == EISDIR || number == EINVAL || number == ENOENT;
}

static FALLIBLE open_named(struct blob_writer *blob)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO_FREE char *dir = NULL;

	TRY(store_enter(blob->store, VISIT, &visit));
	TRY(run_make_dir(blob->store, &dir));
	blob->path = xasprintf("%s/blob", dir);
	return file_open(blob->store->fd, blob->path, O_RDWR | O_CREAT | O_EXCL, 0644, &blob->fd);
}

static FALLIBLE open_temporary(struct blob_writer *blob)
{
	blob->fd = openat(blob->store->fd, "blobs/sha256", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
	if (blob->fd >= 0)
		return NULL;
	if (!lacks_unnamed_files(errno))
		return error_sys("make a file in '%s/blobs/sha256'", blob->store->root);
	return open_named(blob);
}

FALLIBLE blob_writer_open(struct store *store, enum blob_hashing hashing, struct blob_writer **ret)
{
	AUTO(blob_writer) struct blob_writer *blob = xcalloc(1, sizeof(*blob));

	blob->stream.ops = &stream_ops;
	blob->store = store;
	blob->fd = -1;
	TRY(store_need_write(store));
	struct error *error = open_temporary(blob);
	if (error)
		return store_explain(store, error);
	if (hashing == BLOB_HASH)
		blob->hash = hash_new();
	*ret = TAKE(blob);
	return NULL;
}

struct writer *blob_writer_stream(struct blob_writer *blob)
{
	return &blob->stream;
}

FALLIBLE blob_follow(struct blob_writer *blob, struct blob_follower **ret)
{
	int fd = fcntl(blob->fd, F_DUPFD_CLOEXEC, 3);

	assert(!blob->follower && blob->bytes == 0);
	if (fd < 0)
		return error_sys("read a blob that is being written");
	blob->follower = blob_follower_new(fd);
	*ret = blob->follower;
	return NULL;
}

void blob_abandon(struct blob_writer *blob)
{
	if (!blob)
		return;
	end_follower(blob, false);
	if (blob->fd >= 0)
		(void)close(blob->fd);
	if (blob->path)
		(void)unlinkat(blob->store->fd, blob->path, 0);
	hash_free(blob->hash);
	free(blob->path);
	free(blob);
}

/* Give the unnamed file a name; AT_EMPTY_PATH would need a capability. */
static int link_unnamed(const struct blob_writer *blob, const char *path)
{
	char self[32];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", blob->fd);
	if (linkat(AT_FDCWD, self, blob->store->fd, path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno != ENOENT)
		return -1;
	return linkat(blob->fd, "", blob->store->fd, path, AT_EMPTY_PATH); /* no /proc */
}

/* Put our file in place of one that is there and not to be believed. */
static FALLIBLE replace(struct blob_writer *blob, const char *path)
{
	if (!blob->path) {
		AUTO_FREE char *dir = NULL;

		TRY(run_make_dir(blob->store, &dir));
		blob->path = xasprintf("%s/blob", dir);
		if (link_unnamed(blob, blob->path) < 0)
			return error_sys("make '%s'", blob->path);
	}
	if (renameat(blob->store->fd, blob->path, blob->store->fd, path) < 0)
		return error_sys("make '%s/%s'", blob->store->root, path);
	free(TAKE(blob->path));
	return NULL;
}

static FALLIBLE give_name(struct blob_writer *blob, const char *path)
{
	if (!blob->path && link_unnamed(blob, path) == 0)
		return NULL;
	if (!blob->path && errno != EEXIST)
		return error_sys("make '%s/%s'", blob->store->root, path);
	return replace(blob, path);
}

/*
 * A small one is compared with its name, whatever its row says: a document that was damaged on the
 * disk would stop each build that makes it again.
 */
static FALLIBLE is_whole(const struct blob_writer *blob, const struct digest *digest, bool *ret)
{
	AUTO_FREE char *bytes = NULL;
	size_t n = 0;

	*ret = true;
	if (blob->bytes > COMPARED_BYTES)
		return NULL;
	struct error *error = blob_load(blob->store, digest, COMPARED_BYTES, &bytes, &n);
	*ret = !error;
	error_ignore(error, "it is written anew");
	return NULL;
}

static FALLIBLE is_here(const struct blob_writer *blob, const struct digest *digest, bool *ret)
{
	char path[BLOB_PATH];
	struct stat st;

	*ret = false;
	if (fstatat(blob->store->fd, blob_path(digest, path), &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode) || (uint64_t)st.st_size != blob->bytes)
		return NULL;
	TRY(blob_trusted(blob->store, digest, blob->bytes, ret));
	return *ret ? is_whole(blob, digest, ret) : NULL;
}

static FALLIBLE make_visible(struct blob_writer *blob, const struct digest *digest)
{
	AUTO(visit) struct visit visit = { 0 };
	struct store *store = blob->store;
	struct lease *lease = NULL;
	char path[BLOB_PATH];
	bool here = false;
	int64_t now = clock_now_seconds();

	TRY(store_enter(store, VISIT, &visit));
	TRY(lease_blob(store, digest, &lease));
	TRY(is_here(blob, digest, &here));
	if (!here) {
		TRY(give_name(blob, blob_path(digest, path)));
		struct error *error = db_run(store->db,
				"INSERT OR REPLACE INTO blob "
				"(digest, bytes, boot, synced, created, used) "
				"VALUES (?1, ?2, ?3, 0, ?4, ?4)",
				"diti", digest, (int64_t)blob->bytes, store->boot_id, now);
		if (error) {
			(void)unlinkat(store->fd, path, 0);
			return error;
		}
	}
	lease->bytes = blob->bytes;
	return NULL;
}

static FALLIBLE check_content(struct blob_writer *blob, const struct digest *expected,
		uint64_t expected_bytes, struct digest *ret)
{
	char wanted[DIGEST_TEXT], found[DIGEST_TEXT];

	if (blob->spoilt || blob->stream.failed)
		return error_new(ERR_CANCELED, "the blob was not written to its end");
	if (expected_bytes != BLOB_ANY_SIZE && blob->bytes != expected_bytes)
		return error_new(ERR_DIGEST, "blob%s%s has %llu bytes and should have %llu",
				expected ? " " : "", expected ? digest_text(expected, wanted) : "",
				(unsigned long long)blob->bytes,
				(unsigned long long)expected_bytes);
	if (!blob->hash && !expected)
		return error_new(ERR_INVALID, "a blob without a digest");
	*ret = blob->hash ? hash_finish(blob->hash) : *expected;
	if (expected && !digest_equal(ret, expected))
		return error_new(ERR_DIGEST, "content of '%s' hashes to '%s'",
				digest_text(expected, wanted), digest_text(ret, found));
	return NULL;
}

FALLIBLE blob_commit(struct blob_writer *blob, const struct digest *expected,
		uint64_t expected_bytes, struct digest *ret, uint64_t *ret_bytes)
{
	AUTO(blob_writer) struct blob_writer *ours = blob;
	struct digest digest = { 0 };
	char text[DIGEST_TEXT];

	assert(blob);
	TRY(check_content(blob, expected, expected_bytes, &digest));
	TRY_WRAP(store_explain(blob->store, make_visible(blob, &digest)), "keep blob '%s'",
			digest_text(&digest, text));
	if (ret)
		*ret = digest;
	if (ret_bytes)
		*ret_bytes = blob->bytes;
	return NULL;
}

FALLIBLE blob_put(struct store *store, const void *bytes, size_t n, struct digest *ret)
{
	AUTO(blob_writer) struct blob_writer *blob = NULL;

	TRY(blob_writer_open(store, BLOB_HASH, &blob));
	TRY(writer_write(blob_writer_stream(blob), bytes, n));
	return blob_commit(TAKE(blob), NULL, BLOB_ANY_SIZE, ret, NULL);
}
