/*
 * Each part looks at one promise. Files and rows are listed in a visit alone, so that nothing is
 * between the two; the bytes are read after it.
 */
#include "store/check.h"
#include "store/blob.h"
#include "store/image_rows.h"
#include "store/inside.h"
#include "stream/hash.h"
#include "sys/dir.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <sys/stat.h>

/* index.json: as in index_json.c */
enum { INDEX_BYTES = 40 * 1024 * 1024 };

void findings_done(struct findings *findings)
{
	for (size_t i = 0; i < findings->n; i++)
		free(findings->p[i].text);
	vec_done(findings);
}

size_t findings_damage(const struct findings *findings)
{
	size_t n = 0;

	for (size_t i = 0; i < findings->n; i++)
		n += !findings->p[i].leftover;
	return n;
}

static void PRINTF_LIKE(3, 4)
		found(struct findings *findings, bool leftover, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vec_push(findings, ((struct finding){ leftover, xvasprintf(format, args) }));
	va_end(args);
}

static FALLIBLE list_names(const struct store *store, const char *path, struct map *ret)
{
	AUTO(list) struct list names = { 0 };

	TRY_WRAP(dir_names(store->fd, path, &names), "list '%s/%s'", store->root, path);
	for (size_t i = 0; i < names.n; i++)
		if (names.p[i][0] != '.')
			map_set(ret, names.p[i], ret);
	return NULL;
}

/* What a blob should be: its row, if it has one. */
struct expected {
	uint64_t bytes;
	bool trusted, has_file;
};

static FALLIBLE list_blob_rows(struct store *store, struct map *ret)
{
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(db_query(store->db, &rows, "SELECT digest, bytes, boot, synced FROM blob", ""));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			return NULL;
		struct digest digest = rows_digest(&rows, 0);
		struct expected *row = xcalloc(1, sizeof(*row));
		char hex[DIGEST_HEX];

		row->bytes = (uint64_t)rows_int(&rows, 1);
		row->trusted = store_trusts(store, rows_text(&rows, 2), rows_int(&rows, 3) == 1);
		map_set(ret, digest_hex(&digest, hex), row);
	}
}

static FALLIBLE list_blobs(struct store *store, struct map *rows, struct map *files)
{
	AUTO(visit) struct visit visit = { 0 };

	TRY(store_enter(store, VISIT_ALONE, &visit));
	TRY(list_blob_rows(store, rows));
	return list_names(store, "blobs/sha256", files);
}

static FALLIBLE check_blob(
		struct store *store, const char *hex, struct expected *row, struct findings *ret)
{
	AUTO(reader) struct reader *reader = NULL;
	AUTO_FREE char *name = xasprintf("sha256:%s", hex);
	AUTO_FREE char *path = xasprintf("blobs/sha256/%s", hex);
	struct hash_result result = { 0 };
	struct digest digest = { 0 };
	struct stat st;
	int fd = -1;

	struct error *error = digest_parse(str_of(name), &digest);
	if (error) {
		found(ret, true, "'%s' is not the name of a blob", path);
		error_free(error);
		return NULL;
	}
	if (!row)
		found(ret, true, "blob '%s' has no row", name);
	error = file_open(store->fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &fd);
	if (error_is_errno(error, ENOENT)) { /* dropped meanwhile */
		error_free(error);
		return NULL;
	}
	bool is_file = !error && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (!is_file) {
		error_ignore(error, "told as damage");
		found(ret, false, "blob '%s' is not a file that can be read", name);
		if (fd >= 0)
			(void)close(fd);
		return NULL;
	}
	reader = hash_reader(reader_from_fd(fd), &result);
	TRY_WRAP(reader_drain(reader), "check blob '%s'", name);
	bool leftover = !row || !row->trusted;
	if (!digest_equal(&digest, &result.digest))
		found(ret, leftover, "blob '%s': its bytes do not hash to its name", name);
	else if (row && row->bytes != result.size)
		found(ret, leftover, "blob '%s': its row has another size", name);
	return NULL;
}

static FALLIBLE check_blobs(struct store *store, struct findings *ret)
{
	AUTO(map) struct map *rows = map_new(free);
	AUTO(map) struct map *files = map_new(NULL);
	const char *hex = NULL;
	void *at = NULL, *value = NULL;

	TRY(list_blobs(store, rows, files));
	while (map_next(files, &at, &hex, &value))
		TRY(check_blob(store, hex, map_get(rows, hex), ret));
	at = NULL;
	while (map_next(rows, &at, &hex, &value))
		if (!map_has(files, hex))
			found(ret, true, "blob 'sha256:%s' has a row and no file", hex);
	return NULL;
}

