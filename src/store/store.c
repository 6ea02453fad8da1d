/*
 * Opening is on the way of every command, so an existing store costs: one directory, SQLite, one
 * row, the first bytes of index.json, a look into tmp/. All else is made when it is needed.
 */
#include "store/store.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "store/image_rows.h"
#include "store/inside.h"
#include "sys/fd.h"
#include "sys/lock.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

enum {
	RESERVE_BYTES = 1024 * 1024, /* so that prune has room to work on a full disk */
	BOOT_ID_BYTES = 128,
	ID_MAP_BYTES = 64 * 1024, /* Linux allows 340 lines */
};

char *blob_path(const struct digest *digest, char buf[static BLOB_PATH])
{
	char hex[DIGEST_HEX];

	(void)snprintf(buf, BLOB_PATH, "blobs/sha256/%s", digest_hex(digest, hex));
	return buf;
}

const char *random_name_or_none(const char *id, size_t n)
{
	size_t digits = strspn(id, "0123456789abcdef");

	return digits == n && !id[n] ? id : "-";
}

char *layer_path(const char *id, char buf[static LAYER_PATH])
{
	(void)snprintf(buf, LAYER_PATH, "layers/%s",
			random_name_or_none(id, LAYER_PATH - sizeof("layers/")));
	return buf;
}

void random_name(char buf[static 17])
{
	uint64_t salt = 0;

	if (getrandom(&salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
		abort(); /* 8 bytes never come short (random(7)) */
	(void)snprintf(buf, 17, "%016llx", (unsigned long long)salt);
}

/* Errors. */

struct error *store_explain(const struct store *store, struct error *error)
{
	if (!error || error_find_hint(error))
		return error;
	if (error_is_errno(error, ENOSPC) || error_is_errno(error, EDQUOT))
		return error_hint(error,
				"free some space on the disk of '%s', for example with 'kiln "
				"prune', or use another place (--root, KILN_ROOT)",
				store->root);
	if (error_is_errno(error, EROFS) || error_is_errno(error, EACCES) ||
			error_is_errno(error, EPERM))
		return error_hint(error, "use a place that can be written (--root, KILN_ROOT)");
	return error;
}

FALLIBLE store_need_write(const struct store *store)
{
	if (!store->read_only)
		return NULL;
	return error_hint(error_errno(store->why_read_only, "write to the store '%s'", store->root),
			"use a place that can be written (--root, KILN_ROOT)");
}

bool store_trusts(const struct store *store, const char *boot, bool synced)
{
	return synced || text_equal(boot, store->boot_id);
}

/* Visits. */

FALLIBLE store_enter(struct store *store, enum visit_kind kind, struct visit *ret)
{
	(void)pthread_mutex_lock(&store->lock);
	ret->store = store;
	if (store->gc_fd < 0)
		return NULL;
	TRY_WRAP(lock_take(store->gc_fd, kind == VISIT_ALONE, true, NULL), "lock the store '%s'",
			store->root);
	ret->locked = true;
	return NULL;
}

void visit_done(struct visit *visit)
{
	if (!visit->store)
		return;
	if (visit->locked)
		lock_release(visit->store->gc_fd);
	(void)pthread_mutex_unlock(&visit->store->lock);
	*visit = (struct visit){ 0 };
}

/* What we are: boot and owner. */

static char *read_boot_id(void)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	struct error *error = file_read(
			AT_FDCWD, "/proc/sys/kernel/random/boot_id", BOOT_ID_BYTES, &text, &n);
	if (error) {
		char name[17];

		/* Without /proc every process is a boot of its own: slower, never wrong. */
		error_ignore(error, "no boot id");
		random_name(name);
		return xstrdup(name);
	}
	return str_dup(str_trim((struct str){ text, n }));
}

static void add_map(struct strbuf *out, const char *path, uint32_t width)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct idmap map = { 0 };
	struct error *error = file_read(AT_FDCWD, path, ID_MAP_BYTES, &text, &n);

	if (error) {
		error_ignore(error, "no id map: the initial namespace's");
		return;
	}
	error = idmap_parse((struct str){ text, n }, &map);
	if (error) {
		error_ignore(error, "an id map of many ranges: whole");
		strbuf_add_bytes(out, text, n);
		return;
	}
	idmap_cut(&map, width);
	/* As the kernel writes it. */
	for (unsigned i = 0; i < map.n; i++)
		strbuf_addf(out, "%10u %10u %10u\n", map.range[i].inside, map.range[i].outside,
				map.range[i].count);
}

