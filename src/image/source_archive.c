/*
 * Archives: what skopeo calls oci-archive and docker-archive, and a bare root file system. They are
 * brought into the store, entry by entry and in one pass, and opened from there; which manifest a
 * file became is remembered by the file's identity, so that the next build does not read it.
 *
 * Layers that an archive holds uncompressed are compressed on the way in: they take less of the
 * store, and a push of what is built on them sends no plain tars. Which files are layers stands at
 * the end of most archives, so every tar in one is taken for a layer, and its bytes pass once.
 *
 * Spec: OCI image-spec v1.1, image-layout.md; Docker image spec 1.2 ("docker save").
 */
#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "image/archive_bytes.h"
#include "image/layout_json.h"
#include "image/source.h"
#include "layer/tar_read.h"
#include "oci/json.h"
#include "store/blob.h"
#include "store/file_digests.h"
#include "store/layers.h"
#include "store/store_lock.h"
#include "stream/codec.h"
#include "stream/hash.h"
#include "sys/fd.h"
#include "sys/path.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { LINK_STEPS = 8 };

/* A file of the archive that is a blob of the store now, or a link to one. */
struct import_entry {
	char *link; /* NULL: a file */
	struct digest digest;
	struct digest packed; /* of a tar: the blob that it became; the file itself was not kept */
	uint64_t packed_bytes;
	bool was_here; /* the store had it before */
	bool is_spare; /* nobody needs it any more: it was compressed */
};

struct import {
	const struct image_homes *homes;
	enum archive_kind kind;
	struct map *entries; /* path -> import_entry, owned */
	struct pool *pool;   /* compresses */
};

static void import_entry_free(void *value)
{
	struct import_entry *entry = value;

	free(entry->link);
	free(entry);
}

/* Manifest over a config and layers; both kept. */
static FALLIBLE keep_manifest(const struct image_homes *homes, const char *config_json,
		struct manifest *manifest, struct digest *ret)
{
	struct digest config;

	TRY(blob_put(homes->store, config_json, strlen(config_json), &config));
	manifest->format = FORMAT_OCI;
	manifest->media_type = xstrdup(MEDIA_OCI_MANIFEST);
	manifest->config = descriptor_make(MEDIA_OCI_CONFIG, config, strlen(config_json));
	AUTO_FREE char *json = manifest_print(manifest);
	return blob_put(homes->store, json, strlen(json), ret);
}

/* --- a root file system --- */

static FALLIBLE import_rootfs(const struct image_homes *homes, int fd, struct digest *ret)
{
	AUTO(image_config) struct image_config config = { 0 };
	AUTO(manifest) struct manifest manifest = { 0 };
	AUTO(reader) struct reader *plain = NULL;
	AUTO(pool) struct pool *pool = pool_new(0);
	struct archive_bytes content = { 0 };
	struct hash_result blob;
	struct digest diff_id;

	TRY(codec_reader(reader_from_fd(fd), &plain, NULL));
	TRY(archive_bytes_begin(plain, &content));
	TRY(archive_keep_layer(homes->store, &content, pool, &diff_id, &blob));
	vec_push(&manifest.layers, descriptor_make(MEDIA_OCI_LAYER_GZIP, blob.digest, blob.size));
	config.platform = homes->platform ? *homes->platform : platform_host();
	vec_push(&config.diff_ids, diff_id);
	image_config_add_history(&config, NULL, "root file system from a tar", "kiln", false);
	AUTO_FREE char *json = image_config_print(&config);
	return keep_manifest(homes, json, &manifest, ret);
}

/* --- archives of blobs --- */

static FALLIBLE keep_packed(struct import *import, const struct archive_bytes *content,
		struct import_entry *kept)
{
	struct hash_result packed;

	TRY(archive_keep_layer(
			import->homes->store, content, import->pool, &kept->digest, &packed));
	kept->packed = packed.digest;
	kept->packed_bytes = packed.size;
	return NULL;
}

