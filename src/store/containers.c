#include "store/containers.h"
#include "base/clock.h"
#include "store/inside.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { CONTAINER_PATH = sizeof("containers/") + CONTAINER_ID_TEXT };

void container_row_done(struct container_row *row)
{
	free(TAKE(row->name));
	free(TAKE(row->state));
}

void container_rows_done(struct container_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		container_row_done(&rows->p[i]);
	vec_done(rows);
}

static char *dir_path(const char *id, char buf[static CONTAINER_PATH])
{
	(void)snprintf(buf, CONTAINER_PATH, "containers/%s",
			random_name_or_none(id, CONTAINER_ID_TEXT - 1));
	return buf;
}

static void random_id(char buf[static CONTAINER_ID_TEXT])
{
	for (int i = 0; i < 4; i++)
		random_name(buf + i * 16L);
}

#define ROW_COLUMNS "id, name, image, state, created, owner"

static void read_row(const struct store *store, const struct rows *rows, struct container_row *ret)
{
	(void)snprintf(ret->id, sizeof(ret->id), "%s", rows_text(rows, 0));
	ret->name = xstrdup(rows_text(rows, 1));
	ret->image = rows_digest(rows, 2);
	ret->state = xstrdup(rows_text(rows, 3));
	ret->created = rows_int(rows, 4);
	ret->is_foreign = store->uses_trees && !text_equal(rows_text(rows, 5), store->owner_key);
}

/* Within a visit: the name is nobody's but id's. */
static FALLIBLE check_name(struct store *store, const char *name, const char *id)
{
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(db_query(store->db, &rows, "SELECT id FROM container WHERE name = ? AND id <> ?", "tt",
			name, id));
	TRY(rows_next(&rows, &more));
	if (!more)
		return NULL;
	return error_hint(error_new(ERR_EXISTS, "the container name \"%s\" is already in use by %s",
					  name, rows_text(&rows, 0)),
			"remove that container to use its name, or take another one");
}

static FALLIBLE check_image(struct store *store, const struct digest *image)
{
	AUTO(rows) struct rows rows = { 0 };
	char text[DIGEST_TEXT];
	bool more = false;

	if (!digest_known(image))
		return NULL;
	TRY(db_query(store->db, &rows, "SELECT 1 FROM image WHERE manifest = ?", "d", image));
	TRY(rows_next(&rows, &more));
	return more ? NULL
		    : error_new(ERR_NOT_FOUND, "image '%s' is not in the store '%s'",
				      digest_text(image, text), store->root);
}

static FALLIBLE make_dirs(struct store *store, const char *id)
{
	char path[CONTAINER_PATH];
	AUTO_FD int fd = -1;

	/* A step's user namespace, whose root is nobody here, must be able to pass through. */
	if (mkdirat(store->fd, dir_path(id, path), 0711) < 0)
		return error_sys("make '%s/%s'", store->root, path);
	TRY(file_open(store->fd, path, O_PATH | O_DIRECTORY, 0, &fd));
	if (mkdirat(fd, "upper", 0755) < 0 || mkdirat(fd, "work", 0755) < 0)
		return error_sys("make '%s/%s/upper'", store->root, path);
	return NULL;
}

static FALLIBLE add(struct store *store, struct container_row *row)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(transaction) struct transaction transaction = { 0 };

	TRY(store_enter(store, VISIT, &visit));
	TRY(transaction_begin(&transaction, store->db));
	TRY(check_name(store, row->name, ""));
	TRY(check_image(store, &row->image));
	random_id(row->id);
	row->created = clock_now_seconds();
	TRY(db_run(store->db,
			"INSERT INTO container (id, name, image, state, created, owner) VALUES "
			"(?, ?, ?, ?, ?, ?)",
			"ttdtit", row->id, row->name, &row->image, row->state, row->created,
			store->owner_key));
	TRY(make_dirs(store, row->id));
	return transaction_commit(&transaction);
}

FALLIBLE container_row_add(struct store *store, struct container_row *row)
{
	TRY(store_need_write(store));
	return store_explain(store, add(store, row));
}

