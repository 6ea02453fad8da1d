/*
 * One tar: an OCI layout, and for docker load a manifest.json over the same blobs, as docker save
 * itself writes it since version 25. Times are 0, so that the same image is the same tar.
 */
#include "image/decrypt.h"
#include "image/layout_json.h"
#include "image/set_sink.h"
#include "layer/tar_write.h"

#include <string.h>
#include <sys/stat.h>

static FALLIBLE add_dir(struct entry_sink *tar, const char *path)
{
	struct entry entry = { .path = path, .owner = { .mode = S_IFDIR | 0755 } };

	return entry_sink_add(tar, &entry, NULL);
}

static FALLIBLE add_text(struct entry_sink *tar, const char *path, const char *text, size_t n)
{
	AUTO(reader) struct reader *reader = reader_from_bytes(text, n);
	struct entry entry = { .path = path, .owner = { .mode = S_IFREG | 0644 }, .size = n };

	return entry_sink_add(tar, &entry, reader);
}

static FALLIBLE add_blob(
		struct entry_sink *tar, const struct descriptor *blob, struct reader *reader)
{
	char hex[DIGEST_HEX];
	AUTO_FREE char *path = xasprintf("blobs/sha256/%s", digest_hex(&blob->digest, hex));
	struct entry entry = {
		.path = path, .owner = { .mode = S_IFREG | 0644 }, .size = blob->size
	};

	TRY(entry_sink_add(tar, &entry, reader));
	/* The end is where a verifying reader speaks. */
	return reader_drain(reader);
}

static FALLIBLE add_layer(const struct image *image, struct entry_sink *tar, size_t i)
{
	const struct descriptor *layer = &image->manifest.layers.p[i];
	AUTO(reader) struct reader *reader = NULL;

	for (size_t k = 0; k < i; k++)
		if (descriptor_same_bytes(&image->manifest.layers.p[k], layer))
			return NULL;
	TRY(image_open_layer(image, i, &reader));
	return add_blob(tar, layer, reader);
}

static FALLIBLE add_blobs(const struct image *image, struct entry_sink *tar, struct cancel *cancel)
{
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < image->manifest.layers.n; i++) {
		TRY(cancel_check(cancel));
		TRY_WRAP(add_layer(image, tar, i), "layer %zu of %zu", i + 1,
				image->manifest.layers.n);
	}
	AUTO_FREE char *config = xasprintf(
			"blobs/sha256/%s", digest_hex(&image->manifest.config.digest, hex));
	TRY(add_text(tar, config, image->config_json, image->config_bytes));
	AUTO_FREE char *manifest = xasprintf("blobs/sha256/%s", digest_hex(&image->digest, hex));
	return add_text(tar, manifest, image->manifest_json, image->manifest_bytes);
}

FALLIBLE image_save_archive(const struct image *image, enum archive_format format,
		const struct list *names, struct writer *out, struct cancel *cancel)
{
	static const struct entry_times keep = { 0 };
	struct descriptor listed = layout_entry(image);
	AUTO_FREE char *index = layout_index(&listed, &(struct layout_names){ .images = names });
	AUTO(entry_sink) struct entry_sink *tar = tar_writer(out, &keep);

	if (format == ARCHIVE_DOCKER)
		TRY(image_check_plain(image));
	TRY(add_dir(tar, "blobs"));
	TRY(add_dir(tar, "blobs/sha256"));
	TRY(add_blobs(image, tar, cancel));
	TRY(add_text(tar, "index.json", index, strlen(index)));
	if (format == ARCHIVE_DOCKER) {
		AUTO_FREE char *manifest = docker_manifest(image, names);

		TRY(add_text(tar, "manifest.json", manifest, strlen(manifest)));
	}
	TRY(add_text(tar, "oci-layout", LAYOUT_MARK, strlen(LAYOUT_MARK)));
	return entry_sink_close(TAKE(tar));
}

struct archive_sink {
	struct set_sink sink;
	struct entry_sink *tar;
};

static struct error *put_blob(
		struct set_sink *sink, struct image_source *source, const struct descriptor *blob)
{
	AUTO(reader) struct reader *reader = NULL;

	TRY(source->ops->open_blob(source, blob, &reader));
	return add_blob(((struct archive_sink *)sink)->tar, blob, reader);
}

static struct error *put_document(
		struct set_sink *sink, const struct descriptor *what, struct str json)
{
	AUTO(reader) struct reader *reader = reader_from_bytes(json.p, json.n);

	return add_blob(((struct archive_sink *)sink)->tar, what, reader);
}

FALLIBLE image_set_save_archive(const struct image_set *set, const struct layout_names *names,
		struct writer *out, struct cancel *cancel, const struct image_progress *progress)
{
	static const struct entry_times keep = { 0 };
	AUTO(entry_sink) struct entry_sink *tar = tar_writer(out, &keep);
	struct archive_sink sink = { { put_blob, put_document, progress, .in_order = true }, tar };
	AUTO(descriptor) struct descriptor document = layout_set_entry(set);
	struct descriptor listed = layout_set_entry(set);
	AUTO_FREE char *index = layout_index(&listed, names);

	TRY(add_dir(tar, "blobs"));
	TRY(add_dir(tar, "blobs/sha256"));
	TRY(set_copy(set, &sink.sink, cancel));
	TRY(put_document(&sink.sink, &document, (struct str){ set->json, set->n }));
	TRY(add_text(tar, "index.json", index, strlen(index)));
	TRY(add_text(tar, "oci-layout", LAYOUT_MARK, strlen(LAYOUT_MARK)));
	return entry_sink_close(TAKE(tar));
}