static FALLIBLE check_trees(struct store *store, struct findings *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(map) struct map *dirs = map_new(NULL);
	AUTO(rows) struct rows rows = { 0 };
	const char *id = NULL;
	void *at = NULL, *value = NULL;
	bool more = false;

	TRY(store_enter(store, VISIT_ALONE, &visit));
	TRY(list_names(store, "layers", dirs));
	TRY(db_query(store->db, &rows, "SELECT id, boot, synced FROM layer WHERE owner NOT NULL",
			""));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			break;
		bool trusted = store_trusts(store, rows_text(&rows, 1), rows_int(&rows, 2) == 1);
		if (!map_remove(dirs, rows_text(&rows, 0)))
			found(ret, !trusted, "layer '%s' has lost its tree", rows_text(&rows, 0));
	}
	while (map_next(dirs, &at, &id, &value))
		found(ret, true, "'layers/%s' has no row", id);
	return NULL;
}

struct rule {
	const char *before, *after, *sql; /* the query gives what is wrong, as text */
};

static FALLIBLE check_rule(struct store *store, const struct rule *rule, struct findings *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows, rule->sql, ""));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			return NULL;
		found(ret, false, "%s '%s' %s", rule->before, rows_text(&rows, 0), rule->after);
	}
}

static FALLIBLE check_rows(struct store *store, struct findings *ret)
{
	static const struct rule rules[] = {
		{ "tag", "has no image",
				"SELECT name FROM tag WHERE manifest NOT IN (SELECT manifest FROM "
				"image)" },
		{ "image", "does not hold its own manifest",
				"SELECT 'sha256:' || lower(hex(manifest)) FROM image WHERE NOT "
				"EXISTS (SELECT 1 FROM image_blob WHERE image_blob.manifest = "
				"image.manifest AND digest = image.manifest)" },
		{ "blobs of image", "are listed, and it is not there",
				"SELECT DISTINCT 'sha256:' || lower(hex(manifest)) FROM image_blob "
				"WHERE manifest NOT IN (SELECT manifest FROM image)" },
	};

	for (size_t i = 0; i < COUNT(rules); i++)
		TRY(check_rule(store, &rules[i], ret));
	return NULL;
}

/* A blob of an image may be away if its layer is known otherwise: it can be made again. */
static FALLIBLE check_images(struct store *store, struct findings *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	char image_text[DIGEST_TEXT], blob_text[DIGEST_TEXT], path[BLOB_PATH];
	bool more = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows,
			"SELECT manifest, digest FROM image_blob WHERE digest NOT IN (SELECT "
			"layer_blob.digest FROM layer_blob JOIN layer USING (diff_id) WHERE owner "
			"NOT NULL)",
			""));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			return NULL;
		struct digest image = rows_digest(&rows, 0), blob = rows_digest(&rows, 1);
		struct stat st;

		if (fstatat(store->fd, blob_path(&blob, path), &st, AT_SYMLINK_NOFOLLOW) < 0)
			found(ret, false, "image '%s' lacks blob '%s'",
					digest_text(&image, image_text),
					digest_text(&blob, blob_text));
	}
}

static FALLIBLE check_index(struct store *store, struct findings *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO_FREE char *wanted = NULL;
	AUTO_FREE char *there = NULL;

	TRY(store_enter(store, VISIT, &visit));
	TRY(index_text(store, &wanted));
	struct error *error = file_read(store->fd, "index.json", INDEX_BYTES, &there, NULL);
	if (error || !text_equal(wanted, there))
		found(ret, false, "index.json does not say what the tables say");
	error_ignore(error, "it is a finding");
	return NULL;
}

static FALLIBLE check_database(struct store *store, struct findings *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO_FREE char *wrong = NULL;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_integrity(store->db, &wrong));
	if (wrong)
		found(ret, false, "store.db: %s", wrong);
	return NULL;
}

FALLIBLE store_check(struct store *store, struct findings *ret)
{
	AUTO(findings) struct findings findings = { 0 };

	TRY(check_database(store, &findings));
	TRY(check_rows(store, &findings));
	TRY(check_images(store, &findings));
	TRY(check_index(store, &findings));
	TRY(check_trees(store, &findings));
	TRY(check_blobs(store, &findings));
	*ret = findings;
	findings = (struct findings){ 0 };
	return NULL;
}
