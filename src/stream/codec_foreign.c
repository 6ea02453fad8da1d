/*
 * xz and bzip2, for reading alone: ADD unpacks such archives. Few builds need them, so their
 * libraries are loaded when the first such stream is opened.
 */
#include "base/limits.h"
#include "base/xalloc.h"
#include "stream/codec_kinds.h"

#include <bzlib.h>
#include <dlfcn.h>
#include <limits.h>
#include <lzma.h>
#include <string.h>

#define XZ_LIBRARY    "liblzma.so.5"
#define BZIP2_LIBRARY "libbz2.so.1.0"

static FALLIBLE load(const char *library, void **ret)
{
	*ret = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (*ret)
		return NULL;
	return error_hint(error_new(ERR_UNSUPPORTED, "library '%s' is not installed", library),
			"install it, or compress the archive with gzip or zstd");
}

/* A function pointer cannot be assigned from dlsym's void pointer in ISO C. */
static FALLIBLE find(void *library, const char *name, void *ret_function)
{
	void *found = dlsym(library, name);

	if (!found)
		return error_new(ERR_UNSUPPORTED, "a library lacks the function '%s'", name);
	memcpy(ret_function, &found, sizeof(found));
	return NULL;
}

static void unload(void *library)
{
	if (library)
		(void)dlclose(library);
}

/* xz */

struct xz_reader {
	struct reader base;
	struct codec_input input;
	void *library;
	lzma_ret (*decoder)(lzma_stream *stream, uint64_t memory, uint32_t flags);
	lzma_ret (*code)(lzma_stream *stream, lzma_action action);
	void (*end)(lzma_stream *stream);
	lzma_stream stream;
	bool ended;
};

static FALLIBLE xz_failed(lzma_ret result)
{
	if (result == LZMA_MEMLIMIT_ERROR)
		return error_new(ERR_LIMIT, "xz data needs more than %d MiB of memory",
				LIMIT_XZ_MEMORY_BYTES >> 20);
	if (result == LZMA_BUF_ERROR)
		return error_new(ERR_INVALID, "xz data ends too early");
	return error_new(ERR_INVALID, "xz data is damaged (liblzma %d)", (int)result);
}

static FALLIBLE xz_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct xz_reader *self = (struct xz_reader *)reader;
	struct codec_input *input = &self->input;
	lzma_stream *stream = &self->stream;

	stream->next_out = buf;
	stream->avail_out = n;
	while (stream->avail_out == n && !self->ended) {
		TRY(codec_input_fill(input));
		stream->next_in = input->bytes + input->at;
		stream->avail_in = input->n - input->at;
		lzma_ret result = self->code(stream, input->ended ? LZMA_FINISH : LZMA_RUN);
		if (result != LZMA_OK && result != LZMA_STREAM_END)
			return xz_failed(result);
		input->at = input->n - stream->avail_in;
		self->ended = result == LZMA_STREAM_END;
	}
	*ret_n = n - stream->avail_out;
	return NULL;
}

static void xz_free(struct reader *reader)
{
	struct xz_reader *self = (struct xz_reader *)reader;

	if (self->end)
		self->end(&self->stream);
	unload(self->library);
	codec_input_done(&self->input);
	free(self);
}

static const struct reader_ops xz_ops = { xz_read, xz_free };

static FALLIBLE xz_load(struct xz_reader *self)
{
	static const lzma_stream empty = LZMA_STREAM_INIT;

	TRY(load(XZ_LIBRARY, &self->library));
	TRY(find(self->library, "lzma_stream_decoder", &self->decoder));
	TRY(find(self->library, "lzma_code", &self->code));
	TRY(find(self->library, "lzma_end", &self->end));
	self->stream = empty;
	lzma_ret result = self->decoder(&self->stream, LIMIT_XZ_MEMORY_BYTES, LZMA_CONCATENATED);
	return result == LZMA_OK ? NULL : xz_failed(result);
}

FALLIBLE codec_xz_reader(struct codec_input *input, struct reader **ret)
{
	AUTO(reader) struct reader *owned = NULL;
	struct xz_reader *self = xcalloc(1, sizeof(*self));

	owned = &self->base;
	self->base.ops = &xz_ops;
	self->input = *input;
	*input = (struct codec_input){ 0 };
	TRY_WRAP(xz_load(self), "read xz");
	*ret = TAKE(owned);
	return NULL;
}

