/*
 * A magic line, then entries, then an end with their number. An entry is a letter for its kind,
 * then numbers (LEB128) and texts (length and bytes) in a fixed order.
 */
#include "cache/toc.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "base/vec.h"
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

static void put_number(struct strbuf *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		strbuf_add_char(out, (char)(value | 0x80));
	strbuf_add_char(out, (char)value);
}

static void put_bytes(struct strbuf *out, const void *bytes, size_t n)
{
	put_number(out, n);
	strbuf_add_bytes(out, bytes, n);
}

static void put_text(struct strbuf *out, const char *text)
{
	put_bytes(out, text ? text : "", text ? strlen(text) : 0);
}

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
	put_text(out, entry->path);
	put_number(out, entry->owner.mode);
	put_number(out, entry->owner.uid);
	put_number(out, entry->owner.gid);
	put_number(out, entry->owner.major);
	put_number(out, entry->owner.minor);
	/* Times before 1970 alternate with those behind, so that small ones stay short. */
	put_number(out, (uint64_t)entry->mtime << 1 ^ (uint64_t)(entry->mtime >> 63));
	put_number(out, entry->mtime_ns);
	put_number(out, entry->size);
	put_number(out, entry->is_hardlink);
	put_text(out, entry->link);
	put_number(out, entry->n_xattrs);
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		put_text(out, entry->xattrs[i].name);
		put_bytes(out, entry->xattrs[i].value, entry->xattrs[i].n);
	}
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
	put_text(&self->text, path);
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
	put_number(&sink->text, sink->n);
	return NULL;
}

static FALLIBLE pack(struct str text, char **ret, size_t *ret_n)
{
	AUTO(strbuf) struct strbuf packed = { 0 };
	AUTO(writer) struct writer *writer = NULL;

	TRY(codec_writer(writer_to_strbuf(&packed), COMPRESSION_ZSTD, CODEC_LEVEL_DEFAULT, NULL,
			&writer));
	TRY(writer_write(writer, text.p, text.n));
	TRY(writer_close(TAKE(writer)));
	if (packed.n > LIMIT_TOC_BYTES)
		return error_new(ERR_LIMIT, "a table of contents of %zu bytes, packed", packed.n);
	*ret_n = packed.n;
	*ret = strbuf_take(&packed);
	return NULL;
}

FALLIBLE toc_make(struct reader *blob, struct cancel *cancel, char **ret, size_t *ret_n)
{
	struct toc_sink sink = {
		.sink = { .ops = &sink_ops }, .hash = hash_new(), .buf = xmalloc(READ_BYTES)
	};
	struct error *error = fill(&sink, blob, cancel);

	if (!error)
		error = pack(strbuf_str(&sink.text), ret, ret_n);
	strbuf_done(&sink.text);
	hash_free(sink.hash);
	free(sink.buf);
	return error;
}

/* --- in --- */

struct cursor {
	struct str rest;
	bool is_bad; /* sticky: what is taken after it is empty */
};

static uint64_t take_number(struct cursor *at)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && at->rest.n; shift += 7) {
		uint8_t byte = (uint8_t)at->rest.p[0];

		at->rest = str_slice(at->rest, 1, at->rest.n);
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	at->is_bad = true;
	return 0;
}

static uint32_t take_u32(struct cursor *at)
{
	uint64_t value = take_number(at);

	at->is_bad = at->is_bad || value > UINT32_MAX;
	return (uint32_t)value;
}

static struct str take_bytes(struct cursor *at, uint64_t n)
{
	struct str bytes = { at->rest.p, (size_t)n };

	if (at->is_bad || n > at->rest.n) {
		at->is_bad = true;
		return (struct str){ "", 0 };
	}
	at->rest = str_slice(at->rest, (size_t)n, at->rest.n);
	return bytes;
}

static char *take_text(struct cursor *at, struct arena *arena, uint64_t limit)
{
	uint64_t n = take_number(at);
	struct str text = take_bytes(at, n > limit ? UINT64_MAX : n);

	at->is_bad = at->is_bad || memchr(text.p, '\0', text.n);
	return arena_str(arena, text);
}