/*
 * Two processes can use each other's trees when the same ids on disk mean the same owners to them:
 * same policy, same mapping of their namespace. An ordinary user's may grow: it is the same where
 * an image has its ids, and who gets another range in /etc/subuid keeps what is there.
 */
static void make_owner_key(const struct owner_policy *owner, char buf[static OWNER_KEY_TEXT])
{
	AUTO(strbuf) struct strbuf text = { 0 };
	uint32_t width = owner->kind == OWNER_PLAIN ? IDMAP_WIDTH : UINT32_MAX;
	char hex[DIGEST_HEX];

	strbuf_addf(&text, "%d %u %u\n", (int)owner->kind, owner->base, owner->count);
	if (owner->kind == OWNER_MAPPED) {
		idmap_text(&owner->maps.uids, &text);
		idmap_text(&owner->maps.gids, &text);
	}
	add_map(&text, "/proc/self/uid_map", width);
	add_map(&text, "/proc/self/gid_map", width);
	if (owner->is_flat)
		strbuf_add(&text, "flat\n");
	struct digest digest = digest_of(text.p, text.n);
	(void)snprintf(buf, OWNER_KEY_TEXT, "%d-%.16s", (int)owner->kind, digest_hex(&digest, hex));
}

/* Making a store. */

void store_keep_reserve(const struct store *store)
{
	AUTO_FD int fd = openat(store->fd, "reserve", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)posix_fallocate(fd, 0, RESERVE_BYTES);
}

void store_use_reserve(const struct store *store)
{
	(void)unlinkat(store->fd, "reserve", 0);
}

static const char *const directories[] = { "blobs", "blobs/sha256", "layers", "containers",
	"digests", "tmp", "locks" };

static FALLIBLE make_directories(const struct store *store)
{
	/*
	 * The root keeps others out; below it a step's user namespace, whose root is nobody here,
	 * must be able to pass through.
	 */
	for (size_t i = 0; i < COUNT(directories); i++)
		if (mkdirat(store->fd, directories[i], 0711) < 0 && errno != EEXIST)
			return error_sys("make directory '%s/%s'", store->root, directories[i]);
	return NULL;
}

