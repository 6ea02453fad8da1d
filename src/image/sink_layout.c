/* An OCI layout directory. Blobs are named when they are whole, index.json comes last. */
#include "base/limits.h"
#include "image/layout_json.h"
#include "image/set_sink.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

FALLIBLE layout_write_blob(struct image_source *source, int blobs_fd, const struct descriptor *blob)
{
	AUTO(reader) struct reader *reader = NULL;
	AUTO_FD int fd = -1;
	char hex[DIGEST_HEX];
	struct stat st;

	(void)digest_hex(&blob->digest, hex);
	if (fstatat(blobs_fd, hex, &st, 0) == 0 && (uint64_t)st.st_size == blob->size)
		return NULL;
	TRY(source->ops->open_blob(source, blob, &reader));
	AUTO_FREE char *draft = file_name_beside(hex);
	TRY(file_open(blobs_fd, draft, O_WRONLY | O_CREAT | O_EXCL, 0644, &fd));
	AUTO(writer) struct writer *writer = writer_to_fd(TAKE_FD(fd));
	struct error *error = stream_copy(reader, writer, NULL);
	if (!error)
		error = writer_close(TAKE(writer));
	if (!error && renameat(blobs_fd, draft, blobs_fd, hex) != 0)
		error = error_sys("name the blob '%s'", hex);
	if (error)
		(void)unlinkat(blobs_fd, draft, 0);
	return error;
}

FALLIBLE layout_put_bytes(int blobs_fd, const struct digest *digest, const char *bytes, size_t n)
{
	char hex[DIGEST_HEX];

	return file_write_atomic(blobs_fd, digest_hex(digest, hex), bytes, n, 0644, false);
}

FALLIBLE layout_read_index(int dir_fd, struct image_index *ret)
{
	AUTO_FREE char *json = NULL;
	size_t n = 0;
	struct error *error = file_read(dir_fd, "index.json", LIMIT_MANIFEST_BYTES, &json, &n);

	if (error_is_errno(error, ENOENT)) {
		error_ignore(error, "the layout is new");
		return NULL;
	}
	TRY(error);
	return image_index_parse((struct str){ json, n }, NULL, ret);
}

/*
 * A tag is one image's, unless both say whole names that differ; an entry of the same image without
 * a name gets one.
 */
static bool replaces(const struct descriptor *ours, const struct descriptor *other)
{
	const char *tag = list_env_get(&ours->annotations, LAYOUT_NAME);
	const char *whole = list_env_get(&ours->annotations, LAYOUT_IMAGE_NAME);
	const char *other_tag = list_env_get(&other->annotations, LAYOUT_NAME);
	const char *other_whole = list_env_get(&other->annotations, LAYOUT_IMAGE_NAME);
	bool is_same = digest_equal(&other->digest, &ours->digest);

	if (!tag || !other_tag)
		return is_same;
	return text_equal(tag, other_tag) &&
	       (!whole || !other_whole || text_equal(whole, other_whole));
}

static bool is_replaced(const struct image_index *ours, const struct descriptor *other)
{
	for (size_t i = 0; i < ours->manifests.n; i++)
		if (replaces(&ours->manifests.p[i], other))
			return true;
	return false;
}

FALLIBLE layout_update_index(int dir_fd, struct descriptor *entry, const struct layout_names *names,
		enum layout_entry_kind kind)
{
	AUTO(image_index)
	struct image_index index = { 0 }, ours = { 0 }, next = { .format = FORMAT_OCI };

	layout_add_entries(entry, names, &ours);
	if (kind == LAYOUT_ADD)
		TRY(layout_read_index(dir_fd, &index));
	for (size_t i = 0; i < index.manifests.n; i++)
		if (!is_replaced(&ours, &index.manifests.p[i]))
			descriptor_copy(&index.manifests.p[i], vec_add(&next.manifests));
	for (size_t i = 0; i < ours.manifests.n; i++)
		descriptor_copy(&ours.manifests.p[i], vec_add(&next.manifests));
	AUTO_FREE char *text = image_index_print(&next);
	return file_write_atomic(dir_fd, "index.json", text, strlen(text), 0644, false);
}

FALLIBLE image_save_layout(const struct image *image, const char *dir,
		const struct layout_names *names, enum layout_entry_kind kind,
		struct cancel *cancel, const struct image_progress *progress)
{
	AUTO_FD int dir_fd = -1, blobs_fd = -1;
	AUTO_FREE char *blobs = xasprintf("%s/blobs/sha256", dir);
	char text[DIGEST_TEXT], what[32];

	TRY(file_make_dirs(blobs, 0755));
	TRY(file_open(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, &dir_fd));
	TRY(file_open(AT_FDCWD, blobs, O_RDONLY | O_DIRECTORY, 0, &blobs_fd));
	for (size_t i = 0; i < image->manifest.layers.n; i++) {
		const struct descriptor *layer = &image->manifest.layers.p[i];

		TRY(cancel_check(cancel));
		TRY_WRAP(layout_write_blob(image->source, blobs_fd, layer), "layer %zu of %zu",
				i + 1, image->manifest.layers.n);
		(void)snprintf(what, sizeof(what), "%.19s", digest_text(&layer->digest, text));
		if (progress)
			progress->report(progress->user, what, layer->size, layer->size, true);
	}
	TRY(layout_put_bytes(blobs_fd, &image->manifest.config.digest, image->config_json,
			image->config_bytes));
	TRY(layout_put_bytes(
			blobs_fd, &image->digest, image->manifest_json, image->manifest_bytes));
	TRY(file_write_atomic(dir_fd, "oci-layout", LAYOUT_MARK, strlen(LAYOUT_MARK), 0644, false));
	struct descriptor entry = layout_entry(image);
	return layout_update_index(dir_fd, &entry, names, kind);
}

struct layout_sink {
	struct set_sink sink;
	int blobs_fd;
};

static struct error *put_blob(
		struct set_sink *sink, struct image_source *source, const struct descriptor *blob)
{
	return layout_write_blob(source, ((struct layout_sink *)sink)->blobs_fd, blob);
}

static struct error *put_document(
		struct set_sink *sink, const struct descriptor *what, struct str json)
{
	return layout_put_bytes(
			((struct layout_sink *)sink)->blobs_fd, &what->digest, json.p, json.n);
}

FALLIBLE image_set_save_layout(const struct image_set *set, const char *dir,
		const struct layout_names *names, struct cancel *cancel,
		const struct image_progress *progress)
{
	AUTO_FD int dir_fd = -1, blobs_fd = -1;
	AUTO_FREE char *blobs = xasprintf("%s/blobs/sha256", dir);

	TRY(file_make_dirs(blobs, 0755));
	TRY(file_open(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, &dir_fd));
	TRY(file_open(AT_FDCWD, blobs, O_RDONLY | O_DIRECTORY, 0, &blobs_fd));
	struct layout_sink sink = { { put_blob, put_document, progress }, blobs_fd };
	TRY(set_copy(set, &sink.sink, cancel));
	TRY(layout_put_bytes(blobs_fd, &set->digest, set->json, set->n));
	TRY(file_write_atomic(dir_fd, "oci-layout", LAYOUT_MARK, strlen(LAYOUT_MARK), 0644, false));
	struct descriptor entry = layout_set_entry(set);
	return layout_update_index(dir_fd, &entry, names, LAYOUT_ADD);
}
