/*
 * image_rows: the rows of one image (image, image_blob, image_layer, tag), and index.json, which is
 * made from them.
 *
 * Floor: store, inside. Within a visit and a transaction.
 */
#pragma once
#include "oci/digest.h"
#include "store/store.h"

/* Follow the image and write its rows; name and media_type may be NULL. */
FALLIBLE image_rows_put(struct store *store, const char *name, const struct digest *manifest,
		const char *media_type);
/* The image row goes last, so that db_changes() tells whether it was there. */
FALLIBLE image_rows_delete(struct store *store, const struct digest *manifest);

/* What index.json should be. New; free(). */
FALLIBLE index_text(struct store *store, char **ret);
/* Make index.json say what the tables say. */
FALLIBLE index_write(struct store *store);
/* Take the images of an index.json that another hand wrote, if there is one, and write it anew. */
FALLIBLE index_import(struct store *store);
/* At open, outside of both: mend an index.json that a killed process left behind or ahead. */
FALLIBLE index_mend(struct store *store);
