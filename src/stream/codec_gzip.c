/*
 * gzip. Writing: one member; each block is deflated on its own with the 32 KiB before it as its
 * dictionary and ends with a sync flush, that is, on a byte boundary; the last is followed by an
 * empty final block. Reading: ISA-L, which inflates twice as fast as zlib.
 *
 * Level 1 and the default are ISA-L's levels 1 and 2, the others zlib's. ISA-L's give the same
 * bytes on every CPU (its level 3 does not); tests/unit/stream/test_codec_cpu.c holds that.
 * Measured on a source tree's tar and on a mixed file, 256 KiB blocks: ISA-L 2 0.250 and 0.600 at
 * 470 MB/s, zlib 1 0.255 and 0.598 at 80, zlib 6 0.212 and 0.573 at 30. Larger blocks win nothing,
 * the dictionary 1 %, token buffers larger than "medium" lose ratio. What is noise (noise.h) is
 * stored without trying, at four times the speed.
 */
#include "base/xalloc.h"
#include "stream/blocks.h"
#include "stream/codec_kinds.h"
#include "stream/codec_libraries.h"
#include "stream/noise.h"

#include <limits.h>
#include <string.h>

enum {
	BLOCK_BYTES = 256 * 1024,
	WINDOW_BYTES = 32 * 1024,
	/* Incompressible input grows by a stored block's header for each 64 KiB at most. */
	OUT_BYTES = BLOCK_BYTES + BLOCK_BYTES / 8 + 4096,
	LEVEL_FAST = 1,
	LEVEL_MOST = 9,
	ISAL_LEVEL_FAST = 1,
	ISAL_LEVEL_DEFAULT = 2,
	STORED_HEADER_BYTES = 5,
	STORED_BYTES = 65535,
};

static size_t gzip_header(uint8_t out[static BLOCKS_EDGE_BYTES], int level)
{
	/* Method 8, no flags, no time, unknown system: nothing that tells when or where. */
	static const uint8_t header[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };

	memcpy(out, header, sizeof(header));
	if (level == LEVEL_MOST)
		out[8] = 2; /* XFL: slowest */
	else if (level == LEVEL_FAST)
		out[8] = 4; /* fastest */
	return sizeof(header);
}

static void put_u16(uint8_t *out, uint16_t value)
{
	out[0] = (uint8_t)value;
	out[1] = (uint8_t)(value >> 8);
}

