/*
 * A magic line, then entries, then an end with their number. An entry is a letter for its kind,
 * then numbers (LEB128) and texts (length and bytes) in a fixed order.
 */
#include "cache/toc.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "cache/packed.h"
#include "layer/layer.h"
#include "layer/tar_read.h"
#include "stream/codec.h"
#include "stream/hash.h"
#include "sys/path.h"

#include <string.h>
#include <sys/stat.h>

static const char magic[] = "kiln toc 1\n";

enum { LETTER_ENTRY = 'f', LETTER_WHITEOUT = 'w', LETTER_OPAQUE = 'o', LETTER_END = '.' };

/* --- out --- */

enum { READ_BYTES = 128 * 1024 };

struct toc_sink {
	struct entry_sink sink;
	struct strbuf text;
	struct hash *hash;
	char *buf;
	uint64_t n;
	bool is_too_large;
	char **ret;
	size_t *ret_n;
};

static FALLIBLE hash_content(struct toc_sink *self, struct reader *content, struct digest *ret)
{
	size_t n = 0;

	do {
		const void *bytes = NULL;

		TRY(reader_next(content, self->buf, READ_BYTES, &bytes, &n));
		hash_update(self->hash, bytes, n);
	} while (n);
	*ret = hash_finish(self->hash);
	return NULL;
}

/* One more is in the text. */
static void count(struct toc_sink *self)
{
	self->n++;
	self->is_too_large = self->text.n > LIMIT_TOC_PLAIN_BYTES;
	if (self->is_too_large)
		strbuf_done(&self->text);
}

static FALLIBLE sink_add(struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct toc_sink *self = (struct toc_sink *)sink;
	struct strbuf *out = &self->text;
	bool is_file = S_ISREG(entry->owner.mode) && !entry->is_hardlink;
	static const char nothing[1] = "";
	AUTO(reader) struct reader *empty = reader_from_bytes(nothing, 0);
	struct digest digest = { 0 };

	if (self->is_too_large)
		return NULL;
	strbuf_add_char(out, LETTER_ENTRY);
	packed_put_entry(out, entry);
	if (is_file) {
		TRY(hash_content(self, content ? content : empty, &digest));
		strbuf_add_bytes(out, digest.bytes, sizeof(digest.bytes));
	}
	count(self);
	return NULL;
}

static FALLIBLE put_mark(struct entry_sink *sink, char letter, const char *path)
{
	struct toc_sink *self = (struct toc_sink *)sink;

	if (self->is_too_large)
		return NULL;
	strbuf_add_char(&self->text, letter);
	packed_put_text(&self->text, path);
	count(self);
	return NULL;
}

static FALLIBLE sink_whiteout(struct entry_sink *sink, const char *path)
{
	return put_mark(sink, LETTER_WHITEOUT, path);
}

static FALLIBLE sink_opaque(struct entry_sink *sink, const char *path)
{
	return put_mark(sink, LETTER_OPAQUE, path);
}

static FALLIBLE sink_close(struct entry_sink *sink)
{
	struct toc_sink *self = (struct toc_sink *)sink;

	if (self->is_too_large)
		return NULL;
	strbuf_add_char(&self->text, LETTER_END);
	packed_put_number(&self->text, self->n);
	struct error *error = packed_compress(strbuf_str(&self->text), LIMIT_TOC_BYTES,
			"a table of contents", self->ret, self->ret_n);
	if (error_is(error, ERR_LIMIT))
		error_free(TAKE(error));
	return error;
}

static void sink_free(struct entry_sink *sink)
{
	struct toc_sink *self = (struct toc_sink *)sink;

	strbuf_done(&self->text);
	hash_free(self->hash);
	free(self->buf);
	free(self);
}

struct entry_sink *toc_sink(char **ret, size_t *ret_n)
{
	static const struct entry_sink_ops ops = { sink_add, sink_whiteout, sink_opaque, sink_close,
		sink_free };
	struct toc_sink *self = xcalloc(1, sizeof(*self));

	*self = (struct toc_sink){ .sink = { .ops = &ops },
		.hash = hash_new(),
		.buf = xmalloc(READ_BYTES),
		.ret = ret,
		.ret_n = ret_n };
	*ret = NULL;
	strbuf_add_bytes(&self->text, magic, sizeof(magic) - 1);
	return &self->sink;
}

FALLIBLE toc_make(struct reader *blob, struct cancel *cancel, char **ret, size_t *ret_n)
{
	AUTO(entry_sink) struct entry_sink *sink = toc_sink(ret, ret_n);
	AUTO(tar_reader) struct tar_reader *tar = NULL;
	struct reader *plain = NULL;

	TRY(codec_reader(blob, &plain, NULL));
	tar = tar_reader_new(reader_limit(plain, LIMIT_LAYER_BYTES, "a layer"));
	TRY(layer_replay(tar, sink, cancel, NULL));
	TRY(entry_sink_close(TAKE(sink)));
	return *ret ? NULL
		    : error_new(ERR_LIMIT, "a table of contents of more than %d bytes",
				      LIMIT_TOC_PLAIN_BYTES);
}

/* --- in --- */

/* What stands behind the entry of a regular file. */
static void take_digest(struct packed_cursor *at, struct digest *ret)
{
	struct str bytes = packed_take_bytes(at, DIGEST_BYTES);

	ret->algo = DIGEST_SHA256;
	if (!at->is_bad)
		memcpy(ret->bytes, bytes.p, DIGEST_BYTES);
}

static void take_entry(struct packed_cursor *at, struct arena *arena, struct toc_entry *ret)
{
	ret->kind = TOC_ENTRY;
	packed_take_entry(at, arena, &ret->entry);
	if (S_ISREG(ret->entry.owner.mode) && !ret->entry.is_hardlink)
		take_digest(at, &ret->digest);
}

static FALLIBLE parse(struct str text, struct toc *toc)
{
	struct packed_cursor at = { text, false };

	if (!str_starts(text, magic))
		return error_new(ERR_INVALID, "not a table of contents");
	(void)packed_take_bytes(&at, sizeof(magic) - 1);
	while (!at.is_bad) {
		struct str letter = packed_take_bytes(&at, 1);

		if (at.is_bad)
			break;
		if (*letter.p == LETTER_END) {
			if (packed_take_number(&at) == toc->n && !at.is_bad && !at.rest.n)
				return NULL;
			break;
		}
		struct toc_entry *entry = vec_add(toc);
		if (*letter.p == LETTER_ENTRY) {
			take_entry(&at, toc->arena, entry);
		} else if (*letter.p == LETTER_WHITEOUT || *letter.p == LETTER_OPAQUE) {
			entry->kind = *letter.p == LETTER_WHITEOUT ? TOC_WHITEOUT : TOC_OPAQUE;
			entry->entry.path = packed_take_path(&at, toc->arena);
		} else {
			at.is_bad = true;
		}
	}
	return error_new(ERR_INVALID, "a table of contents that is damaged at entry %zu", toc->n);
}

FALLIBLE toc_read(struct reader *packed, struct toc **ret)
{
	AUTO(reader) struct reader *plain = NULL;
	AUTO(toc) struct toc *toc = xcalloc(1, sizeof(*toc));
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	toc->arena = arena_new();
	TRY(codec_reader(packed, &plain, NULL));
	TRY(reader_read_all(plain, LIMIT_TOC_PLAIN_BYTES, &text, &n));
	TRY(parse((struct str){ text, n }, toc));
	*ret = TAKE(toc);
	return NULL;
}

void toc_free(struct toc *toc)
{
	if (!toc)
		return;
	arena_free(toc->arena);
	vec_done(toc);
	free(toc);
}
