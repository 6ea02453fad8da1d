#include "image/sources.h"
#include "base/limits.h"
#include "base/str.h"
#include "image/layout_json.h"
#include "image/set_sink.h"
#include "image/source.h"
#include "layer/diff.h"
#include "layer/entry_disk.h"
#include "layer/layer.h"
#include "oci/json.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

static FALLIBLE open_blobs(const char *dir, int *ret_dir_fd, int *ret_blobs_fd)
{
	TRY(file_open(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, ret_dir_fd));
	return file_open(*ret_dir_fd, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
			ret_blobs_fd);
}

static FALLIBLE put_manifest(int blobs_fd, const struct manifest *manifest, struct descriptor *ret)
{
	AUTO_FREE char *json = manifest_print(manifest);
	size_t n = strlen(json);

	*ret = descriptor_make(MEDIA_OCI_MANIFEST, digest_of(json, n), n);
	return layout_put_bytes(blobs_fd, &ret->digest, json, n);
}

/* --- create --- */

static char *config_new(const char *author, const char *created)
{
	AUTO(json_out) struct json_out out = { 0 };

	json_out_open(&out, NULL, '{');
	json_out_text(&out, "created", created);
	if (author && *author)
		json_out_text(&out, "author", author);
	json_out_close(&out, '}');
	return json_out_take(&out);
}

FALLIBLE sources_create(const char *dir, const char *tag, const char *author, const char *created)
{
	AUTO(manifest) struct manifest manifest = { .format = FORMAT_OCI };
	AUTO_FREE char *blobs = xasprintf("%s/blobs/sha256", dir);
	AUTO_FREE char *config = config_new(author, created);
	AUTO_FD int dir_fd = -1, blobs_fd = -1;
	const struct layout_names names = { .word = tag };
	AUTO(descriptor) struct descriptor entry = { 0 };
	size_t n = strlen(config);

	TRY(file_make_dirs(blobs, 0755));
	TRY(open_blobs(dir, &dir_fd, &blobs_fd));
	manifest.config = descriptor_make(MEDIA_SOURCES_CONFIG, digest_of(config, n), n);
	TRY(layout_put_bytes(blobs_fd, &manifest.config.digest, config, n));
	TRY(put_manifest(blobs_fd, &manifest, &entry));
	TRY(file_write_atomic(dir_fd, "oci-layout", LAYOUT_MARK, strlen(LAYOUT_MARK), 0644, false));
	return layout_update_index(dir_fd, &entry, &names, LAYOUT_ADD);
}

/* --- check --- */

static FALLIBLE check_manifest(
		const char *name, const char *media_type, const struct manifest *manifest)
{
	if (!text_equal(media_type, MEDIA_OCI_MANIFEST))
		return error_new(ERR_INVALID, "image \"%s\" is of type \"%s\" (expected: \"%s\")",
				name, media_type, MEDIA_OCI_MANIFEST);
	if (!text_equal(manifest->config.media_type, MEDIA_SOURCES_CONFIG))
		return error_new(ERR_INVALID,
				"invalid media type of image config \"%s\" (expected: \"%s\")",
				manifest->config.media_type, MEDIA_SOURCES_CONFIG);
	return NULL;
}

FALLIBLE sources_check(const struct image_set *set)
{
	AUTO(manifest) struct manifest manifest = { 0 };

	if (!set->is_index)
		TRY(manifest_parse((struct str){ set->json, set->n }, set->media_type, &manifest));
	return check_manifest(set->name, set->media_type, &manifest);
}

/* --- add --- */

static FALLIBLE send_directory(
		const struct sources_artifact *artifact, int dir_fd, struct entry_sink *sink)
{
	const struct diff_options options = {
		.policy = *artifact->policy, .is_exact = true, .cancel = artifact->cancel
	};
	struct diff_counts counts;

	return diff_upper(dir_fd, &options, sink, &counts);
}

static FALLIBLE send_file(const struct sources_artifact *artifact, int dir_fd, const char *name,
		const struct stat *st, struct entry_sink *sink)
{
	AUTO(entry_disk) struct entry_disk disk = { 0 };
	AUTO(reader) struct reader *content = NULL;

	TRY(entry_disk_read(&disk, artifact->policy, dir_fd, name, st, name));
	TRY(entry_disk_content(&disk, dir_fd, name, &content));
	return entry_sink_add(sink, &disk.entry, content);
}

