#include "store/tree_size.h"
#include "base/limits.h"
#include "base/vec.h"
#include "store/inside.h"
#include "sys/dir.h"
#include "sys/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { BLOCK_BYTES = 512 };

struct size {
	uint64_t bytes, files;
};

static FALLIBLE add_dir(int dir_fd, const char *name, unsigned depth, struct size *size);

static FALLIBLE add_entry(int fd, const char *name, unsigned depth, struct size *size)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? NULL : error_sys("look at '%s'", name);
	size->bytes += (uint64_t)st.st_blocks * BLOCK_BYTES;
	size->files++;
	return S_ISDIR(st.st_mode) ? add_dir(fd, name, depth + 1, size) : NULL;
}

/* What is deeper, closed to us or gone meanwhile is not counted: it is an estimate. */
static FALLIBLE add_dir(int at_fd, const char *name, unsigned depth, struct size *size)
{
	AUTO(dir) struct dir dir = { 0 };
	const struct dirent *entry = NULL;
	struct error *error =
			depth > LIMIT_PATH_DEPTH ? NULL : dir_open(at_fd, name, O_NOFOLLOW, &dir);

	error_ignore(error, "it is an estimate");
	if (!dir.stream)
		return NULL;
	for (;;) {
		TRY(dir_next(&dir, &entry));
		if (!entry)
			return NULL;
		TRY(add_entry(dir_fd(&dir), entry->d_name, depth, size));
	}
}

FALLIBLE tree_size(int dir_fd, const char *path, uint64_t *ret_bytes, uint64_t *ret_files)
{
	struct size size = { 0 };

	TRY(add_dir(dir_fd, path, 0, &size));
	*ret_bytes = size.bytes;
	*ret_files = size.files;
	return NULL;
}

static FALLIBLE list_unmeasured(struct store *store, struct list *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows,
			"SELECT id FROM layer WHERE owner NOT NULL AND tree_bytes = 0", ""));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			return NULL;
		list_add(ret, rows_text(&rows, 0));
	}
}

static FALLIBLE measure(struct store *store, const char *id)
{
	AUTO(visit) struct visit visit = { 0 };
	char path[LAYER_PATH];
	uint64_t bytes = 0, files = 0;

	TRY(tree_size(store->fd, layer_path(id, path), &bytes, &files));
	TRY(store_enter(store, VISIT, &visit));
	return db_run(store->db, "UPDATE layer SET tree_bytes = max(?, 1) WHERE id = ?", "it",
			(int64_t)bytes, id);
}

FALLIBLE measure_new_trees(struct store *store)
{
	AUTO(list) struct list ids = { 0 };

	TRY(list_unmeasured(store, &ids));
	for (size_t i = 0; i < ids.n; i++)
		TRY(measure(store, ids.p[i]));
	return NULL;
}
