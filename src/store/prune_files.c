/*
 * The steps of prune that follow files: what no row speaks of, and hints. Nobody is between a name
 * and its row now: makers are in a visit, and this one is alone.
 */
#include "store/inside.h"
#include "store/pruning.h"
#include "store/tree_size.h"
#include "sys/dir.h"
#include "sys/fd.h"
#include "sys/lock.h"

#include <fcntl.h>
#include <sys/stat.h>

static FALLIBLE list_dir(const struct store *store, const char *path, struct list *ret)
{
	TRY_WRAP(dir_names(store->fd, path, ret), "list '%s/%s'", store->root, path);
	return NULL;
}

static void discard(struct pruning *pruning, enum prune_kind kind, const char *path)
{
	struct stat st;
	uint64_t bytes = 0, files = 0;

	if (fstatat(pruning->store->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	bytes = (uint64_t)st.st_blocks * 512;
	if (S_ISDIR(st.st_mode))
		error_ignore(tree_size(pruning->store->fd, path, &bytes, &files), "an estimate");
	list_add(&pruning->paths, path);
	/* Was never part of the total. */
	pruning->total += bytes;
	pruning_count(pruning, kind, bytes);
}

/* A blob of an image may be without a row (store.db was made anew): it is hashed at its next use.
 */
static FALLIBLE blob_is_known(struct pruning *pruning, const char *hex, bool *ret)
{
	AUTO(rows) struct rows rows = { 0 };
	AUTO_FREE char *text = xasprintf("sha256:%s", hex);
	struct digest digest = { 0 };

	struct error *error = digest_parse(str_of(text), &digest);
	*ret = false;
	error_ignore(error, "not the name of a blob");
	if (!digest_known(&digest))
		return NULL;
	TRY(db_query(pruning->store->db, &rows,
			"SELECT 1 FROM blob WHERE digest = ?1 UNION ALL "
			"SELECT 1 FROM image_blob WHERE digest = ?1",
			"d", &digest));
	return rows_next(&rows, ret);
}

static FALLIBLE tree_is_known(struct pruning *pruning, const char *id, bool *ret)
{
	AUTO(rows) struct rows rows = { 0 };

	TRY(db_query(pruning->store->db, &rows,
			"SELECT 1 FROM layer WHERE id = ? AND owner NOT NULL", "t", id));
	return rows_next(&rows, ret);
}

static FALLIBLE container_is_known(struct pruning *pruning, const char *id, bool *ret)
{
	AUTO(rows) struct rows rows = { 0 };

	TRY(db_query(pruning->store->db, &rows, "SELECT 1 FROM container WHERE id = ?", "t", id));
	return rows_next(&rows, ret);
}

static FALLIBLE unknown_files(struct pruning *pruning, const char *dir,
		struct error *(*is_known)(struct pruning *, const char *, bool *))
{
	AUTO(list) struct list names = { 0 };
	bool known = false;

	TRY(list_dir(pruning->store, dir, &names));
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, names.p[i]);

		TRY(is_known(pruning, names.p[i], &known));
		if (!known)
			discard(pruning, PRUNE_LEFTOVERS, path);
	}
	return NULL;
}

/* Trees of an earlier boot that were never synced: nobody will use them. */
static FALLIBLE doubtful_trees(struct pruning *pruning)
{
	AUTO(rows) struct rows rows = { 0 };
	AUTO(list) struct list ids = { 0 };
	bool more = false;

	TRY(db_query(pruning->store->db, &rows,
			"SELECT id FROM layer WHERE owner NOT NULL AND synced <> 1 AND boot <> ? "
			"AND id NOT IN (SELECT id FROM leased_layer)",
			"t", pruning->store->boot_id));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			break;
		list_add(&ids, rows_text(&rows, 0));
	}
	rows_done(&rows);
	for (size_t i = 0; i < ids.n; i++) {
		char path[LAYER_PATH];
		uint64_t bytes = 0, files = 0;

		TRY(tree_size(pruning->store->fd, layer_path(ids.p[i], path), &bytes, &files));
		TRY(pruning_drop_tree(pruning, PRUNE_LEFTOVERS, ids.p[i], bytes));
	}
	return NULL;
}

/* Lock files that a killed process left: nobody holds them. */
static FALLIBLE idle_locks(struct pruning *pruning)
{
	AUTO(list) struct list names = { 0 };

	TRY(list_dir(pruning->store, "locks", &names));
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = xasprintf("locks/%s", names.p[i]);
		AUTO_FD int fd = -1;

		if (text_equal(names.p[i], "gc") || text_equal(names.p[i], "make") ||
				pruning->options->dry_run)
			continue;
		struct error *error = file_open(pruning->store->fd, path, O_RDWR, 0, &fd);
		if (!error)
			error = lock_take(fd, true, false, NULL);
		if (!error) /* unlinked while locked, as store_lock does it */
			(void)unlinkat(pruning->store->fd, path, 0);
		error_ignore(error, "the lock is in use, or gone");
	}
	return NULL;
}

/* "index.json" being written is ".index.json.<salt>", here and in digests/. */
static FALLIBLE half_written(struct pruning *pruning, const char *dir, const char *prefix)
{
	AUTO(list) struct list names = { 0 };

	TRY(list_dir(pruning->store, dir, &names));
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, names.p[i]);

		if (text_starts(names.p[i], prefix))
			discard(pruning, PRUNE_LEFTOVERS, path);
	}
	return NULL;
}

FALLIBLE prune_leftovers(struct pruning *pruning)
{
	TRY(unknown_files(pruning, "blobs/sha256", blob_is_known));
	TRY(unknown_files(pruning, "layers", tree_is_known));
	TRY(unknown_files(pruning, "containers", container_is_known));
	TRY(doubtful_trees(pruning));
	TRY(half_written(pruning, ".", ".index.json."));
	TRY(half_written(pruning, "digests", "."));
	return idle_locks(pruning);
}

FALLIBLE prune_hints(struct pruning *pruning)
{
	AUTO(list) struct list names = { 0 };
	struct stat st;

	if (!pruning_wants_more(pruning))
		return NULL;
	TRY(db_run(pruning->store->db, "DELETE FROM definition WHERE seen < ?", "i",
			pruning->used_before));
	TRY(list_dir(pruning->store, "digests", &names));
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = xasprintf("digests/%s", names.p[i]);

		if (names.p[i][0] != '.' &&
				fstatat(pruning->store->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
				st.st_mtim.tv_sec < pruning->used_before)
			discard(pruning, PRUNE_HINTS, path);
	}
	return NULL;
}