static const char *take_path(struct cursor *at, struct arena *arena)
{
	const char *path = take_text(at, arena, LIMIT_PATH_BYTES);
	AUTO_FREE char *clean = path_clean(str_of(path));

	at->is_bad = at->is_bad || strcmp(clean, path) != 0;
	return path;
}

static void take_xattrs(struct cursor *at, struct arena *arena, struct entry *entry)
{
	uint64_t n = take_number(at);

	if (n > LIMIT_XATTRS || at->is_bad) {
		at->is_bad = true;
		return;
	}
	struct xattr *xattrs = arena_array(arena, (size_t)n + 1, sizeof(*xattrs));
	for (size_t i = 0; i < n; i++) {
		xattrs[i].name = take_text(at, arena, LIMIT_NAME_BYTES);
		uint64_t bytes = take_number(at);
		struct str value = take_bytes(at, bytes > LIMIT_XATTR_BYTES ? UINT64_MAX : bytes);

		xattrs[i].value = arena_str(arena, value);
		xattrs[i].n = value.n;
	}
	entry->xattrs = xattrs;
	entry->n_xattrs = (size_t)n;
}

static bool is_type(uint32_t mode)
{
	return mode <= 0177777 && (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) ||
						  S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode));
}

static void take_entry(struct cursor *at, struct arena *arena, struct toc_entry *ret)
{
	struct entry *entry = &ret->entry;
	uint64_t mtime = 0;

	ret->kind = TOC_ENTRY;
	entry->path = take_path(at, arena);
	entry->owner.mode = take_u32(at);
	entry->owner.uid = take_u32(at);
	entry->owner.gid = take_u32(at);
	entry->owner.major = take_u32(at);
	entry->owner.minor = take_u32(at);
	mtime = take_number(at);
	entry->mtime = (int64_t)(mtime >> 1 ^ -(mtime & 1));
	entry->mtime_ns = take_u32(at);
	entry->size = take_number(at);
	entry->is_hardlink = take_number(at) == 1;
	entry->link = take_text(at, arena, LIMIT_PATH_BYTES);
	take_xattrs(at, arena, entry);
	at->is_bad = at->is_bad || entry->mtime_ns >= 1000000000 ||
		     entry->size > LIMIT_LAYER_BYTES ||
		     (!entry->is_hardlink && !is_type(entry->owner.mode));
	if (!entry->is_hardlink && !S_ISLNK(entry->owner.mode))
		entry->link = NULL;
	if (S_ISREG(entry->owner.mode) && !entry->is_hardlink) {
		struct str bytes = take_bytes(at, DIGEST_BYTES);

		ret->digest.algo = DIGEST_SHA256;
		if (!at->is_bad)
			memcpy(ret->digest.bytes, bytes.p, DIGEST_BYTES);
	}
}

static FALLIBLE parse(struct str text, struct toc *toc)
{
	struct cursor at = { text, false };

	if (!str_starts(text, magic))
		return error_new(ERR_INVALID, "not a table of contents");
	(void)take_bytes(&at, sizeof(magic) - 1);
	while (!at.is_bad) {
		struct str letter = take_bytes(&at, 1);

		if (at.is_bad)
			break;
		if (*letter.p == LETTER_END) {
			if (take_number(&at) == toc->n && !at.is_bad && !at.rest.n)
				return NULL;
			break;
		}
		struct toc_entry *entry = vec_add(toc);
		if (*letter.p == LETTER_ENTRY) {
			take_entry(&at, toc->arena, entry);
		} else if (*letter.p == LETTER_WHITEOUT || *letter.p == LETTER_OPAQUE) {
			entry->kind = *letter.p == LETTER_WHITEOUT ? TOC_WHITEOUT : TOC_OPAQUE;
			entry->entry.path = take_path(&at, toc->arena);
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