/* What nobody knows of in these is removed: that must not be somebody's files elsewhere. */
static FALLIBLE refuse_links(const struct store *store)
{
	struct stat st;

	for (size_t i = 0; i < COUNT(directories); i++)
		if (fstatat(store->fd, directories[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
				S_ISLNK(st.st_mode))
			return error_hint(
					error_new(ERR_INVALID, "'%s/%s' is a link, not a directory",
							store->root, directories[i]),
					"to keep a store elsewhere, link or name the whole of it "
					"(--root, KILN_ROOT)");
	return NULL;
}

static FALLIBLE check_layout(const struct store *store, bool *ret_there)
{
	AUTO_FREE char *text = NULL;

	struct error *error = file_read(store->fd, "oci-layout", 4096, &text, NULL);
	*ret_there = !error;
	if (!error && !strstr(text, "\"1.0."))
		return error_new(ERR_UNSUPPORTED, "'%s/oci-layout' is of another layout version",
				store->root);
	if (error_is_errno(error, ENOENT)) {
		error_free(error);
		return NULL;
	}
	return error;
}

static FALLIBLE make_tables(struct store *store)
{
	AUTO(transaction) struct transaction transaction = { 0 };
	AUTO(rows) struct rows version = { 0 }, tables = { 0 };
	bool more = false;

	TRY(transaction_begin(&transaction, store->db));
	TRY(db_query(store->db, &version, "PRAGMA user_version", ""));
	TRY(rows_next(&version, &more));
	if (more && rows_int(&version, 0) == STORE_VERSION)
		return NULL; /* another process was first */
	rows_done(&version);
	TRY(db_query(store->db, &tables, "SELECT count(*) FROM sqlite_schema", ""));
	TRY(rows_next(&tables, &more));
	if (more && rows_int(&tables, 0) > 0)
		return error_hint(
				error_new(ERR_INVALID, "'%s/store.db' is not kiln's", store->root),
				"use another place (--root, KILN_ROOT)");
	rows_done(&tables);
	TRY(schema_make(store->db));
	TRY(index_import(store));
	return transaction_commit(&transaction);
}

/* The directory is there, store.db perhaps not. */
static FALLIBLE make_store(struct store *store)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	AUTO_FD int lock_fd = -1;
	bool there = false;

	TRY(check_layout(store, &there));
	TRY(make_directories(store));
	TRY(file_open(store->fd, "locks/make", O_RDWR | O_CREAT, 0600, &lock_fd));
	TRY(lock_take(lock_fd, true, true, NULL));
	TRY(db_use_log(store->db));
	store_keep_reserve(store);
	if (!there)
		TRY_WRAP(file_write_atomic(store->fd, "oci-layout", layout, sizeof(layout) - 1,
					 0644, false),
				"make the store '%s'", store->root);
	return make_tables(store);
}

/* Opening. */

static FALLIBLE open_root(struct store *store, const char *root)
{
	if (!store->read_only) {
		struct error *error = file_make_dirs(root, 0700);

		if (error)
			return error_wrap(store_explain(store, error), "make the store '%s'", root);
	}
	TRY_WRAP(file_open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0, &store->fd),
			"open the store '%s'", root);
	AUTO_FREE char *absolute = realpath(root, NULL);
	if (!absolute)
		return error_sys("open the store '%s'", root);
	free(store->root);
	store->root = TAKE(absolute);
	store->why_read_only = EROFS;
	if (faccessat(store->fd, ".", W_OK, AT_EACCESS) < 0) {
		store->read_only = true;
		store->why_read_only = errno;
	}
	return NULL;
}

/* Ours alone, unless somebody who may has decided otherwise after it was made. */
static FALLIBLE close_to_others(const struct store *store)
{
	struct stat st;

	if (fstat(store->fd, &st) < 0)
		return error_sys("look at the store '%s'", store->root);
	if (st.st_uid == geteuid() && (st.st_mode & 0777) != 0700 && fchmod(store->fd, 0700) < 0)
		return error_sys("close the store '%s' to others", store->root);
	return NULL;
}

static FALLIBLE other_version(const struct store *store, int version)
{
	return error_hint(error_new(ERR_UNSUPPORTED, "the store '%s' has format %d, wanted %d",
					  store->root, version, STORE_VERSION),
			"use the version of kiln that made it, or another place (--root, "
			"KILN_ROOT)");
}

/* Another process may be at it, or have done it: the version counts as it is within. */
static FALLIBLE raise_tables(struct store *store)
{
	AUTO(transaction) struct transaction transaction = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(transaction_begin(&transaction, store->db));
	TRY(db_query(store->db, &rows, "PRAGMA user_version", ""));
	TRY(rows_next(&rows, &more));
	int version = more ? (int)rows_int(&rows, 0) : 0;
	rows_done(&rows);
	if (version == STORE_VERSION)
		return NULL;
	TRY(schema_raise(store->db, version));
	return transaction_commit(&transaction);
}

static FALLIBLE open_tables(struct store *store)
{
	int version = 0;

	TRY(db_open(store->root, store->read_only ? DB_READ : DB_WRITE, &store->db, &version));
	if (version == STORE_VERSION)
		return NULL;
	if (version > 0 && version < STORE_VERSION && !store->read_only)
		return raise_tables(store);
	if (version != 0)
		return other_version(store, version);
	if (store->read_only)
		return error_new(ERR_NOT_FOUND, "'%s' has no kiln store in it", store->root);
	TRY(close_to_others(store));
	return make_store(store);
}