static FALLIBLE read_only_one(struct store *store, struct rows *rows, const char *text,
		struct container_row *ret, bool *ret_found)
{
	bool more = false;

	*ret_found = false;
	TRY(rows_next(rows, &more));
	if (!more)
		return NULL;
	read_row(store, rows, ret);
	*ret_found = true;
	TRY(rows_next(rows, &more));
	if (!more)
		return NULL;
	return error_hint(error_new(ERR_INVALID, "several containers begin with \"%s\"", text),
			"give more digits");
}

static bool is_hex(const char *text)
{
	return *text && text[strspn(text, "0123456789abcdef")] == '\0';
}

FALLIBLE container_row_find(struct store *store, const char *text, struct container_row *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	AUTO(container_row) struct container_row row = { 0 };
	bool found = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows, "SELECT " ROW_COLUMNS " FROM container WHERE name = ?", "t",
			text));
	TRY(read_only_one(store, &rows, text, &row, &found));
	rows_done(&rows);
	if (!found && is_hex(text)) {
		TRY(db_query(store->db, &rows,
				"SELECT " ROW_COLUMNS
				" FROM container WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2",
				"t", text));
		TRY(read_only_one(store, &rows, text, &row, &found));
	}
	if (!found)
		return error_new(ERR_NOT_FOUND, "container not known");
	*ret = TAKE_VALUE(row);
	return NULL;
}

FALLIBLE container_row_list(struct store *store, struct container_rows *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows,
			"SELECT " ROW_COLUMNS " FROM container ORDER BY created, rowid", ""));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			return NULL;
		read_row(store, &rows, vec_add(ret));
	}
}

static FALLIBLE save(
		struct store *store, const struct container_row *row, const struct list *layers)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(transaction) struct transaction transaction = { 0 };

	TRY(store_enter(store, VISIT, &visit));
	TRY(transaction_begin(&transaction, store->db));
	TRY(check_name(store, row->name, row->id));
	TRY(db_run(store->db, "UPDATE container SET name = ?, state = ? WHERE id = ?", "ttt",
			row->name, row->state, row->id));
	if (db_changes(store->db) == 0)
		return error_new(ERR_NOT_FOUND, "container not known");
	TRY(db_run(store->db, "DELETE FROM container_layer WHERE container = ?", "t", row->id));
	for (size_t i = 0; i < layers->n; i++)
		TRY(db_run(store->db,
				"INSERT OR IGNORE INTO container_layer (container, layer) VALUES "
				"(?, ?)",
				"tt", row->id, layers->p[i]));
	return transaction_commit(&transaction);
}

FALLIBLE container_row_save(
		struct store *store, const struct container_row *row, const struct list *layers)
{
	TRY(store_need_write(store));
	return store_explain(store, save(store, row, layers));
}

static FALLIBLE drop(struct store *store, const char *id)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(transaction) struct transaction transaction = { 0 };
	char path[CONTAINER_PATH];

	TRY(store_enter(store, VISIT, &visit));
	TRY(transaction_begin(&transaction, store->db));
	TRY(db_run(store->db, "DELETE FROM container_layer WHERE container = ?", "t", id));
	TRY(db_run(store->db, "DELETE FROM container WHERE id = ?", "t", id));
	if (db_changes(store->db) == 0)
		return error_new(ERR_NOT_FOUND, "container not known");
	TRY(transaction_commit(&transaction));
	return run_discard(store, dir_path(id, path));
}

FALLIBLE container_row_remove(struct store *store, const char *id)
{
	TRY(store_need_write(store));
	return store_explain(store, drop(store, id));
}

FALLIBLE container_open_dir(struct store *store, const char *id, int *ret_fd)
{
	char path[CONTAINER_PATH];

	return file_open(store->fd, dir_path(id, path), O_RDONLY | O_DIRECTORY, 0, ret_fd);
}

FALLIBLE container_users(struct store *store, const struct digest *image, struct list *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows, "SELECT id FROM container WHERE image = ? ORDER BY created",
			"d", image));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			return NULL;
		list_add(ret, rows_text(&rows, 0));
	}
}