static FALLIBLE keep_content(
		struct import *import, const struct entry *entry, struct reader *content)
{
	struct store *store = import->homes->store;
	AUTO(blob_writer) struct blob_writer *blob = NULL;
	struct import_entry *kept = xcalloc(1, sizeof(*kept));
	struct archive_bytes begun = { 0 };

	map_set(import->entries, entry->path, kept);
	TRY(archive_bytes_begin(content, &begun));
	if (import->kind == IMPORT_DOCKER && archive_bytes_are_tar(&begun))
		return keep_packed(import, &begun, kept);
	TRY(blob_writer_open(store, BLOB_HASHED_BY_CALLER, &blob));
	TRY(archive_bytes_pour(&begun, blob_writer_stream(blob), &kept->digest));
	TRY(writer_close(blob_writer_stream(blob)));
	TRY(blob_has(store, &kept->digest, &kept->was_here, NULL));
	return blob_commit(TAKE(blob), &kept->digest, entry->size, NULL, NULL);
}

static FALLIBLE keep_entry(struct import *import, const struct entry *entry, struct reader *content)
{
	if (entry->link) {
		AUTO_FREE char *dir = str_dup(path_parent(entry->path));
		struct import_entry *kept = xcalloc(1, sizeof(*kept));

		kept->link = entry->is_hardlink ? xstrdup(entry->link)
						: path_join(dir, entry->link);
		map_set(import->entries, entry->path, kept);
		return NULL;
	}
	return content ? keep_content(import, entry, content) : NULL;
}

static FALLIBLE keep_entries(struct import *import, int fd)
{
	AUTO(tar_reader) struct tar_reader *tar = NULL;
	const struct entry *entry = NULL;
	struct reader *content = NULL, *plain = NULL;

	TRY(codec_reader(reader_from_fd(fd), &plain, NULL));
	tar = tar_reader_new(plain);
	for (;;) {
		TRY(cancel_check(import->homes->cancel));
		TRY(tar_reader_next(tar, &entry, &content));
		if (!entry)
			return NULL;
		if (map_count(import->entries) >= LIMIT_LIST_ENTRIES)
			return error_new(ERR_LIMIT, "more than %d files in the archive",
					LIMIT_LIST_ENTRIES);
		TRY_WRAP(keep_entry(import, entry, content), "'%s'", entry->path);
	}
}

static FALLIBLE find_entry(const struct import *import, const char *path, struct import_entry **ret)
{
	AUTO_FREE char *clean = path_clean(str_of(path));
	struct import_entry *entry = map_get(import->entries, clean);

	for (unsigned i = 0; entry && entry->link && i < LINK_STEPS; i++)
		entry = map_get(import->entries, entry->link);
	if (!entry || entry->link)
		return error_new(ERR_NOT_FOUND, "'%s' is not in the archive", path);
	*ret = entry;
	return NULL;
}

static FALLIBLE read_entry(const struct import *import, const char *path, char **ret, size_t *ret_n)
{
	struct import_entry *entry = NULL;

	TRY(find_entry(import, path, &entry));
	if (digest_known(&entry->packed))
		return error_new(ERR_INVALID, "'%s' is a tar, not JSON", path);
	return blob_read(import->homes->store, &entry->digest, LIMIT_CONFIG_BYTES, ret, ret_n);
}

/* tag NULL: the only image, or the first. */
static FALLIBLE pick_oci(const struct import *import, const char *tag, struct digest *ret)
{
	AUTO(image_index) struct image_index index = { 0 };
	AUTO_FREE char *json = NULL;
	size_t n = 0;

	TRY(read_entry(import, "index.json", &json, &n));
	TRY(image_index_parse((struct str){ json, n }, NULL, &index));
	for (size_t i = 0; i < index.manifests.n; i++) {
		const struct descriptor *entry = &index.manifests.p[i];
		const char *name = list_env_get(&entry->annotations, LAYOUT_NAME);

		if (!tag || text_equal(name, tag)) {
			*ret = entry->digest;
			return NULL;
		}
	}
	return error_new(ERR_NOT_FOUND, "there is no image '%s' in the archive", tag ? tag : "");
}