static FALLIBLE open_rest(struct store *store)
{
	TRY(open_tables(store));
	if (store->read_only)
		return NULL;
	/* Somebody may have removed some, with what was in them. */
	TRY(make_directories(store));
	TRY(refuse_links(store));
	TRY(file_open(store->fd, "locks/gc", O_RDWR | O_CREAT, 0600, &store->gc_fd));
	TRY(index_mend(store));
	return runs_clear_dead(store);
}

void store_use_owner(struct store *store, const struct owner_policy *owner)
{
	make_owner_key(owner, store->tree_key);
}

FALLIBLE store_open(const struct store_settings *settings, struct store **ret)
{
	AUTO(store) struct store *store = xcalloc(1, sizeof(*store));

	store->fd = store->gc_fd = -1;
	store->read_only = settings->read_only;
	store->root = xstrdup(settings->root);
	(void)pthread_mutex_init(&store->lock, NULL);
	run_init(&store->run);
	store->boot_id = settings->boot_id ? xstrdup(settings->boot_id) : read_boot_id();
	store->uses_trees = settings->owner.kind != 0;
	if (store->uses_trees)
		make_owner_key(&settings->owner, store->owner_key);
	memcpy(store->tree_key, store->owner_key, sizeof(store->tree_key));
	TRY(open_root(store, settings->root));
	store->trash = trash_new(store->fd);
	store->close_ms = UINT_MAX;
	struct error *error = open_rest(store);
	if (error)
		return store_explain(store, error);
	*ret = TAKE(store);
	return NULL;
}

int store_dir_fd(const struct store *store)
{
	return store->fd;
}

const char *store_root(const struct store *store)
{
	return store->root;
}

bool store_is_read_only(const struct store *store)
{
	return store->read_only;
}

/* Closing. */

/* Dates of use are for prune; an hour is fine enough, and most runs then write nothing. */
enum { USED_AGAIN_SECONDS = 3600 };

static FALLIBLE renew(struct store *store, const char *name, int64_t now)
{
	if (name[0] == 'l')
		return db_run(store->db, "UPDATE layer SET used = ?1 WHERE id = ?2 AND used < ?3",
				"iti", now, name + 1, now - USED_AGAIN_SECONDS);

	struct digest digest;
	AUTO_FREE char *text = xasprintf("sha256:%s", name + 1);
	TRY(digest_parse(str_of(text), &digest));
	return db_run(store->db, "UPDATE blob SET used = ?1 WHERE digest = ?2 AND used < ?3", "idi",
			now, &digest, now - USED_AGAIN_SECONDS);
}

static FALLIBLE renew_dates(struct store *store)
{
	AUTO(transaction) struct transaction transaction = { 0 };
	int64_t now = clock_now_seconds();
	const char *name = NULL;
	void *at = NULL, *lease = NULL;

	if (store->read_only || !store->db || !map_count(store->run.leased))
		return NULL;
	TRY(transaction_begin(&transaction, store->db));
	while (map_next(store->run.leased, &at, &name, &lease))
		TRY(renew(store, name, now));
	return transaction_commit(&transaction);
}

void store_settle_at_close(struct store *store)
{
	store->settles = true;
}

void store_hurry_at_close(struct store *store, unsigned wait_ms)
{
	store->close_ms = wait_ms;
}

void store_close(struct store *store)
{
	bool is_clear = true;

	if (!store)
		return;
	error_ignore(renew_dates(store), "dates of use are not important");
	is_clear = trash_free(store->trash, store->close_ms);
	run_done(store, is_clear);
	if (store->settles)
		error_ignore(db_settle(store->db), "whoever reads it next is told");
	db_close(store->db);
	if (store->gc_fd >= 0)
		(void)close(store->gc_fd);
	if (store->fd >= 0)
		(void)close(store->fd);
	(void)pthread_mutex_destroy(&store->lock);
	free(store->boot_id);
	free(store->root);
	free(store);
}
