/*
 * zstd. Writing: a frame for each block, with its size and checksum in it, so blocks need nothing
 * of each other. 4 MiB cost 3 % of a source tree's tar against one long frame, 2 MiB 8 %. Reading:
 * libzstd, with the window bounded.
 */
#include "base/limits.h"
#include "base/xalloc.h"
#include "stream/blocks.h"
#include "stream/codec_kinds.h"
#include "stream/codec_libraries.h"

#include <string.h>

enum {
	BLOCK_BYTES = 4 * 1024 * 1024,
	OUT_BYTES = ZSTD_COMPRESSBOUND(BLOCK_BYTES),
	LEVEL_DEFAULT = 3,
	LEVEL_MOST = 22,
};

/* Parameters of a valid range are never refused, memory aside. */
static void must(size_t result)
{
	if (zstd_loaded()->ZSTD_isError(result))
		abort();
}

static void *frame_new(int level)
{
	ZSTD_CCtx *state = zstd_loaded()->ZSTD_createCCtx();

	if (!state)
		abort();
	must(zstd_loaded()->ZSTD_CCtx_setParameter(state, ZSTD_c_compressionLevel, level));
	must(zstd_loaded()->ZSTD_CCtx_setParameter(state, ZSTD_c_checksumFlag, 1));
	return state;
}

static void frame_free(void *state)
{
	(void)zstd_loaded()->ZSTD_freeCCtx(state);
}

static FALLIBLE frame_compress(void *state, struct block *block)
{
	size_t result = zstd_loaded()->ZSTD_compress2(
			state, block->out, block->out_capacity, block->in, block->in_n);

	if (zstd_loaded()->ZSTD_isError(result))
		return error_new(ERR_INVALID, "zstd failed: %s",
				zstd_loaded()->ZSTD_getErrorName(result));
	block->out_n = result;
	return NULL;
}

static size_t frame_header(uint8_t out[static BLOCKS_EDGE_BYTES], int level)
{
	return 0;
}

/* No bytes are no block; but no frame would not be zstd. */
static size_t frame_trailer(uint8_t out[static BLOCKS_EDGE_BYTES], const struct blocks_total *total)
{
	if (total->bytes > 0)
		return 0;
	size_t result = zstd_loaded()->ZSTD_compress(out, BLOCKS_EDGE_BYTES, "", 0, LEVEL_DEFAULT);
	must(result);
	return result;
}

static const struct blocks_format frame_format = {
	.block_bytes = BLOCK_BYTES,
	.history_bytes = 0,
	.out_bytes = OUT_BYTES,
	.state_new = frame_new,
	.state_free = frame_free,
	.compress = frame_compress,
	.header = frame_header,
	.trailer = frame_trailer,
};

FALLIBLE codec_zstd_writer(struct writer *below, int level, struct pool *pool, struct writer **ret)
{
	AUTO(writer) struct writer *owned = below;

	if (level == CODEC_LEVEL_DEFAULT)
		level = LEVEL_DEFAULT;
	if (level < 1 || level > LEVEL_MOST)
		return error_new(ERR_INVALID, "zstd has no compression level %d (1 to 22)", level);
	TRY(zstd_load());
	*ret = blocks_writer(TAKE(owned), &frame_format, level, pool);
	return NULL;
}

/* Reading. */

struct zstd_reader {
	struct reader base;
	struct codec_input input;
	ZSTD_DCtx *state;
	bool in_frame;
};

static FALLIBLE expand_failed(size_t result)
{
	if (zstd_loaded()->ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge)
		return error_new(ERR_LIMIT, "zstd data needs a window of more than %d MiB",
				1 << (LIMIT_ZSTD_WINDOW_LOG - 20));
	if (zstd_loaded()->ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation)
		return error_new(ERR_LIMIT, "no memory to decompress zstd data");
	return error_new(ERR_INVALID, "zstd data is damaged: %s",
			zstd_loaded()->ZSTD_getErrorName(result));
}

static FALLIBLE zstd_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct zstd_reader *self = (struct zstd_reader *)reader;
	struct codec_input *input = &self->input;
	ZSTD_outBuffer out = { buf, n, 0 };

	while (out.pos == 0) {
		TRY(codec_input_fill(input));
		if (input->at == input->n && !self->in_frame)
			break;
		ZSTD_inBuffer in = { input->bytes, input->n, input->at };
		size_t result = zstd_loaded()->ZSTD_decompressStream(self->state, &out, &in);
		if (zstd_loaded()->ZSTD_isError(result))
			return expand_failed(result);
		input->at = in.pos;
		self->in_frame = result != 0;
		if (out.pos == 0 && self->in_frame && input->ended)
			return error_new(ERR_INVALID, "zstd data ends too early");
	}
	*ret_n = out.pos;
	return NULL;
}

static void zstd_free(struct reader *reader)
{
	struct zstd_reader *self = (struct zstd_reader *)reader;

	(void)zstd_loaded()->ZSTD_freeDCtx(self->state);
	codec_input_done(&self->input);
	free(self);
}

static const struct reader_ops zstd_ops = { zstd_read, zstd_free };

FALLIBLE codec_zstd_reader(struct codec_input *input, struct reader **ret)
{
	TRY(zstd_load());

	struct zstd_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = &zstd_ops;
	self->input = *input;
	*input = (struct codec_input){ 0 };
	self->state = zstd_loaded()->ZSTD_createDCtx();
	if (!self->state)
		abort();
	must(zstd_loaded()->ZSTD_DCtx_setParameter(
			self->state, ZSTD_d_windowLogMax, LIMIT_ZSTD_WINDOW_LOG));
	*ret = &self->base;
	return NULL;
}
