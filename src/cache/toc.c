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

struct toc_sink {
	struct entry_sink sink;
	struct strbuf text;
	struct hash *hash;
	char *buf;
	uint64_t n;
};

enum { READ_BYTES = 128 * 1024 };

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

static FALLIBLE check_size(const struct toc_sink *self)
{
	if (self->text.n <= LIMIT_TOC_PLAIN_BYTES)
		return NULL;
	return error_new(ERR_LIMIT, "a table of contents of more than %d bytes",
			LIMIT_TOC_PLAIN_BYTES);
}

static FALLIBLE sink_add(struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct toc_sink *self = (struct toc_sink *)sink;
	struct strbuf *out = &self->text;
	bool is_file = S_ISREG(entry->owner.mode) && !entry->is_hardlink;
	static const char nothing[1] = "";
	AUTO(reader) struct reader *empty = reader_from_bytes(nothing, 0);
	struct digest digest = { 0 };

	strbuf_add_char(out, LETTER_ENTRY);
	packed_put_entry(out, entry);
	if (is_file) {
		TRY(hash_content(self, content ? content : empty, &digest));
		strbuf_add_bytes(out, digest.bytes, sizeof(digest.bytes));
	}
	self->n++;
	return check_size(self);
}

static FALLIBLE put_mark(struct entry_sink *sink, char letter, const char *path)
{
	struct toc_sink *self = (struct toc_sink *)sink;

	strbuf_add_char(&self->text, letter);
	packed_put_text(&self->text, path);
	self->n++;
	return check_size(self);
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
	(void)sink;
	return NULL;
}

static void sink_free(struct entry_sink *sink)
{
	(void)sink; /* lives on the stack of toc_make() */
}

static const struct entry_sink_ops sink_ops = { sink_add, sink_whiteout, sink_opaque, sink_close,
	sink_free };

static FALLIBLE fill(struct toc_sink *sink, struct reader *blob, struct cancel *cancel)
{
	AUTO(tar_reader) struct tar_reader *tar = NULL;
	struct reader *plain = NULL;

	TRY(codec_reader(blob, &plain, NULL));
	tar = tar_reader_new(reader_limit(plain, LIMIT_LAYER_BYTES, "a layer"));
	strbuf_add_bytes(&sink->text, magic, sizeof(magic) - 1);
	TRY(layer_replay(tar, &sink->sink, cancel, NULL));
	strbuf_add_char(&sink->text, LETTER_END);
	packed_put_number(&sink->text, sink->n);
	return NULL;
}

FALLIBLE toc_make(struct reader *blob, struct cancel *cancel, char **ret, size_t *ret_n)
{
	struct toc_sink sink = {
		.sink = { .ops = &sink_ops }, .hash = hash_new(), .buf = xmalloc(READ_BYTES)
	};
	struct error *error = fill(&sink, blob, cancel);

	if (!error)
		error = packed_compress(strbuf_str(&sink.text), LIMIT_TOC_BYTES,
				"a table of contents", ret, ret_n);
	strbuf_done(&sink.text);
	hash_free(sink.hash);
	free(sink.buf);
	return error;
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