/* As a directory its content, as anything else (a link is not followed) the file by its name. */
static FALLIBLE send_artifact(const struct sources_artifact *artifact, struct entry_sink *sink)
{
	AUTO_FREE char *for_dir = xstrdup(artifact->path);
	AUTO_FREE char *for_name = xstrdup(artifact->path);
	const char *name = basename(for_name);
	AUTO_FD int fd = -1;
	struct stat st;

	if (lstat(artifact->path, &st) != 0)
		return error_sys("source artifact '%s'", artifact->path);
	if (S_ISDIR(st.st_mode)) {
		TRY(file_open(AT_FDCWD, artifact->path, O_RDONLY | O_DIRECTORY, 0, &fd));
		return send_directory(artifact, fd, sink);
	}
	if (S_ISSOCK(st.st_mode))
		return error_new(ERR_UNSUPPORTED, "source artifact '%s': a socket cannot be kept",
				artifact->path);
	// NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's writes into its argument only
	TRY(file_open(AT_FDCWD, dirname(for_dir), O_RDONLY | O_DIRECTORY, 0, &fd));
	return send_file(artifact, fd, name, &st, sink);
}

/* The layer under a name that only we know, then under its digest. */
static FALLIBLE write_layer(
		const struct sources_artifact *artifact, int blobs_fd, struct layer_result *ret)
{
	static const struct layer_format format = { .compression = COMPRESSION_GZIP,
		.level = CODEC_LEVEL_DEFAULT };
	AUTO_FREE char *draft = file_name_beside("layer");
	AUTO(entry_sink) struct entry_sink *sink = NULL;
	char hex[DIGEST_HEX];
	int fd = -1;

	TRY(file_open(blobs_fd, draft, O_WRONLY | O_CREAT | O_EXCL, 0644, &fd));
	struct error *error = layer_writer(writer_to_fd(fd), &format, NULL, ret, &sink);
	if (!error)
		error = send_artifact(artifact, sink);
	if (!error)
		error = entry_sink_close(TAKE(sink));
	if (!error && renameat(blobs_fd, draft, blobs_fd, digest_hex(&ret->digest, hex)) != 0)
		error = error_sys("name the blob '%s'", hex);
	if (error)
		(void)unlinkat(blobs_fd, draft, 0);
	return error;
}

/* The next manifest in the place of the old one, whose file nobody needs then. */
static FALLIBLE replace(
		int dir_fd, int blobs_fd, const struct digest *old, const struct descriptor *next)
{
	AUTO(image_index) struct image_index index = { 0 };
	char hex[DIGEST_HEX];

	TRY(layout_read_index(dir_fd, &index));
	for (size_t i = 0; i < index.manifests.n; i++) {
		struct descriptor *entry = &index.manifests.p[i];

		if (!digest_equal(&entry->digest, old))
			continue;
		entry->digest = next->digest;
		entry->size = next->size;
	}
	AUTO_FREE char *text = image_index_print(&index);
	TRY(file_write_atomic(dir_fd, "index.json", text, strlen(text), 0644, false));
	if (!digest_equal(old, &next->digest) && unlinkat(blobs_fd, digest_hex(old, hex), 0) != 0 &&
			errno != ENOENT)
		return error_sys("remove the manifest before");
	return NULL;
}

static FALLIBLE open_document(const char *where, struct document *ret, struct manifest *manifest)
{
	static const struct image_homes homes = { 0 };
	AUTO(image_origin) struct image_origin origin = { 0 };
	struct image_source *source = NULL;
	struct error *error = source_layout_document(&homes, where, ret, &source, &origin);

	image_source_unref(source);
	TRY(error);
	TRY(manifest_parse((struct str){ ret->json, ret->n }, ret->media_type, manifest));
	return check_manifest(where, ret->media_type, manifest);
}

FALLIBLE sources_add(const char *where, const struct sources_artifact *artifact)
{
	AUTO(document) struct document document = { 0 };
	AUTO(manifest) struct manifest manifest = { 0 };
	AUTO(descriptor) struct descriptor next = { 0 };
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *tag = NULL;
	AUTO_FD int dir_fd = -1, blobs_fd = -1;
	struct digest digest = { 0 };
	struct layer_result made;

	TRY(open_document(where, &document, &manifest));
	if (manifest.layers.n >= LIMIT_LAYERS)
		return error_new(ERR_LIMIT, "'%s' has %zu artifacts, and can have no more", where,
				manifest.layers.n);
	layout_split(where, &dir, &tag, &digest);
	TRY(open_blobs(dir, &dir_fd, &blobs_fd));
	TRY(write_layer(artifact, blobs_fd, &made));
	struct descriptor *layer = vec_add(&manifest.layers);
	*layer = descriptor_make(MEDIA_OCI_LAYER_GZIP, made.digest, made.size);
	list_add_all(&layer->annotations, artifact->annotations);
	TRY(put_manifest(blobs_fd, &manifest, &next));
	return replace(dir_fd, blobs_fd, &document.digest, &next);
}