static FALLIBLE check_layer(
		const char *path, const struct digest *seen, const struct digest *diff_id)
{
	char a[DIGEST_TEXT], b[DIGEST_TEXT];

	if (digest_equal(seen, diff_id))
		return NULL;
	return error_new(ERR_DIGEST, "'%s' is %s, the config says %s", path, digest_text(seen, a),
			digest_text(diff_id, b));
}

/*
 * What was not known for a tar by its first bytes: compressed as a registry takes it, it stays;
 * otherwise (a tar of before POSIX, xz) it is compressed.
 */
static FALLIBLE repack_layer(const struct import *import, const char *path,
		struct import_entry *entry, const struct digest *diff_id, struct descriptor *ret)
{
	AUTO(reader) struct reader *raw = NULL;
	AUTO(reader) struct reader *plain = NULL;
	enum codec_kind kind = CODEC_PLAIN;
	struct archive_bytes content = { 0 };
	struct hash_result blob;
	struct digest seen;
	uint64_t bytes = 0;

	TRY(blob_open(import->homes->store, &entry->digest, &raw, &bytes));
	TRY(codec_reader(TAKE(raw), &plain, &kind));
	if (kind == CODEC_GZIP || kind == CODEC_ZSTD) {
		*ret = descriptor_make(
				kind == CODEC_GZIP ? MEDIA_OCI_LAYER_GZIP : MEDIA_OCI_LAYER_ZSTD,
				entry->digest, bytes);
		return NULL;
	}
	TRY(archive_bytes_begin(plain, &content));
	TRY(archive_keep_layer(import->homes->store, &content, import->pool, &seen, &blob));
	*ret = descriptor_make(MEDIA_OCI_LAYER_GZIP, blob.digest, blob.size);
	entry->is_spare = !entry->was_here;
	return check_layer(path, &seen, diff_id);
}

/* A layer file of docker save. */
static FALLIBLE docker_layer(const struct import *import, const char *path,
		const struct digest *diff_id, struct descriptor *ret)
{
	struct import_entry *entry = NULL;

	TRY(find_entry(import, path, &entry));
	if (!digest_known(&entry->packed))
		return repack_layer(import, path, entry, diff_id, ret);
	*ret = descriptor_make(MEDIA_OCI_LAYER_GZIP, entry->packed, entry->packed_bytes);
	return check_layer(path, &entry->digest, diff_id);
}

/* Two paths may be one blob; a layer may be listed twice. So this comes last. */
static FALLIBLE drop_spare(const struct import *import)
{
	void *at = NULL, *value = NULL;
	const char *path = NULL;

	while (map_next(import->entries, &at, &path, &value)) {
		const struct import_entry *entry = value;

		if (entry->is_spare)
			TRY(blob_drop(import->homes->store, &entry->digest));
	}
	return NULL;
}

/* The entry of manifest.json that has the name, or the only one: which of two is no guess. */
static FALLIBLE docker_entry(json_t *document, const char *name, struct json_field *ret)
{
	struct json_field list = { .value = document, .key = "manifest.json" };

	if (!name && json_count(&list) != 1)
		return error_hint(error_new(ERR_INVALID,
						  "there are %zu images in the archive, not one",
						  json_count(&list)),
				"save one image alone; or, where an image is named, say which: "
				"docker-archive:FILE:NAME");
	for (size_t i = 0; i < json_count(&list); i++) {
		AUTO(list) struct list tags = { 0 };

		TRY(json_item_object(&list, i, ret));
		/* list is ours alone */
		*ret = (struct json_field){ .value = ret->value, .key = "manifest.json" };
		TRY(json_get_list(ret, "RepoTags", &tags, NULL));
		if (!name || list_has(&tags, name))
			return NULL;
	}
	return error_new(ERR_NOT_FOUND, "there is no image '%s' in the archive", name ? name : "");
}

