/*
 * layer: the two stacks of streams.
 *
 *	out   entries -> tar -> sha256 (diffID) | compress | sha256 (digest) -> blob
 *	in    blob | decompress | sha256 (diffID) -> tar -> directory
 *
 * "|" is a bounded pipe with a thread behind it, so the halves overlap and memory does not grow
 * with the layer; on the way out the compressor's blocks are that pipe, and the tar is made in
 * them. Uncompressed layers are hashed once.
 *
 * Floor: layer. Spec: OCI image-spec v1.1, layer.md and config.md (diff_ids).
 */
#pragma once
#include "layer/apply.h"
#include "layer/entry.h"
#include "layer/tar_read.h"
#include "layer/tar_write.h"
#include "oci/digest.h"
#include "oci/mediatype.h"
#include "stream/codec.h"
#include "sys/cancel.h"

struct pool;

struct layer_result {
	struct digest diff_id; /* of the tar */
	uint64_t diff_size;
	struct digest digest; /* of the blob; not known to layer_unpack() */
	uint64_t size;
	enum compression compression;
	uint64_t entries; /* whiteouts and opaque marks included */
};

struct layer_format {
	enum compression compression;
	int level; /* CODEC_LEVEL_DEFAULT, or as codec_writer() */
	struct entry_times times;
};

/*
 * A sink that makes a layer of its entries: the blob goes to out (takes it), *facts is filled when
 * the sink is closed and must live until then. pool (may be NULL) compresses.
 */
FALLIBLE layer_writer(struct writer *out, const struct layer_format *format, struct pool *pool,
		struct layer_result *facts, struct entry_sink **ret);

struct layer_unpack_options {
	struct apply_options apply;
	const struct digest *diff_id; /* NULL: not known before */
	struct cancel *cancel;
	struct writer *copy; /* the plain tar goes there, too (taken, closed at its end); or NULL */
};

/*
 * Put a layer's blob (takes it; compressed or not) into the directory. A tar that is not diff_id is
 * ERR_DIGEST; after any error the directory holds a part, and the caller drops it. See apply.h for
 * layers that need their lowers.
 */
FALLIBLE layer_unpack(struct reader *blob, int dir_fd, const struct layer_unpack_options *options,
		struct layer_result *ret);
/* The same into any sink (takes it, and closes it); options->apply is not looked at. */
FALLIBLE layer_unpack_into(struct reader *blob, struct entry_sink *sink,
		const struct layer_unpack_options *options, struct layer_result *ret);

/*
 * Send a layer's tar to a sink (borrows both), whiteouts as such. *ret_entries (may be NULL)
 * counts. A name with ".." that leads above the root is ERR_INVALID, as for Kaniko and Podman.
 */
FALLIBLE layer_replay(struct tar_reader *tar, struct entry_sink *sink, struct cancel *cancel,
		uint64_t *ret_entries);
/* The same for a tar that is no layer: names that start with ".wh." are ordinary files, ".." stops
 * at the root. */
FALLIBLE layer_replay_archive(struct tar_reader *tar, struct entry_sink *sink,
		struct cancel *cancel, uint64_t *ret_entries);
