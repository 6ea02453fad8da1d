/*
 * index.json carries a generation that the table "store" has, too. A process killed between the
 * rename and the commit leaves it one ahead: the next open sees that from the first bytes of the
 * file and writes it anew. After a crash of the machine (another boot) it is always written anew,
 * for nobody synced it. A file that does not begin as ours was written by another tool that took
 * the store for a plain OCI layout: its images are taken in.
 */
#include "base/limits.h"
#include "oci/json.h"
#include "oci/manifest.h"
#include "store/image_rows.h"
#include "store/inside.h"
#include "sys/fd.h"
#include "sys/rootfs.h"

#include <fcntl.h>

#define GENERATION "io.kiln.generation"
#define REF_NAME   "org.opencontainers.image.ref.name"
#define IMAGE_NAME "io.containerd.image.name"
#define HEAD       "{\"schemaVersion\":2,\"annotations\":{\"" GENERATION "\":\""

/* 100,000 images; one row costs 400 bytes. */
enum { INDEX_BYTES = 40 * 1024 * 1024, HEAD_BYTES = 128 };

static FALLIBLE read_generation(struct store *store, uint64_t *ret, bool *ret_same_boot)
{
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(db_query(store->db, &rows, "SELECT boot, generation FROM store", ""));
	TRY(rows_next(&rows, &more));
	if (!more)
		return error_new(ERR_INVALID, "'%s/store.db' lacks its first row", store->root);
	*ret_same_boot = text_equal(rows_text(&rows, 0), store->boot_id);
	*ret = (uint64_t)rows_int(&rows, 1);
	return NULL;
}

static FALLIBLE add_images(struct store *store, struct json_out *out)
{
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(db_query(store->db, &rows,
			"SELECT media_type, image.manifest, manifest_bytes, name FROM image "
			"LEFT JOIN tag USING (manifest) ORDER BY name IS NULL, name, manifest",
			""));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			return NULL;
		struct digest digest = rows_digest(&rows, 1);
		json_out_open(out, NULL, '{');
		json_out_text(out, "mediaType", rows_text(&rows, 0));
		json_out_digest(out, "digest", &digest);
		json_out_i64(out, "size", rows_int(&rows, 2));
		if (!rows_null(&rows, 3)) {
			json_out_open(out, "annotations", '{');
			json_out_text(out, IMAGE_NAME, rows_text(&rows, 3));
			json_out_text(out, REF_NAME, rows_text(&rows, 3));
			json_out_close(out, '}');
		}
		json_out_close(out, '}');
	}
}

FALLIBLE index_text(struct store *store, char **ret)
{
	AUTO(json_out) struct json_out out = { 0 };
	uint64_t generation = 0;
	bool same_boot = false;

	TRY(read_generation(store, &generation, &same_boot));
	AUTO_FREE char *number = xasprintf("%llu", (unsigned long long)generation);
	json_out_open(&out, NULL, '{');
	json_out_i64(&out, "schemaVersion", 2);
	json_out_open(&out, "annotations", '{'); /* at the start: HEAD */
	json_out_text(&out, GENERATION, number);
	json_out_close(&out, '}');
	json_out_text(&out, "mediaType", MEDIA_OCI_INDEX);
	json_out_open(&out, "manifests", '[');
	TRY(add_images(store, &out));
	json_out_close(&out, ']');
	json_out_close(&out, '}');
	*ret = json_out_take(&out);
	return NULL;
}

FALLIBLE index_write(struct store *store)
{
	AUTO_FREE char *text = NULL;

	TRY(db_run(store->db, "UPDATE store SET boot = ?, generation = generation + 1", "t",
			store->boot_id));
	TRY(index_text(store, &text));
	return file_write_atomic(store->fd, "index.json", text, strlen(text), 0644, false);
}

/* What another hand wrote: its images get rows where they are whole. */

static const char *name_of(const struct descriptor *descriptor)
{
	const char *name = list_env_get(&descriptor->annotations, IMAGE_NAME);

	return name ? name : list_env_get(&descriptor->annotations, REF_NAME);
}

static FALLIBLE import_images(struct store *store, struct str json)
{
	AUTO(image_index) struct image_index index = { 0 };

	TRY(image_index_parse(json, NULL, &index));
	for (size_t i = 0; i < index.manifests.n; i++) {
		const struct descriptor *image = &index.manifests.p[i];

		error_ignore(image_rows_put(store, name_of(image), &image->digest,
					     image->media_type),
				"an image of index.json that is not whole");
	}
	return NULL;
}

FALLIBLE index_import(struct store *store)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	struct error *error = rootfs_read_file(store->fd, "index.json", INDEX_BYTES, &text, &n);
	if (error && !error_is_errno(error, ENOENT))
		return error;
	if (!error)
		error = import_images(store, (struct str){ text, n });
	error_ignore(error, "no index.json that could be read");
	return index_write(store);
}

/* Does the file begin like this? */
static bool begins(const struct store *store, const char *wanted)
{
	AUTO_FD int fd = openat(store->fd, "index.json", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char head[HEAD_BYTES];
	ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
	size_t wanted_n = strlen(wanted);

	return n >= 0 && (size_t)n >= wanted_n && memcmp(head, wanted, wanted_n) == 0;
}

static FALLIBLE is_current(struct store *store, bool *ret)
{
	uint64_t generation = 0;
	bool same_boot = false;

	TRY(read_generation(store, &generation, &same_boot));
	AUTO_FREE char *head = xasprintf(HEAD "%llu\"}", (unsigned long long)generation);
	*ret = same_boot && begins(store, head);
	return NULL;
}

FALLIBLE index_mend(struct store *store)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(transaction) struct transaction transaction = { 0 };
	bool current = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(is_current(store, &current));
	if (current)
		return NULL;
	TRY(transaction_begin(&transaction, store->db));
	TRY(is_current(store, &current)); /* somebody may just have been between the two */
	if (current)
		return NULL;
	TRY(begins(store, HEAD) ? index_write(store) : index_import(store));
	return transaction_commit(&transaction);
}