static FALLIBLE pick_docker(const struct import *import, const char *name, struct digest *ret)
{
	json_auto_t *document = NULL;
	AUTO_FREE char *json = NULL;
	AUTO_FREE char *config_path = NULL;
	AUTO_FREE char *config_json = NULL;
	AUTO(list) struct list layers = { 0 };
	AUTO(image_config) struct image_config config = { 0 };
	AUTO(manifest) struct manifest manifest = { 0 };
	struct json_field entry = { 0 };
	size_t n = 0, config_n = 0;

	TRY(read_entry(import, "manifest.json", &json, &n));
	TRY(json_parse((struct str){ json, n }, LIMIT_CONFIG_BYTES, "manifest.json", &document));
	if (!json_is_array(document))
		return error_new(ERR_INVALID, "manifest.json is not a list");
	TRY(docker_entry(document, name, &entry));
	TRY(json_get_text(&entry, "Config", JSON_MUST, &config_path));
	TRY(json_get_list(&entry, "Layers", &layers, NULL));
	TRY(read_entry(import, config_path, &config_json, &config_n));
	TRY(image_config_parse((struct str){ config_json, config_n }, &config));
	if (layers.n != config.diff_ids.n || layers.n > LIMIT_LAYERS)
		return error_new(ERR_INVALID,
				"the archive has %zu layers, its config speaks of %zu", layers.n,
				config.diff_ids.n);
	for (size_t i = 0; i < layers.n; i++)
		TRY(docker_layer(import, layers.p[i], &config.diff_ids.p[i],
				vec_add(&manifest.layers)));
	TRY(keep_manifest(import->homes, config_json, &manifest, ret));
	return drop_spare(import);
}

static FALLIBLE import_blobs(const struct image_homes *homes, enum archive_kind kind, int fd,
		const char *tag, struct digest *ret)
{
	AUTO(map) struct map *entries = map_new(import_entry_free);
	AUTO(pool) struct pool *pool = pool_new(0);
	struct import import = { homes, kind, entries, pool };

	TRY(keep_entries(&import, fd));
	return kind == IMPORT_OCI ? pick_oci(&import, tag, ret) : pick_docker(&import, tag, ret);
}

/* --- the door --- */

/* An archive as it was asked for. */
struct archive {
	const struct image_homes *homes;
	enum archive_kind kind;
	char *path, *tag, *name; /* name: for messages */
	struct image_origin origin;
};

static void archive_done(struct archive *archive)
{
	free(archive->path);
	free(archive->tag);
	free(archive->name);
	image_origin_done(&archive->origin);
}

DEFINE_AUTO_VALUE(archive)

/* Everything that the manifest speaks of is in the store. */
static FALLIBLE open_known(
		const struct archive *archive, const struct digest *manifest, struct image **ret)
{
	const struct image_homes *homes = archive->homes;
	AUTO(image) struct image *image = NULL;
	bool here = false;

	TRY(source_store_open_digest(homes, &archive->origin, archive->name, manifest, &image));
	for (size_t i = 0; i < image->manifest.layers.n; i++) {
		TRY(blob_has(homes->store, &image->manifest.layers.p[i].digest, &here, NULL));
		if (!here)
			return error_new(ERR_NOT_FOUND, "layer %zu is gone from the store", i + 1);
	}
	*ret = TAKE(image);
	return NULL;
}

/* "FILE" or "FILE:NAME"; a file's name may hold colons, what exists wins. */
static void split(const char *where, char **ret_path, char **ret_tag)
{
	struct str s = str_of(where);
	struct stat st;

	*ret_tag = NULL;
	*ret_path = xstrdup(where);
	for (size_t i = s.n; i-- > 0 && stat(*ret_path, &st) != 0;) {
		if (where[i] != ':')
			continue;
		free(*ret_path);
		free(*ret_tag);
		*ret_path = str_dup(str_slice(s, 0, i));
		*ret_tag = str_dup(str_slice(s, i + 1, s.n));
	}
}

