#include "layer/layer.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "layer/whiteout.h"
#include "stream/group.h"
#include "stream/hash.h"
#include "stream/pipe.h"

/* One thread of a stack: moves everything and closes. Owns both ends. */
struct pump {
	struct reader *from;
	struct writer *to;
};

static struct error *run_pump(void *argument)
{
	struct pump *pump = argument;
	struct error *error = stream_copy(pump->from, pump->to, NULL);

	reader_free(TAKE(pump->from));
	if (!error)
		return writer_close(TAKE(pump->to));
	writer_fail(TAKE(pump->to), error);
	return error;
}

static void start_pump(struct group *group, const char *name, struct pump *pump)
{
	if (group_start(group, name, run_pump, pump))
		return;
	reader_free(TAKE(pump->from));
	writer_free(TAKE(pump->to));
}

/* Out: entries -> tar. */

struct layer_out {
	struct entry_sink sink;
	struct entry_sink *tar;
	struct group *group;
	struct pump store; /* of an uncompressed layer */
	struct hash_result diff, blob;
	enum compression compression;
	uint64_t entries;
	struct layer_result *facts;
};

/* The real reason is in the threads when the tar only learned that nobody listens any more. */
static struct error *reason(struct layer_out *layer, struct error *error)
{
	if (!error_is(error, ERR_CANCELED))
		return error;
	entry_sink_free(TAKE(layer->tar));
	return error_first(error, group_join(layer->group));
}

static FALLIBLE out_add(struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct layer_out *layer = (struct layer_out *)sink;

	layer->entries++;
	return reason(layer, entry_sink_add(layer->tar, entry, content));
}

static FALLIBLE out_whiteout(struct entry_sink *sink, const char *path)
{
	struct layer_out *layer = (struct layer_out *)sink;

	layer->entries++;
	return reason(layer, entry_sink_whiteout(layer->tar, path));
}

static FALLIBLE out_opaque(struct entry_sink *sink, const char *path)
{
	struct layer_out *layer = (struct layer_out *)sink;

	layer->entries++;
	return reason(layer, entry_sink_opaque(layer->tar, path));
}

static FALLIBLE out_close(struct entry_sink *sink)
{
	struct layer_out *layer = (struct layer_out *)sink;
	struct error *error = entry_sink_close(TAKE(layer->tar));
	bool is_plain = layer->compression == COMPRESSION_NONE;

	TRY(error_first(error, group_join(layer->group)));
	*layer->facts = (struct layer_result){
		.diff_id = layer->diff.digest,
		.diff_size = layer->diff.size,
		.digest = is_plain ? layer->diff.digest : layer->blob.digest,
		.size = is_plain ? layer->diff.size : layer->blob.size,
		.compression = layer->compression,
		.entries = layer->entries,
	};
	return NULL;
}

static void out_free(struct entry_sink *sink)
{
	struct layer_out *layer = (struct layer_out *)sink;

	entry_sink_free(layer->tar);
	group_free(layer->group);
	free(layer);
}

static const struct entry_sink_ops out_ops = { out_add, out_whiteout, out_opaque, out_close,
	out_free };

FALLIBLE layer_writer(struct writer *out, const struct layer_format *format, struct pool *pool,
		struct layer_result *facts, struct entry_sink **ret)
{
	AUTO(entry_sink) struct entry_sink *sink = NULL;
	struct layer_out *layer = xcalloc(1, sizeof(*layer));
	struct writer *tar = NULL;

	layer->sink.ops = &out_ops;
	layer->group = group_new();
	layer->compression = format->compression;
	layer->facts = facts;
	sink = &layer->sink;
	if (format->compression == COMPRESSION_NONE) {
		pipe_open(PIPE_BLOCKS_DEFAULT, &layer->store.from, &tar);
		layer->store.to = out;
		start_pump(layer->group, "kiln-store", &layer->store);
	} else {
		TRY(codec_writer(hash_writer(out, &layer->blob), format->compression, format->level,
				pool, &tar));
	}
	layer->tar = tar_writer(hash_writer(tar, &layer->diff), &format->times);
	*ret = TAKE(sink);
	return NULL;
}

/* In: tar -> entries. */

/* Nobody packs such a layer without a mind to write beside the root; an archive may be of that
 * kind. */
static struct error *climbing(const struct entry *entry)
{
	return error_new(ERR_INVALID, "entry '%s' of the layer climbs out of it by '..'",
			entry->path);
}

static FALLIBLE send_layer_entry(
		struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	const struct owner *owner = &entry->owner;
	enum whiteout kind = WHITEOUT_NO;
	AUTO_FREE char *target = NULL;

	TRY(whiteout_parse(entry->path, &kind, &target));
	switch (kind) {
	case WHITEOUT_NO:
		break;
	case WHITEOUT_PATH:
		return entry_sink_whiteout(sink, target);
	case WHITEOUT_OPAQUE:
		return entry_sink_opaque(sink, target);
	case WHITEOUT_OTHER:
		return NULL;
	}
	/* The tar of an overlay upper, made by hand, has whiteouts as devices. */
	if (S_ISCHR(owner->mode) && owner->major == 0 && owner->minor == 0)
		return entry_sink_whiteout(sink, entry->path);
	return entry_sink_add(sink, entry, content);
}

