/*
 * codec_kinds: what codec.c chooses from. One constructor for each kind and direction.
 *
 * Floor: stream (private).
 */
#pragma once
#include "stream/codec.h"

/* Compressed bytes on their way to a decoder; the first of them were already looked at. */
struct codec_input {
	struct reader *below;
	uint8_t *buf;
	const uint8_t *bytes; /* in buf, or in below's own memory */
	size_t at, n;         /* what is left lies in bytes[at, n) */
	bool ended;           /* nothing comes behind n */
};

enum { CODEC_INPUT_BYTES = 128 * 1024 };

/* Read more when nothing is left and it has not ended. */
FALLIBLE codec_input_fill(struct codec_input *input);
void codec_input_done(struct codec_input *input);

/* Each takes below. */
FALLIBLE codec_gzip_writer(struct writer *below, int level, struct pool *pool, struct writer **ret);
FALLIBLE codec_zstd_writer(struct writer *below, int level, struct pool *pool, struct writer **ret);

/* Each takes what input holds and empties it. */
FALLIBLE codec_gzip_reader(struct codec_input *input, struct reader **ret);
FALLIBLE codec_zstd_reader(struct codec_input *input, struct reader **ret);
FALLIBLE codec_xz_reader(struct codec_input *input, struct reader **ret);
FALLIBLE codec_bzip2_reader(struct codec_input *input, struct reader **ret);

/* What the last two need, if it is installed, stays loaded from now on. */
void codec_foreign_load(void);

DEFINE_AUTO_VALUE(codec_input)
