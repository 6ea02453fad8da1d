#include "stream/codec.h"
#include "base/xalloc.h"
#include "stream/codec_kinds.h"
#include "stream/codec_libraries.h"

#include <string.h>

FALLIBLE codec_load(void)
{
	TRY(isal_load());
	TRY(zlib_load());
	TRY(zstd_load());
	codec_foreign_load();
	return NULL;
}

FALLIBLE codec_writer(struct writer *below, enum compression compression, int level,
		struct pool *pool, struct writer **ret)
{
	AUTO(writer) struct writer *owned = below;

	switch (compression) {
	case COMPRESSION_NONE:
		*ret = TAKE(owned);
		return NULL;
	case COMPRESSION_GZIP:
		return codec_gzip_writer(TAKE(owned), level, pool, ret);
	case COMPRESSION_ZSTD:
		return codec_zstd_writer(TAKE(owned), level, pool, ret);
	}
	return error_new(ERR_UNSUPPORTED, "compression %d is not known", (int)compression);
}

FALLIBLE codec_input_fill(struct codec_input *input)
{
	if (input->at < input->n || input->ended)
		return NULL;
	input->at = input->n = 0;
	const void *bytes = NULL;
	TRY(reader_next(input->below, input->buf, CODEC_INPUT_BYTES, &bytes, &input->n));
	input->bytes = bytes;
	input->ended = input->n == 0;
	return NULL;
}

void codec_input_done(struct codec_input *input)
{
	reader_free(TAKE(input->below));
	free(TAKE(input->buf));
}

/* No compression: what was looked at, then the rest. */

struct plain_reader {
	struct reader base;
	struct codec_input input;
};

static FALLIBLE plain_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct plain_reader *self = (struct plain_reader *)reader;
	struct codec_input *input = &self->input;

	if (input->at == input->n && !input->ended)
		return reader_read(input->below, buf, n, ret_n);
	if (n > input->n - input->at)
		n = input->n - input->at;
	memcpy(buf, input->bytes + input->at, n);
	input->at += n;
	*ret_n = n;
	return NULL;
}

static FALLIBLE plain_next(
		struct reader *reader, void *buf, size_t n, const void **ret, size_t *ret_n)
{
	const struct plain_reader *self = (struct plain_reader *)reader;

	if (self->input.at == self->input.n && !self->input.ended)
		return reader_next(self->input.below, buf, n, ret, ret_n);
	return plain_read(reader, buf, n, ret_n);
}

static void plain_free(struct reader *reader)
{
	struct plain_reader *self = (struct plain_reader *)reader;

	codec_input_done(&self->input);
	free(self);
}

static const struct reader_ops plain_ops = { plain_read, plain_free, plain_next };

static FALLIBLE plain_reader(struct codec_input *input, struct reader **ret)
{
	struct plain_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = &plain_ops;
	self->input = *input;
	*input = (struct codec_input){ 0 };
	*ret = &self->base;
	return NULL;
}

/* Telling kinds apart. */

static const struct kind {
	enum codec_kind kind;
	size_t n;
	const char *magic, *mask;
	struct error *(*open)(struct codec_input *input, struct reader **ret);
} kinds[] = {
	/* gzip with method 8, the only one; RFC 1952 */
	{ CODEC_GZIP, 3, "\x1f\x8b\x08", "\xff\xff\xff", codec_gzip_reader },
	/* a zstd frame, and a skippable one; RFC 8878 */
	{ CODEC_ZSTD, 4, "\x28\xb5\x2f\xfd", "\xff\xff\xff\xff", codec_zstd_reader },
	{ CODEC_ZSTD, 4, "\x50\x2a\x4d\x18", "\xf0\xff\xff\xff", codec_zstd_reader },
	/* "BZh" and the block size, then the magic of a block or of the empty stream's end */
	{ CODEC_BZIP2, 10, "BZh0\x31\x41\x59\x26\x53\x59",
			"\xff\xff\xff\xf0\xff\xff\xff\xff\xff\xff", codec_bzip2_reader },
	{ CODEC_BZIP2, 10, "BZh0\x17\x72\x45\x38\x50\x90",
			"\xff\xff\xff\xf0\xff\xff\xff\xff\xff\xff", codec_bzip2_reader },
	{ CODEC_XZ, 6, "\xfd\x37zXZ\x00", "\xff\xff\xff\xff\xff\xff", codec_xz_reader },
};

enum { LONGEST_MAGIC = 10 };

static bool has_magic(const struct kind *kind, const uint8_t *bytes, size_t n)
{
	if (n < kind->n)
		return false;
	for (size_t i = 0; i < kind->n; i++)
		if ((bytes[i] & (uint8_t)kind->mask[i]) != (uint8_t)kind->magic[i])
			return false;
	return true;
}

FALLIBLE codec_reader(struct reader *below, struct reader **ret, enum codec_kind *ret_kind)
{
	AUTO(codec_input) struct codec_input input = { .below = below };
	enum codec_kind found = CODEC_PLAIN;
	struct error *(*open)(struct codec_input *, struct reader **) = plain_reader;

	input.buf = xmalloc(CODEC_INPUT_BYTES);
	input.bytes = input.buf;
	while (input.n < LONGEST_MAGIC && !input.ended) {
		size_t got = 0;

		TRY(reader_read(input.below, input.buf + input.n, CODEC_INPUT_BYTES - input.n,
				&got));
		input.n += got;
		input.ended = got == 0;
	}
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (has_magic(&kinds[i], input.buf, input.n)) {
			found = kinds[i].kind;
			open = kinds[i].open;
			break;
		}
	}
	TRY(open(&input, ret));
	if (ret_kind)
		*ret_kind = found;
	return NULL;
}
