/*
 * made: a layer that kiln itself makes (COPY, ADD, WORKDIR) while its entries come in. One read of
 * each byte serves both of what may be needed: a directory that later steps stand on, and a blob
 * that the image consists of.
 *
 * Floor: build. One thread at a time.
 */
#pragma once
#include "build/state.h"
#include "layer/layer.h"
#include "store/blob.h"

/* What comes of the entries: MADE_AHEAD sends the blob of the image while it is written. */
enum { MADE_DIR = 1u << 0, MADE_BLOB = 1u << 1, MADE_AHEAD = 1u << 2 };

struct made {
	unsigned parts;         /* MADE_... */
	uint64_t content_bytes; /* of the files that will come; set before made_open(), or 0 */
	struct layer_draft draft;
	struct blob_writer *blob;
	struct ahead *ahead; /* of blob, or NULL */
	struct layer_result result;
	struct entry_sink *sink; /* entries go here */
	uint64_t entries;
};

/* The blob's parts for a step of this stage; streams: its entries are the layer as they come. */
unsigned made_blob_parts(const struct stage_run *stage, bool streams);
/* root: the root directory as it is below the layer. */
FALLIBLE made_open(struct build *build, const struct owner *root, unsigned parts, struct made *ret);
FALLIBLE made_add(struct made *made, const struct entry *entry, struct reader *content);
/* *ret is NULL when nothing was added. */
FALLIBLE made_close(struct build *build, struct made *made, struct build_layer **ret);
/* The same for what becomes no layer: *ret takes the directory as it is. Without a blob. */
FALLIBLE made_keep(struct made *made, struct layer_draft *ret);
void made_done(struct made *made);

DEFINE_AUTO_VALUE(made)
