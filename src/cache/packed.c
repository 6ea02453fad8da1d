#include "cache/packed.h"
#include "base/limits.h"
#include "stream/codec.h"
#include "sys/path.h"

#include <string.h>
#include <sys/stat.h>

void packed_put_number(struct strbuf *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		strbuf_add_char(out, (char)(value | 0x80));
	strbuf_add_char(out, (char)value);
}

void packed_put_bytes(struct strbuf *out, const void *bytes, size_t n)
{
	packed_put_number(out, n);
	strbuf_add_bytes(out, bytes, n);
}

void packed_put_text(struct strbuf *out, const char *text)
{
	packed_put_bytes(out, text ? text : "", text ? strlen(text) : 0);
}

void packed_put_entry(struct strbuf *out, const struct entry *entry)
{
	packed_put_text(out, entry->path);
	packed_put_number(out, entry->owner.mode);
	packed_put_number(out, entry->owner.uid);
	packed_put_number(out, entry->owner.gid);
	packed_put_number(out, entry->owner.major);
	packed_put_number(out, entry->owner.minor);
	/* Times before 1970 alternate with those behind, so that small ones stay short. */
	packed_put_number(out, (uint64_t)entry->mtime << 1 ^ (uint64_t)(entry->mtime >> 63));
	packed_put_number(out, entry->mtime_ns);
	packed_put_number(out, entry->size);
	packed_put_number(out, entry->is_hardlink);
	packed_put_text(out, entry->link);
	packed_put_number(out, entry->n_xattrs);
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		packed_put_text(out, entry->xattrs[i].name);
		packed_put_bytes(out, entry->xattrs[i].value, entry->xattrs[i].n);
	}
}

FALLIBLE packed_compress(struct str text, size_t limit, const char *what, char **ret, size_t *ret_n)
{
	AUTO(strbuf) struct strbuf packed = { 0 };
	AUTO(writer) struct writer *writer = NULL;

	TRY(codec_writer(writer_to_strbuf(&packed), COMPRESSION_ZSTD, CODEC_LEVEL_DEFAULT, NULL,
			&writer));
	TRY(writer_write(writer, text.p, text.n));
	TRY(writer_close(TAKE(writer)));
	if (packed.n > limit)
		return error_new(ERR_LIMIT, "%s of %zu bytes, packed", what, packed.n);
	*ret_n = packed.n;
	*ret = strbuf_take(&packed);
	return NULL;
}

uint64_t packed_take_number(struct packed_cursor *at)
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

static uint32_t take_u32(struct packed_cursor *at)
{
	uint64_t value = packed_take_number(at);

	at->is_bad = at->is_bad || value > UINT32_MAX;
	return (uint32_t)value;
}

struct str packed_take_bytes(struct packed_cursor *at, uint64_t n)
{
	struct str bytes = { at->rest.p, (size_t)n };

	if (at->is_bad || n > at->rest.n) {
		at->is_bad = true;
		return (struct str){ "", 0 };
	}
	at->rest = str_slice(at->rest, (size_t)n, at->rest.n);
	return bytes;
}

static char *take_text(struct packed_cursor *at, struct arena *arena, uint64_t limit)
{
	uint64_t n = packed_take_number(at);
	struct str text = packed_take_bytes(at, n > limit ? UINT64_MAX : n);

	at->is_bad = at->is_bad || memchr(text.p, '\0', text.n);
	return arena_str(arena, text);
}

const char *packed_take_path(struct packed_cursor *at, struct arena *arena)
{
	const char *path = take_text(at, arena, LIMIT_PATH_BYTES);
	AUTO_FREE char *clean = path_clean(str_of(path));

	at->is_bad = at->is_bad || strcmp(clean, path) != 0;
	return path;
}

static void take_xattrs(struct packed_cursor *at, struct arena *arena, struct entry *entry)
{
	uint64_t n = packed_take_number(at);

	if (n > LIMIT_XATTRS || at->is_bad) {
		at->is_bad = true;
		return;
	}
	struct xattr *xattrs = arena_array(arena, (size_t)n + 1, sizeof(*xattrs));
	for (size_t i = 0; i < n; i++) {
		xattrs[i].name = take_text(at, arena, LIMIT_NAME_BYTES);
		uint64_t bytes = packed_take_number(at);
		struct str value = packed_take_bytes(
				at, bytes > LIMIT_XATTR_BYTES ? UINT64_MAX : bytes);

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

void packed_take_entry(struct packed_cursor *at, struct arena *arena, struct entry *entry)
{
	uint64_t mtime = 0;

	entry->path = packed_take_path(at, arena);
	entry->owner.mode = take_u32(at);
	entry->owner.uid = take_u32(at);
	entry->owner.gid = take_u32(at);
	entry->owner.major = take_u32(at);
	entry->owner.minor = take_u32(at);
	mtime = packed_take_number(at);
	entry->mtime = (int64_t)(mtime >> 1 ^ -(mtime & 1));
	entry->mtime_ns = take_u32(at);
	entry->size = packed_take_number(at);
	entry->is_hardlink = packed_take_number(at) == 1;
	entry->link = take_text(at, arena, LIMIT_PATH_BYTES);
	take_xattrs(at, arena, entry);
	at->is_bad = at->is_bad || entry->mtime_ns >= 1000000000 ||
		     entry->size > LIMIT_LAYER_BYTES ||
		     (!entry->is_hardlink && !is_type(entry->owner.mode));
	if (!entry->is_hardlink && !S_ISLNK(entry->owner.mode))
		entry->link = NULL;
}
