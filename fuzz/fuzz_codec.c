/*
 * fuzz_codec: decompress arbitrary bytes. The first byte says in what pieces they come and are
 * asked for, and whether they are lent; the rest is the stream. What comes out is bounded as a
 * caller would, and whatever happened, nothing may be read or written out of bounds, and no read
 * may go on for ever. The libraries are not instrumented (and partly assembler), so input and
 * output end at pages that are not there.
 */
#include "base/error.h"
#include "base/xalloc.h"
#include "stream/codec.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { OUTPUT_LIMIT = 1 << 20, EDGE_BYTES = 65536 };

struct pieces {
	struct reader base;
	const uint8_t *at;
	size_t left, step;
};

static struct error *pieces_next(
		struct reader *reader, void *buf, size_t n, const void **ret, size_t *ret_n)
{
	struct pieces *self = (struct pieces *)reader;

	if (n > self->step)
		n = self->step;
	if (n > self->left)
		n = self->left;
	*ret = self->at;
	*ret_n = n;
	self->at += n;
	self->left -= n;
	return NULL;
}

static struct error *pieces_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	const void *bytes = NULL;
	struct error *error = pieces_next(reader, buf, n, &bytes, ret_n);

	if (*ret_n > 0)
		memcpy(buf, bytes, *ret_n);
	return error;
}

static void pieces_free(struct reader *reader)
{
	free(reader);
}

static const struct reader_ops lent_ops = { pieces_read, pieces_free, pieces_next };
static const struct reader_ops pieces_ops = { pieces_read, pieces_free };

static FALLIBLE expand(struct reader *below, uint8_t *buf, size_t piece)
{
	AUTO(reader) struct reader *reader = NULL;
	size_t got = 0;

	TRY(codec_reader(below, &reader, NULL));
	reader = reader_limit(TAKE(reader), OUTPUT_LIMIT, "output");
	do {
		TRY(reader_read(reader, buf, piece, &got));
	} while (got > 0);
	return NULL;
}

/* The end of EDGE_BYTES behind which nothing is mapped. */
static uint8_t *edge_new(void)
{
	uint8_t *memory = mmap(NULL, EDGE_BYTES * 2, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED || mprotect(memory, EDGE_BYTES, PROT_READ | PROT_WRITE) != 0)
		abort();
	return memory + EDGE_BYTES;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const size_t steps[] = { SIZE_MAX, 1, 7, 300 };
	static const size_t piece_sizes[] = { EDGE_BYTES, 1, 13, 512 };

	static uint8_t *input, *output; /* made once, for the whole run */

	if (n == 0 || n > EDGE_BYTES)
		return 0;
	input = input ? input : edge_new();
	output = output ? output : edge_new();
	uint8_t how = bytes[0];
	size_t piece = piece_sizes[how / 4 % 4];
	struct pieces *below = xcalloc(1, sizeof(*below));

	n--;
	memcpy(input - n, bytes + 1, n);
	below->base.ops = how & 16 ? &lent_ops : &pieces_ops;
	below->step = steps[how % 4];
	below->at = input - n;
	below->left = n;
	error_free(expand(&below->base, output - piece, piece));
	return 0;
}
