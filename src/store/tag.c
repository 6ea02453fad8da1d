/*
 * An image is followed once, when it gets its name: the digests that it reaches become rows, so
 * that prune asks the tables and parses nothing. index.json is renamed into place inside the
 * transaction, just before its commit.
 */
#include "store/tag.h"
#include "base/clock.h"
#include "base/limits.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "store/blob.h"
#include "store/image_rows.h"
#include "store/inside.h"

enum { INDEX_DEPTH = 4, MIN_ID_DIGITS = 4 };

struct reach {
	const struct store *store;
	struct map *blobs; /* hex -> digest */
	VEC(struct digest) diff_ids;
	struct digest config;
	char *media_type;
	uint64_t manifest_bytes, bytes;
};

static void reach_done(struct reach *reach)
{
	map_free(reach->blobs);
	vec_done(&reach->diff_ids);
	free(reach->media_type);
}
DEFINE_AUTO_VALUE(reach)

static void add_blob(struct reach *reach, const struct digest *digest, uint64_t bytes)
{
	char hex[DIGEST_HEX];

	if (map_has(reach->blobs, digest_hex(digest, hex)))
		return;
	map_set(reach->blobs, hex, xmemdup(digest, sizeof(*digest)));
	reach->bytes += bytes;
}

/* The diffIDs of a real image's config; the config of an artifact is just a blob. */
static FALLIBLE follow_config(struct reach *reach, const struct descriptor *descriptor)
{
	AUTO(image_config) struct image_config config = { 0 };
	AUTO_FREE char *json = NULL;
	size_t n = 0;

	if (mediatype_role(descriptor->media_type) != MEDIA_CONFIG)
		return NULL;
	TRY(blob_load(reach->store, &descriptor->digest, LIMIT_CONFIG_BYTES, &json, &n));
	TRY(image_config_parse((struct str){ json, n }, &config));
	for (size_t i = 0; i < config.diff_ids.n; i++)
		vec_push(&reach->diff_ids, config.diff_ids.p[i]);
	return NULL;
}

static FALLIBLE follow_manifest(struct reach *reach, struct str json, const char *media_type)
{
	AUTO(manifest) struct manifest manifest = { 0 };

	TRY(manifest_parse(json, media_type, &manifest));
	reach->config = manifest.config.digest;
	add_blob(reach, &manifest.config.digest, manifest.config.size);
	for (size_t i = 0; i < manifest.layers.n; i++)
		add_blob(reach, &manifest.layers.p[i].digest, manifest.layers.p[i].size);
	return follow_config(reach, &manifest.config);
}

static FALLIBLE follow(struct reach *reach, const struct digest *digest, const char *media_type,
		unsigned depth);

static FALLIBLE follow_index(
		struct reach *reach, struct str json, const char *media_type, unsigned depth)
{
	AUTO(image_index) struct image_index index = { 0 };

	TRY(image_index_parse(json, media_type, &index));
	for (size_t i = 0; i < index.manifests.n; i++) {
		const struct descriptor *child = &index.manifests.p[i];
		struct error *error = follow(reach, &child->digest, child->media_type, depth + 1);

		/* Platforms that nobody pulled. */
		if (error && !error_is(error, ERR_NOT_FOUND))
			return error;
		error_free(error);
	}
	reach->config = (struct digest){ 0 };
	return NULL;
}

static FALLIBLE follow_json(
		struct reach *reach, struct str json, const char *media_type, unsigned depth)
{
	enum media_role role = manifest_sniff(json, media_type);

	if (role == MEDIA_MANIFEST)
		return follow_manifest(reach, json, media_type);
	if (role == MEDIA_INDEX && depth < INDEX_DEPTH)
		return follow_index(reach, json, media_type, depth);
	return error_new(ERR_INVALID, "not a manifest or an index");
}

static FALLIBLE follow(struct reach *reach, const struct digest *digest, const char *media_type,
		unsigned depth)
{
	AUTO_FREE char *json = NULL;
	char text[DIGEST_TEXT];
	size_t n = 0;

	TRY(blob_load(reach->store, digest, LIMIT_MANIFEST_BYTES, &json, &n));
	add_blob(reach, digest, n);
	if (depth == 0)
		reach->manifest_bytes = n;
	TRY_WRAP(follow_json(reach, (struct str){ json, n }, media_type, depth), "image '%s'",
			digest_text(digest, text));
	return NULL;
}

/* manifest.mediaType may be left out; then the transport's word counts, then the OCI names. */
static FALLIBLE find_media_type(
		struct reach *reach, const struct digest *digest, const char *media_type)
{
	AUTO_FREE char *json = NULL;
	size_t n = 0;

	if (media_type) {
		reach->media_type = xstrdup(media_type);
		return NULL;
	}
	TRY(blob_load(reach->store, digest, LIMIT_MANIFEST_BYTES, &json, &n));
	struct str text = { json, n };
	if (manifest_sniff(text, NULL) == MEDIA_INDEX) {
		AUTO(image_index) struct image_index index = { 0 };

		TRY(image_index_parse(text, NULL, &index));
		reach->media_type = xstrdup(mediatype_index(index.format));
	} else {
		AUTO(manifest) struct manifest manifest = { 0 };

		TRY(manifest_parse(text, NULL, &manifest));
		reach->media_type = xstrdup(manifest.media_type);
	}
	return NULL;
}