/* What the file became when it was imported before, if it is unchanged and all of it is here. */
static FALLIBLE open_remembered(const struct archive *archive, const char *scope,
		const struct file_key *key, struct image **ret)
{
	AUTO(file_digests)
	struct file_digests *known = file_digests_open(archive->homes->store, scope);
	struct digest manifest;

	if (!file_digests_get(known, key, &manifest))
		return NULL;
	struct error *error = open_known(archive, &manifest, ret);
	if (error_is(error, ERR_DENIED))
		return error;
	error_ignore(error, "what is not whole in the store is imported again");
	return NULL;
}

/* The files of a rootfs say nothing of a platform; it is the one that was asked for. */
static char *scope_of(const struct archive *archive)
{
	const struct platform *wanted = archive->homes->platform;
	struct platform platform = wanted ? *wanted : platform_host();
	char text[PLATFORM_TEXT];

	return xasprintf("archive %d %s", (int)archive->kind,
			archive->kind == IMPORT_ROOTFS ? platform_text(&platform, text)
						       : (archive->tag ? archive->tag : ""));
}

/* The file into the store (takes fd). Under the lock of imports. */
static FALLIBLE import_content(
		const struct archive *archive, int fd, const char *scope, struct digest *ret)
{
	const struct image_homes *homes = archive->homes;
	uint64_t began = clock_now_ns();
	struct stat st;

	if (fstat(fd, &st) != 0) {
		(void)close(fd);
		return error_sys("look at '%s'", archive->path);
	}
	struct file_key key = file_key_of(&st);
	TRY(archive->kind == IMPORT_ROOTFS ? import_rootfs(homes, fd, ret)
					   : import_blobs(homes, archive->kind, fd, archive->tag,
							     ret));
	struct file_digests *known = file_digests_open(homes->store, scope);
	file_digests_put(known, &key, ret, false, began);
	error_ignore(file_digests_close(known), "the memory of archives is an aid");
	return NULL;
}

static FALLIBLE import_file(const struct archive *archive, struct image **ret)
{
	const struct image_homes *homes = archive->homes;
	AUTO(store_lock) struct store_lock *lock = NULL;
	AUTO_FREE char *scope = scope_of(archive);
	AUTO_FD int fd = -1;
	struct digest manifest;
	struct stat st;

	TRY(file_open(AT_FDCWD, archive->path, O_RDONLY, 0, &fd));
	if (fstat(fd, &st) != 0)
		return error_sys("look at '%s'", archive->path);
	struct file_key key = file_key_of(&st);
	TRY(open_remembered(archive, scope, &key, ret));
	if (*ret)
		return NULL;
	TRY(image_vouch_ahead(homes->trust, &archive->origin));
	/* One at a time: another may be importing the same. */
	TRY(store_lock_take(homes->store, "import", homes->cancel, &lock));
	TRY(open_remembered(archive, scope, &key, ret));
	if (*ret)
		return NULL;
	TRY(import_content(archive, TAKE_FD(fd), scope, &manifest));
	return source_store_open_digest(homes, &archive->origin, archive->name, &manifest, ret);
}

static FALLIBLE docker_names(const char *json, size_t n, const char *tag, struct list *ret)
{
	json_auto_t *document = NULL;
	struct json_field entry = { 0 };

	TRY(json_parse((struct str){ json, n }, LIMIT_CONFIG_BYTES, "manifest.json", &document));
	if (!json_is_array(document))
		return error_new(ERR_INVALID, "manifest.json is not a list");
	TRY(docker_entry(document, tag, &entry));
	return json_get_list(&entry, "RepoTags", ret, NULL);
}