/* bzip2 */

struct bzip2_reader {
	struct reader base;
	struct codec_input input;
	void *library;
	int (*init)(bz_stream *stream, int verbosity, int small);
	int (*decompress)(bz_stream *stream);
	int (*end)(bz_stream *stream);
	bz_stream stream;
	bool in_stream;
};

static FALLIBLE bzip2_failed(int result)
{
	if (result == BZ_MEM_ERROR)
		return error_new(ERR_LIMIT, "no memory to decompress bzip2 data");
	return error_new(ERR_INVALID, "bzip2 data is damaged (libbz2 %d)", result);
}

/* The next stream, or false at the end. */
static FALLIBLE bzip2_next(struct bzip2_reader *self, bool *ret_more)
{
	struct codec_input *input = &self->input;

	TRY(codec_input_fill(input));
	*ret_more = input->at < input->n;
	if (!*ret_more)
		return NULL;
	self->stream = (bz_stream){ 0 };
	int result = self->init(&self->stream, 0, 0);
	if (result != BZ_OK)
		return bzip2_failed(result);
	self->in_stream = true;
	return NULL;
}

static FALLIBLE bzip2_some(struct bzip2_reader *self)
{
	struct codec_input *input = &self->input;
	bz_stream *stream = &self->stream;

	TRY(codec_input_fill(input));
	stream->next_in = (char *)(uintptr_t)input->bytes + input->at;
	stream->avail_in = (unsigned)(input->n - input->at);
	unsigned room = stream->avail_out;
	int result = self->decompress(stream);
	if (result != BZ_OK && result != BZ_STREAM_END)
		return bzip2_failed(result);
	input->at = input->n - stream->avail_in;
	if (result == BZ_STREAM_END) {
		(void)self->end(stream);
		self->in_stream = false;
	} else if (input->ended && stream->avail_out == room) {
		return error_new(ERR_INVALID, "bzip2 data ends too early");
	}
	return NULL;
}

static FALLIBLE bzip2_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct bzip2_reader *self = (struct bzip2_reader *)reader;
	unsigned room = n < INT_MAX ? (unsigned)n : INT_MAX, left = room;
	bool has_more = true;

	while (left == room) {
		if (!self->in_stream)
			TRY(bzip2_next(self, &has_more));
		if (!has_more)
			break;
		self->stream.next_out = buf;
		self->stream.avail_out = room;
		TRY(bzip2_some(self));
		left = self->stream.avail_out;
	}
	*ret_n = room - left;
	return NULL;
}

static void bzip2_free(struct reader *reader)
{
	struct bzip2_reader *self = (struct bzip2_reader *)reader;

	if (self->in_stream)
		(void)self->end(&self->stream);
	unload(self->library);
	codec_input_done(&self->input);
	free(self);
}

static const struct reader_ops bzip2_ops = { bzip2_read, bzip2_free };

static FALLIBLE bzip2_load(struct bzip2_reader *self)
{
	TRY(load(BZIP2_LIBRARY, &self->library));
	TRY(find(self->library, "BZ2_bzDecompressInit", &self->init));
	TRY(find(self->library, "BZ2_bzDecompress", &self->decompress));
	return find(self->library, "BZ2_bzDecompressEnd", &self->end);
}

FALLIBLE codec_bzip2_reader(struct codec_input *input, struct reader **ret)
{
	AUTO(reader) struct reader *owned = NULL;
	struct bzip2_reader *self = xcalloc(1, sizeof(*self));

	owned = &self->base;
	self->base.ops = &bzip2_ops;
	self->input = *input;
	*input = (struct codec_input){ 0 };
	TRY_WRAP(bzip2_load(self), "read bzip2");
	*ret = TAKE(owned);
	return NULL;
}

void codec_foreign_load(void)
{
	void *library = NULL;

	error_ignore(load(XZ_LIBRARY, &library), "told by the first archive");
	error_ignore(load(BZIP2_LIBRARY, &library), "told by the first archive");
}