static FALLIBLE put_reach(
		struct store *store, const struct digest *manifest, const struct reach *reach)
{
	void *at = NULL, *digest = NULL;
	const char *hex = NULL;

	TRY(db_run(store->db,
			"INSERT INTO image (manifest, media_type, manifest_bytes, config, bytes, "
			"created) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (manifest) DO UPDATE SET "
			"bytes = excluded.bytes",
			"dtidii", manifest, reach->media_type, (int64_t)reach->manifest_bytes,
			&reach->config, (int64_t)reach->bytes, clock_now_seconds()));
	while (map_next(reach->blobs, &at, &hex, &digest))
		TRY(db_run(store->db,
				"INSERT OR IGNORE INTO image_blob (manifest, digest) VALUES (?, ?)",
				"dd", manifest, digest));
	for (size_t i = 0; i < reach->diff_ids.n; i++)
		TRY(db_run(store->db,
				"INSERT OR IGNORE INTO image_layer (manifest, diff_id) VALUES (?, "
				"?)",
				"dd", manifest, &reach->diff_ids.p[i]));
	return NULL;
}

FALLIBLE image_rows_put(struct store *store, const char *name, const struct digest *manifest,
		const char *media_type)
{
	AUTO(reach) struct reach reach = { .store = store, .blobs = map_new(free) };

	TRY(follow(&reach, manifest, media_type, 0));
	TRY(find_media_type(&reach, manifest, media_type));
	TRY(put_reach(store, manifest, &reach));
	if (!name)
		return NULL;
	return db_run(store->db,
			"INSERT INTO tag (name, manifest, created) VALUES (?1, ?2, ?3) "
			"ON CONFLICT (name) DO UPDATE SET manifest = ?2, created = ?3 "
			"WHERE manifest <> ?2",
			"tdi", name, manifest, clock_now_seconds());
}

static FALLIBLE put(struct store *store, const char *name, const struct digest *manifest,
		const char *media_type)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(transaction) struct transaction transaction = { 0 };

	TRY(store_enter(store, VISIT, &visit));
	TRY(lease_blob(store, manifest, NULL));
	TRY(transaction_begin(&transaction, store->db));
	TRY(image_rows_put(store, name, manifest, media_type));
	TRY(index_write(store));
	return transaction_commit(&transaction);
}

FALLIBLE tag_put(struct store *store, const char *name, const struct digest *manifest,
		const char *media_type)
{
	char text[DIGEST_TEXT];

	TRY(store_need_write(store));
	TRY_WRAP(store_explain(store, put(store, name, manifest, media_type)), "keep image '%s'",
			name ? name : digest_text(manifest, text));
	return NULL;
}

/* Looking. */

#define TAG_COLUMNS "image.manifest, image.config, image.media_type, image.bytes, image.created"

void tag_record_done(struct tag_record *record)
{
	free(TAKE(record->name));
	free(TAKE(record->media_type));
}

void tag_list_done(struct tag_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		tag_record_done(&list->p[i]);
	vec_done(list);
}

static struct tag_record read_row(const struct rows *rows)
{
	return (struct tag_record){
		.manifest = rows_digest(rows, 0),
		.config = rows_digest(rows, 1),
		.media_type = xstrdup(rows_text(rows, 2)),
		.bytes = (uint64_t)rows_int(rows, 3),
		.created = rows_int(rows, 4),
		.name = xstrdup(rows_text(rows, 5)),
	};
}

FALLIBLE tag_get(struct store *store, const char *name, struct tag_record *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows,
			"SELECT " TAG_COLUMNS ", tag.name FROM tag JOIN image USING (manifest) "
			"WHERE name = ?",
			"t", name));
	TRY(rows_next(&rows, &more));
	if (!more)
		return error_new(ERR_NOT_FOUND, "image '%s' is not in the store '%s'", name,
				store->root);
	*ret = read_row(&rows);
	return NULL;
}

/* Are both the one image whose ID begins with these digits? */
static bool is_same_image(const struct digest *a, const struct digest *b, const char *digits)
{
	char hex[DIGEST_HEX];

	return digest_known(a) && digest_equal(a, b) && text_starts(digest_hex(a, hex), digits);
}

/*
 * One image may come with several names, and with several manifests of one config: other
 * annotations, another format. The newest is meant. Two images are one too many.
 */
static FALLIBLE read_one(
		struct rows *rows, const char *id, const char *digits, struct tag_record *ret)
{
	bool more = false;