static void put_u32(uint8_t *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t gzip_join(uint32_t crc, uint32_t behind, size_t n)
{
	return (uint32_t)zlib_loaded()->crc32_combine(crc, behind, (z_off_t)n);
}

static size_t gzip_trailer(uint8_t out[static BLOCKS_EDGE_BYTES], const struct blocks_total *total)
{
	/* An empty final block with fixed codes: bits 1, 01, 0000000. */
	out[0] = 0x03;
	out[1] = 0x00;
	put_u32(out + 2, total->crc);
	put_u32(out + 6, (uint32_t)total->bytes);
	return 10;
}

/* The default and level 1: ISA-L. */

struct fast_state {
	struct isal_zstream stream;
	uint32_t level, level_buf_size;
	uint8_t level_buf[];
};

static void *fast_new(int level)
{
	uint32_t size = level == LEVEL_FAST ? ISAL_DEF_LVL1_MEDIUM : ISAL_DEF_LVL2_MEDIUM;
	struct fast_state *self = xmalloc(sizeof(*self) + size);

	self->level = level == LEVEL_FAST ? ISAL_LEVEL_FAST : ISAL_LEVEL_DEFAULT;
	self->level_buf_size = size;
	return self;
}

/* Deflate bytes [from, to) of the block, up to a byte boundary, with what is before them at hand.
 */
static FALLIBLE deflate_run(struct fast_state *self, struct block *block, size_t from, size_t to)
{
	struct isal_zstream *stream = &self->stream;
	uint8_t *in = (uint8_t *)(uintptr_t)block->in + from;
	size_t before = block->history_n + from;
	size_t dictionary = before < WINDOW_BYTES ? before : WINDOW_BYTES;

	isal_loaded()->isal_deflate_init(stream);
	stream->level = self->level;
	stream->level_buf = self->level_buf;
	stream->level_buf_size = self->level_buf_size;
	stream->flush = SYNC_FLUSH;
	if (dictionary > 0 && isal_loaded()->isal_deflate_set_dict(stream, in - dictionary,
					      (uint32_t)dictionary) != COMP_OK)
		return error_new(ERR_INVALID, "the deflate dictionary was refused");
	stream->next_in = in;
	stream->avail_in = (uint32_t)(to - from);
	stream->next_out = block->out + block->out_n;
	stream->avail_out = (uint32_t)(block->out_capacity - block->out_n);
	int result = isal_loaded()->isal_deflate(stream);
	if (result != COMP_OK || stream->avail_in > 0 || stream->avail_out == 0)
		return error_new(ERR_INVALID, "deflate failed (isa-l %d)", result);
	block->out_n += stream->total_out;
	return NULL;
}

/* As stored blocks, which begin and end on a byte boundary here: a zero, the size, its inverse. */
static void store_run(struct block *block, size_t from, size_t to)
{
	while (from < to) {
		size_t n = to - from < STORED_BYTES ? to - from : STORED_BYTES;
		uint8_t *out = block->out + block->out_n;

		out[0] = 0;
		put_u16(out + 1, (uint16_t)n);
		put_u16(out + 3, (uint16_t)~n);
		memcpy(out + STORED_HEADER_BYTES, block->in + from, n);
		block->out_n += STORED_HEADER_BYTES + n;
		from += n;
	}
}

/* Is there noise at that place of the block? What is shorter than a piece at its end never is. */
static bool noise_at(const struct block *block, size_t at)
{
	return block->in_n - at >= NOISE_BYTES && noise_is(block->in + at, block->history_n + at);
}

static FALLIBLE fast_compress(void *state, struct block *block)
{
	size_t from = 0, at = 0;

	block->out_n = 0;
	while (at < block->in_n) {
		size_t end = at;
		while (end < block->in_n && noise_at(block, end))
			end += NOISE_BYTES;
		if (end == at) {
			at += block->in_n - at < NOISE_BYTES ? block->in_n - at : NOISE_BYTES;
			continue;
		}
		if (from < at)
			TRY(deflate_run(state, block, from, at));
		store_run(block, at, end);
		from = at = end;
	}
	if (from < at)
		TRY(deflate_run(state, block, from, at));
	block->crc = isal_loaded()->crc32_gzip_refl(0, block->in, block->in_n);
	return NULL;
}

static const struct blocks_format fast_format = {
	.block_bytes = BLOCK_BYTES,
	.history_bytes = WINDOW_BYTES,
	.out_bytes = OUT_BYTES,
	.state_new = fast_new,
	.state_free = free,
	.compress = fast_compress,
	.header = gzip_header,
	.trailer = gzip_trailer,
	.join = gzip_join,
};

/* The other levels: zlib's. */

static void *zlib_new(int level)
{
	z_stream *stream = xcalloc(1, sizeof(*stream));

	/* Negative window bits: raw deflate. Fails for want of memory alone. */
	if (zlib_loaded()->deflateInit2_(stream, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY,
			    ZLIB_VERSION, (int)sizeof(*stream)) != Z_OK)
		abort();
	return stream;
}

static void zlib_free(void *state)
{
	(void)zlib_loaded()->deflateEnd(state);
	free(state);
}

static FALLIBLE zlib_compress(void *state, struct block *block)
{
	z_stream *stream = state;

	(void)zlib_loaded()->deflateReset(stream);
	if (block->history_n > 0)
		(void)zlib_loaded()->deflateSetDictionary(
				stream, block->in - block->history_n, (uInt)block->history_n);
	stream->next_in = (Bytef *)(uintptr_t)block->in;
	stream->avail_in = (uInt)block->in_n;
	stream->next_out = block->out;
	stream->avail_out = (uInt)block->out_capacity;
	int result = zlib_loaded()->deflate(stream, Z_SYNC_FLUSH);
	if (result != Z_OK || stream->avail_in > 0 || stream->avail_out == 0)
		return error_new(ERR_INVALID, "deflate failed (zlib %d)", result);
	block->out_n = stream->total_out;
	block->crc = isal_loaded()->crc32_gzip_refl(0, block->in, block->in_n);
	return NULL;
}

static const struct blocks_format zlib_format = {
	.block_bytes = BLOCK_BYTES,
	.history_bytes = WINDOW_BYTES,
	.out_bytes = OUT_BYTES,
	.state_new = zlib_new,
	.state_free = zlib_free,
	.compress = zlib_compress,
	.header = gzip_header,
	.trailer = gzip_trailer,
	.join = gzip_join,
};

FALLIBLE codec_gzip_writer(struct writer *below, int level, struct pool *pool, struct writer **ret)
{
	AUTO(writer) struct writer *owned = below;
	bool is_fast = level == CODEC_LEVEL_DEFAULT || level == LEVEL_FAST;

	if (level != CODEC_LEVEL_DEFAULT && (level < 0 || level > LEVEL_MOST))
		return error_new(ERR_INVALID, "gzip has no compression level %d (0 to 9)", level);
	TRY(isal_load());
	TRY(zlib_load());
	*ret = blocks_writer(TAKE(owned), is_fast ? &fast_format : &zlib_format, level, pool);
	return NULL;
}

/* Reading. */

struct gzip_reader {
	struct reader base;
	struct codec_input input;
	struct inflate_state state;
	uint32_t header_crc;
	bool in_member;
};

static FALLIBLE inflate_failed(int result)
{
	if (result == ISAL_INCORRECT_CHECKSUM)
		return error_new(ERR_INVALID, "gzip data does not match its checksum");
	return error_new(ERR_INVALID, "gzip data is damaged (isa-l %d)", result);
}

/* Behind a member: only zeros up to the end, as tape blocks are padded. */
static FALLIBLE expect_padding(struct codec_input *input)
{
	for (;;) {
		TRY(codec_input_fill(input));
		if (input->at == input->n)
			return NULL;
		for (; input->at < input->n; input->at++)
			if (input->bytes[input->at] != 0)
				return error_new(ERR_INVALID, "garbage behind the gzip data");
	}
}

/*
 * The header is read here: ISA-L 2.30 takes header checksums for wrong when the header does not
 * arrive in one piece.
 */
enum { FLAG_HCRC = 2, FLAG_EXTRA = 4, FLAG_NAME = 8, FLAG_COMMENT = 16, FLAGS_RESERVED = 0xe0 };

static FALLIBLE next_byte(struct gzip_reader *self, uint8_t *ret)
{
	struct codec_input *input = &self->input;

	TRY(codec_input_fill(input));
	if (input->at == input->n)
		return error_new(ERR_INVALID, "gzip data ends too early");
	*ret = input->bytes[input->at++];
	self->header_crc = isal_loaded()->crc32_gzip_refl(self->header_crc, ret, 1);
	return NULL;
}

static FALLIBLE next_u16(struct gzip_reader *self, uint16_t *ret)
{
	uint8_t low = 0, high = 0;

	TRY(next_byte(self, &low));
	TRY(next_byte(self, &high));
	*ret = (uint16_t)(low | high << 8);
	return NULL;
}

static FALLIBLE skip_text(struct gzip_reader *self)
{
	uint8_t byte = 0;

	do {
		TRY(next_byte(self, &byte));
	} while (byte != 0);
	return NULL;
}

static FALLIBLE skip_bytes(struct gzip_reader *self, size_t n)
{
	uint8_t byte = 0;

	for (size_t i = 0; i < n; i++)
		TRY(next_byte(self, &byte));
	return NULL;
}

static FALLIBLE read_header(struct gzip_reader *self)
{
	static const uint8_t magic[2] = { 0x1f, 0x8b };
	uint8_t byte = 0, method = 0, flags = 0;
	uint16_t n = 0, crc = 0;

	self->header_crc = 0;
	for (size_t i = 0; i < sizeof(magic); i++) {
		TRY(next_byte(self, &byte));
		if (byte != magic[i])
			return error_new(ERR_INVALID, "garbage behind the gzip data");
	}
	TRY(next_byte(self, &method));
	TRY(next_byte(self, &flags));
	if (method != 8 || (flags & FLAGS_RESERVED))
		return error_new(ERR_INVALID, "gzip data of an unknown form");
	TRY(skip_bytes(self, 6)); /* time, extra flags, system */
	if (flags & FLAG_EXTRA) {
		TRY(next_u16(self, &n));
		TRY(skip_bytes(self, n));
	}
	if (flags & FLAG_NAME)
		TRY(skip_text(self));
	if (flags & FLAG_COMMENT)
		TRY(skip_text(self));
	uint16_t wanted = (uint16_t)self->header_crc;
	if (flags & FLAG_HCRC) {
		TRY(next_u16(self, &crc));
		if (crc != wanted)
			return inflate_failed(ISAL_INCORRECT_CHECKSUM);
	}
	return NULL;
}

/* Between members: start the next one, or see the end. */
static FALLIBLE next_member(struct gzip_reader *self, bool *ret_ended)
{
	struct codec_input *input = &self->input;

	TRY(codec_input_fill(input));
	*ret_ended = true;
	if (input->at == input->n)
		return NULL;
	if (input->bytes[input->at] == 0)
		return expect_padding(input);
	TRY(read_header(self));
	isal_loaded()->isal_inflate_reset(&self->state);
	self->state.crc_flag = ISAL_GZIP_NO_HDR_VER;
	self->in_member = true;
	*ret_ended = false;
	return NULL;
}

/* Inflate into buf what can be without reading more than once. */
static FALLIBLE inflate_some(struct gzip_reader *self, void *buf, size_t n, size_t *ret_n)
{
	struct codec_input *input = &self->input;
	struct inflate_state *state = &self->state;

	TRY(codec_input_fill(input));
	state->next_in = (uint8_t *)(uintptr_t)input->bytes + input->at;
	state->avail_in = (uint32_t)(input->n - input->at);
	state->next_out = buf;
	state->avail_out = n < INT_MAX ? (uint32_t)n : INT_MAX;
	uint32_t room = state->avail_out;
	int result = isal_loaded()->isal_inflate(state);
	if (result < 0 || result > ISAL_OUT_OVERFLOW)
		return inflate_failed(result);
	input->at = input->n - state->avail_in;
	*ret_n = room - state->avail_out;
	if (state->block_state == ISAL_BLOCK_FINISH)
		self->in_member = false;
	else if (*ret_n == 0 && input->ended)
		return error_new(ERR_INVALID, "gzip data ends too early");
	return NULL;
}

static FALLIBLE gzip_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct gzip_reader *self = (struct gzip_reader *)reader;
	bool is_ended = false;

	*ret_n = 0;
	while (*ret_n == 0) {
		if (!self->in_member)
			TRY(next_member(self, &is_ended));
		if (is_ended)
			return NULL;
		TRY(inflate_some(self, buf, n, ret_n));
	}
	return NULL;
}

static void gzip_free(struct reader *reader)
{
	struct gzip_reader *self = (struct gzip_reader *)reader;

	codec_input_done(&self->input);
	free(self);
}

static const struct reader_ops gzip_ops = { gzip_read, gzip_free };

FALLIBLE codec_gzip_reader(struct codec_input *input, struct reader **ret)
{
	TRY(isal_load());

	struct gzip_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = &gzip_ops;
	self->input = *input;
	*input = (struct codec_input){ 0 };
	isal_loaded()->isal_inflate_init(&self->state);
	*ret = &self->base;
	return NULL;
}