static FALLIBLE replay(struct tar_reader *tar, struct entry_sink *sink, struct cancel *cancel,
		bool is_layer, uint64_t *ret_entries)
{
	const struct entry *entry = NULL;
	struct reader *content = NULL;
	uint64_t entries = 0;

	for (;; entries++) {
		TRY(cancel_check(cancel));
		TRY(tar_reader_next(tar, &entry, &content));
		if (!entry)
			break;
		if (is_layer && tar_reader_climbs(tar))
			return climbing(entry);
		TRY(is_layer ? send_layer_entry(sink, entry, content)
			     : entry_sink_add(sink, entry, content));
	}
	if (ret_entries)
		*ret_entries = entries;
	return NULL;
}

FALLIBLE layer_replay(struct tar_reader *tar, struct entry_sink *sink, struct cancel *cancel,
		uint64_t *ret_entries)
{
	return replay(tar, sink, cancel, true, ret_entries);
}

FALLIBLE layer_replay_archive(struct tar_reader *tar, struct entry_sink *sink,
		struct cancel *cancel, uint64_t *ret_entries)
{
	return replay(tar, sink, cancel, false, ret_entries);
}

struct unpack {
	struct reader *blob; /* of the pipe */
	struct writer *to;
	enum codec_kind kind;
};

/* The thread that decompresses. */
static struct error *run_unpack(void *argument)
{
	struct unpack *unpack = argument;
	struct reader *plain = NULL;
	struct error *error = codec_reader(TAKE(unpack->blob), &plain, &unpack->kind);

	if (error) {
		writer_fail(TAKE(unpack->to), error);
		return error;
	}
	struct pump pump = {
		.from = reader_limit(plain, LIMIT_LAYER_BYTES, "a layer"),
		.to = TAKE(unpack->to),
	};
	return run_pump(&pump);
}

/* The caller's thread hashes and writes files; the tar's reader goes on to the end of the bytes. */
static FALLIBLE send_all(struct reader *tar_bytes, struct entry_sink *to, struct cancel *cancel,
		struct hash_result *diff, uint64_t *ret_entries)
{
	AUTO(tar_reader) struct tar_reader *tar = tar_reader_new(hash_reader(tar_bytes, diff));
	AUTO(entry_sink) struct entry_sink *sink = to;

	TRY(layer_replay(tar, sink, cancel, ret_entries));
	return entry_sink_close(TAKE(sink));
}

static enum compression compression_of(enum codec_kind kind)
{
	switch (kind) {
	case CODEC_GZIP:
		return COMPRESSION_GZIP;
	case CODEC_ZSTD:
		return COMPRESSION_ZSTD;
	case CODEC_PLAIN:
	case CODEC_BZIP2:
	case CODEC_XZ:
		break;
	}
	return COMPRESSION_NONE;
}

static FALLIBLE check_diff_id(const struct digest *wanted, const struct digest *got)
{
	char wanted_text[DIGEST_TEXT];
	char got_text[DIGEST_TEXT];

	if (!wanted || digest_equal(wanted, got))
		return NULL;
	return error_new(ERR_DIGEST, "the layer's content is '%s', not '%s'",
			digest_text(got, got_text), digest_text(wanted, wanted_text));
}

FALLIBLE layer_unpack_into(struct reader *blob, struct entry_sink *sink,
		const struct layer_unpack_options *options, struct layer_result *ret)
{
	AUTO(group) struct group *group = group_new();
	struct pump fetch = { .from = blob };
	struct unpack unpack = { 0 };
	struct hash_result diff = { 0 };
	struct reader *from = NULL;
	uint64_t entries = 0;

	pipe_open(PIPE_BLOCKS_DEFAULT, &unpack.blob, &fetch.to);
	pipe_open(PIPE_BLOCKS_DEFAULT, &from, &unpack.to);
	if (options->copy)
		unpack.to = writer_tee(options->copy, unpack.to);
	start_pump(group, "kiln-blob", &fetch);
	if (!group_start(group, "kiln-unpack", run_unpack, &unpack)) {
		reader_free(TAKE(unpack.blob));
		writer_free(TAKE(unpack.to));
	}
	struct error *error = send_all(from, sink, options->cancel, &diff, &entries);
	TRY(error_first(error, group_join(group)));
	TRY(check_diff_id(options->diff_id, &diff.digest));
	*ret = (struct layer_result){
		.diff_id = diff.digest,
		.diff_size = diff.size,
		.compression = compression_of(unpack.kind),
		.entries = entries,
	};
	return NULL;
}

FALLIBLE layer_unpack(struct reader *blob, int dir_fd, const struct layer_unpack_options *options,
		struct layer_result *ret)
{
	return layer_unpack_into(blob, apply_sink(dir_fd, &options->apply), options, ret);
}