static FALLIBLE oci_names(const char *json, size_t n, const char *tag, struct list *ret)
{
	AUTO(image_index) struct image_index index = { 0 };

	TRY(image_index_parse((struct str){ json, n }, NULL, &index));
	for (size_t i = 0; i < index.manifests.n; i++) {
		const char *name = list_env_get(&index.manifests.p[i].annotations, LAYOUT_NAME);

		if (tag && !text_equal(name, tag))
			continue;
		if (name)
			list_add(ret, name);
		return NULL;
	}
	return NULL;
}

FALLIBLE source_archive_names(enum archive_kind kind, const char *where, struct list *ret)
{
	const char *file = kind == IMPORT_OCI ? "index.json" : "manifest.json";
	AUTO(tar_reader) struct tar_reader *tar = NULL;
	AUTO_FREE char *path = NULL, *tag = NULL, *json = NULL;
	const struct entry *entry = NULL;
	struct reader *content = NULL, *plain = NULL;
	AUTO_FD int fd = -1;
	size_t n = 0;

	split(where, &path, &tag);
	TRY(file_open(AT_FDCWD, path, O_RDONLY, 0, &fd));
	TRY(codec_reader(reader_from_fd(TAKE_FD(fd)), &plain, NULL));
	tar = tar_reader_new(plain);
	do
		TRY(tar_reader_next(tar, &entry, &content));
	while (entry && (!content || !text_equal(entry->path, file)));
	if (!entry)
		return NULL;
	TRY(reader_read_all(content, LIMIT_CONFIG_BYTES, &json, &n));
	return kind == IMPORT_OCI ? oci_names(json, n, tag, ret) : docker_names(json, n, tag, ret);
}

static void open_door(const struct image_homes *homes, enum archive_kind kind, const char *where,
		struct archive *ret)
{
	/* A tar of a root file system is what containers/image calls a tarball. */
	static const char *const names[] = { [IMPORT_OCI] = "oci-archive",
		[IMPORT_DOCKER] = "docker-archive",
		[IMPORT_ROOTFS] = "rootfs" };
	const char *transport = kind == IMPORT_ROOTFS ? "tarball" : names[kind];

	*ret = (struct archive){ .homes = homes, .kind = kind };
	ret->name = xasprintf("%s:%s", names[kind], where);
	split(where, &ret->path, &ret->tag);
	ret->origin = image_origin_file(transport, ret->path, ret->tag);
}

FALLIBLE source_archive_open(const struct image_homes *homes, enum archive_kind kind,
		const char *where, struct image **ret)
{
	AUTO(archive) struct archive archive = { 0 };

	open_door(homes, kind, where, &archive);
	TRY_WRAP(import_file(&archive, ret), "archive '%s'", archive.path);
	return NULL;
}

/* It is read anew: what is remembered of it vouches for one platform's blobs alone. */
static FALLIBLE import_all(const struct archive *archive, struct document *ret)
{
	const struct image_homes *homes = archive->homes;
	AUTO(store_lock) struct store_lock *lock = NULL;
	AUTO_FREE char *scope = scope_of(archive);
	AUTO_FD int fd = -1;

	TRY(file_open(AT_FDCWD, archive->path, O_RDONLY, 0, &fd));
	TRY(image_vouch_ahead(homes->trust, &archive->origin));
	TRY(store_lock_take(homes->store, "import", homes->cancel, &lock));
	TRY(import_content(archive, TAKE_FD(fd), scope, &ret->digest));
	return blob_read(homes->store, &ret->digest, LIMIT_MANIFEST_BYTES, &ret->json, &ret->n);
}

FALLIBLE source_archive_document(const struct image_homes *homes, enum archive_kind kind,
		const char *where, struct document *ret, struct image_source **ret_source,
		struct image_origin *ret_origin)
{
	AUTO(archive) struct archive archive = { 0 };

	open_door(homes, kind, where, &archive);
	TRY_WRAP(import_all(&archive, ret), "archive '%s'", archive.path);
	*ret_source = image_source_store(homes->store, NULL);
	*ret_origin = TAKE_VALUE(archive.origin);
	return NULL;
}
