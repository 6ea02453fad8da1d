/*
 * set_sink: one home as image_set's copying sees it. Private to image/.
 *
 * Floor: image. put_blob is called from several threads, unless in_order is set.
 */
#pragma once
#include "image/set.h"

struct set_sink {
	/* A layer or config: bytes from source. NULL: put_document reads what it needs. */
	struct error *(*put_blob)(struct set_sink *sink, struct image_source *source,
			const struct descriptor *blob);
	/* A manifest or index below the document. */
	struct error *(*put_document)(
			struct set_sink *sink, const struct descriptor *what, struct str json);
	const struct image_progress *progress;
	bool in_order; /* put_blob is called from one thread, the first image's blobs first */
};

/* Everything but the document itself. */
FALLIBLE set_copy(const struct image_set *set, struct set_sink *sink, struct cancel *cancel);

/*
 * A manifest of the set as the image that it is; its config is read. *ret stays NULL when it is
 * none (an attestation).
 */
FALLIBLE set_open_image(const struct image_set *set, const char *media_type, struct str json,
		struct image **ret);
/* The images' blobs, else those of beside (may be NULL; a reference is taken). Borrows images. */
struct image_source *image_source_joined(
		struct image *const *images, size_t n, struct image_source *beside);

/* One blob into the store, unless it is there. */
FALLIBLE store_keep_blob(
		struct image_source *source, struct store *store, const struct descriptor *blob);
/* One blob as a file of the directory, unless it is there: written aside, then named. */
FALLIBLE layout_write_blob(
		struct image_source *source, int blobs_fd, const struct descriptor *blob);
/* The same of bytes at hand. */
FALLIBLE layout_put_bytes(int blobs_fd, const struct digest *digest, const char *bytes, size_t n);
/* index.json of a layout; none is one without entries. */
FALLIBLE layout_read_index(int dir_fd, struct image_index *ret);
/* index.json with this entry under each name, in place of those of the same or of all. Takes entry.
 */
FALLIBLE layout_update_index(int dir_fd, struct descriptor *entry, const struct layout_names *names,
		enum layout_entry_kind kind);