	for (;;) {
		TRY(rows_next(rows, &more));
		if (!more)
			return NULL;
		struct tag_record record = read_row(rows);
		bool first = !ret->media_type;
		bool same = first || digest_equal(&ret->manifest, &record.manifest) ||
			    is_same_image(&ret->config, &record.config, digits);
		if (first)
			*ret = record;
		else
			tag_record_done(&record);
		if (!same)
			return error_hint(error_new(ERR_INVALID, "several images begin with '%s'",
							  id),
					"give more digits");
	}
}

static bool is_id(struct str hex)
{
	bool good = hex.n >= MIN_ID_DIGITS && hex.n < DIGEST_HEX;

	for (size_t i = 0; i < hex.n && good; i++)
		good = strchr("0123456789abcdef", hex.p[i]) != NULL;
	return good;
}

FALLIBLE tag_find(struct store *store, const char *id, struct tag_record *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	AUTO(tag_record) struct tag_record record = { 0 };
	struct str hex = str_of(id);

	if (str_starts(hex, "sha256:"))
		hex = str_slice(hex, strlen("sha256:"), hex.n);
	AUTO_FREE char *digits = str_dup(hex);
	if (is_id(hex)) {
		TRY(store_enter(store, VISIT, &visit));
		TRY(db_query(store->db, &rows,
				"SELECT " TAG_COLUMNS ", tag.name FROM image LEFT JOIN tag USING "
				"(manifest) WHERE substr(lower(hex(manifest)), 1, length(?1)) = ?1 "
				"OR substr(lower(hex(config)), 1, length(?1)) = ?1 "
				"ORDER BY coalesce(tag.created, image.created) DESC, tag.name",
				"t", digits));
		TRY(read_one(&rows, id, digits, &record));
	}
	if (!record.media_type)
		return error_new(ERR_NOT_FOUND, "image '%s' is not in the store '%s'", id,
				store->root);
	*ret = record;
	record = (struct tag_record){ 0 };
	return NULL;
}

FALLIBLE tag_list(struct store *store, struct tag_list *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	AUTO(tag_list) struct tag_list list = { 0 };
	bool more = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows,
			"SELECT " TAG_COLUMNS
			", tag.name FROM image LEFT JOIN tag USING (manifest) "
			"ORDER BY tag.name IS NULL, coalesce(tag.created, image.created) DESC, "
			"tag.name, image.manifest",
			""));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			break;
		vec_push(&list, read_row(&rows));
	}
	*ret = list;
	list = (struct tag_list){ 0 };
	return NULL;
}

FALLIBLE tag_names(struct store *store, const struct digest *manifest, struct list *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows, "SELECT name FROM tag WHERE manifest = ? ORDER BY name", "d",
			manifest));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			return NULL;
		list_add(ret, rows_text(&rows, 0));
	}
}

/* Taking away. */

static FALLIBLE remove_name(struct store *store, const char *name)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(transaction) struct transaction transaction = { 0 };

	TRY(store_enter(store, VISIT, &visit));
	TRY(transaction_begin(&transaction, store->db));
	TRY(db_run(store->db, "DELETE FROM tag WHERE name = ?", "t", name));
	if (db_changes(store->db) == 0)
		return error_new(ERR_NOT_FOUND, "image '%s' is not in the store '%s'", name,
				store->root);
	TRY(index_write(store));
	return transaction_commit(&transaction);
}

FALLIBLE tag_remove(struct store *store, const char *name)
{
	TRY(store_need_write(store));
	return store_explain(store, remove_name(store, name));
}

FALLIBLE image_rows_delete(struct store *store, const struct digest *manifest)
{
	TRY(db_run(store->db, "DELETE FROM tag WHERE manifest = ?", "d", manifest));
	TRY(db_run(store->db, "DELETE FROM image_blob WHERE manifest = ?", "d", manifest));
	TRY(db_run(store->db, "DELETE FROM image_layer WHERE manifest = ?", "d", manifest));
	return db_run(store->db, "DELETE FROM image WHERE manifest = ?", "d", manifest);
}

static FALLIBLE check_unused(struct store *store, const struct digest *manifest)
{
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(db_query(store->db, &rows, "SELECT id FROM container WHERE image = ?", "d", manifest));
	TRY(rows_next(&rows, &more));
	if (!more)
		return NULL;
	return error_hint(error_new(ERR_BUSY, "image used by %s: image is in use by a container",
					  rows_text(&rows, 0)),
			"remove the container first, or the image with --force");
}

static FALLIBLE drop_image(struct store *store, const struct digest *manifest)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(transaction) struct transaction transaction = { 0 };
	char text[DIGEST_TEXT];

	TRY(store_enter(store, VISIT, &visit));
	TRY(transaction_begin(&transaction, store->db));
	TRY(check_unused(store, manifest));
	TRY(image_rows_delete(store, manifest));
	if (db_changes(store->db) == 0)
		return error_new(ERR_NOT_FOUND, "image '%s' is not in the store '%s'",
				digest_text(manifest, text), store->root);
	TRY(index_write(store));
	return transaction_commit(&transaction);
}

FALLIBLE tag_drop_image(struct store *store, const struct digest *manifest)
{
	TRY(store_need_write(store));
	return store_explain(store, drop_image(store, manifest));
}
