#include "layer/tar_write.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "layer/tar_format.h"
#include "layer/whiteout.h"
#include "stream/hash.h"
#include "sys/path.h"

#include <stdio.h>
#include <string.h>

/* A file of HASH_BYTES is worth a write of its own, with which its bytes are hashed once. */
enum { BUF_BYTES = 128 * 1024, HASH_BYTES = 64 * 1024 };

/* The largest numbers that fit the fields of 8 and 12 bytes. */
#define MAX_8  UINT64_C(07777777)
#define MAX_12 UINT64_C(077777777777)

struct tar_sink {
	struct entry_sink sink;
	struct writer *out;
	struct entry_times times;
	struct strbuf name, records; /* scratch of one entry */
	char *own;                   /* BUF_BYTES, if out has no memory for us */
	char *buf;                   /* where the bytes gather: out's memory or our own */
	size_t n, room;              /* room 0: buf is none */
	struct hash *content;        /* wants what is in buf, too; or NULL */
};

static FALLIBLE flush(struct tar_sink *tar)
{
	size_t n = tar->n;

	tar->n = tar->room = 0;
	if (n == 0)
		return NULL;
	return tar->content ? hash_write_both(tar->out, tar->content, tar->buf, n)
			    : writer_write(tar->out, tar->buf, n);
}

/* Have room for a byte at least. What is hashed at once should stay in the cache: see BUF_BYTES. */
static FALLIBLE make_room(struct tar_sink *tar)
{
	void *space = NULL;

	if (tar->n < tar->room)
		return NULL;
	TRY(flush(tar));
	TRY(writer_space(tar->out, &space, &tar->room));
	if (tar->room == 0) {
		if (!tar->own)
			tar->own = xmalloc(BUF_BYTES);
		space = tar->own;
		tar->room = BUF_BYTES;
	}
	if (tar->room > BUF_BYTES)
		tar->room = BUF_BYTES;
	tar->buf = space;
	return NULL;
}

static FALLIBLE put(struct tar_sink *tar, const void *bytes, size_t n)
{
	for (const char *p = bytes; n;) {
		TRY(make_room(tar));
		size_t room = tar->room - tar->n;
		size_t part = n < room ? n : room;

		memcpy(tar->buf + tar->n, p, part);
		tar->n += part;
		p += part;
		n -= part;
	}
	return NULL;
}

static FALLIBLE pad(struct tar_sink *tar, uint64_t size)
{
	static const char zeros[TAR_BLOCK];

	return put(tar, zeros, (size_t)(-size % TAR_BLOCK));
}

static void put_octal(char *field, size_t width, uint64_t value)
{
	field[--width] = '\0';
	while (width--) {
		field[width] = (char)('0' + (value & 7));
		value >>= 3;
	}
}

static void finish_header(struct tar_header *header)
{
	const unsigned char *p = (const unsigned char *)header;
	unsigned sum = 0;

	memcpy(header->magic, "ustar", 6);
	memcpy(header->version, "00", 2);
	memset(header->checksum, ' ', sizeof(header->checksum));
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += p[i];
	/* Six digits, NUL, space: as every tar has it. */
	put_octal(header->checksum, 7, sum);
}

static bool is_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* "len key=value\n", where len counts its own digits. */
static void add_record(struct strbuf *records, const char *key, struct str value)
{
	size_t rest = 1 + strlen(key) + 1 + value.n + 1;
	size_t digits = 1;
	size_t power = 10;

	while (rest + digits >= power) {
		power *= 10;
		digits++;
	}
	strbuf_addf(records, "%zu %s=", rest + digits, key);
	strbuf_add_str(records, value);
	strbuf_add_char(records, '\n');
}

static void add_number(struct strbuf *records, const char *key, int64_t number)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%lld", (long long)number);
	add_record(records, key, str_of(text));
}

/* Like every name that the fields cannot hold: a sign for readers that know no pax. */
static void put_text(char *field, size_t width, struct str text)
{
	for (size_t i = 0; i < text.n && i < width; i++)
		field[i] = (unsigned char)text.p[i] < 0x80 ? text.p[i] : '_';
}

/* name, and prefix where the path splits at a "/"; false: neither holds it. */
static bool put_name(struct tar_header *header, struct str path)
{
	if (path.n <= sizeof(header->name) && is_ascii(path)) {
		put_text(header->name, sizeof(header->name), path);
		return true;
	}
	size_t end = path.n - 1 < sizeof(header->prefix) + 1 ? path.n - 1
							     : sizeof(header->prefix) + 1;
	size_t slash = str_find_last(str_slice(path, 0, end), '/');
	struct str name = str_slice(path, slash + 1, path.n);
	if (slash < end && slash > 0 && name.n <= sizeof(header->name) && is_ascii(path)) {
		put_text(header->prefix, sizeof(header->prefix), str_slice(path, 0, slash));
		put_text(header->name, sizeof(header->name), name);
		return true;
	}
	put_text(header->name, sizeof(header->name), path);
	return false;
}

/* The key of an xattr: GNU tar writes "=" and "%" of its name as %3D and %25. */
static char *xattr_key(const char *name)
{
	struct strbuf key = { 0 };

	strbuf_add(&key, "SCHILY.xattr.");
	if (!strchr(name, '=')) {
		strbuf_add(&key, name);
		return strbuf_take(&key);
	}
	for (; *name; name++) {
		if (*name == '=' || *name == '%')
			strbuf_addf(&key, "%%%02X", (unsigned char)*name);
		else
			strbuf_add_char(&key, *name);
	}
	return strbuf_take(&key);
}

static void add_xattrs(struct strbuf *records, const struct entry *entry)
{
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		const struct xattr *xattr = &entry->xattrs[i];
		AUTO_FREE char *key = xattr_key(xattr->name);

		add_record(records, key, (struct str){ xattr->value, xattr->n });
	}
}

static int64_t time_of(const struct tar_sink *tar, const struct entry *entry)
{
	switch (tar->times.kind) {
	case TIMES_KEEP:
		break;
	case TIMES_CLAMP:
		return entry->mtime < tar->times.seconds ? entry->mtime : tar->times.seconds;
	case TIMES_FIX:
		return tar->times.seconds;
	}
	return entry->mtime;
}

static FALLIBLE type_of(const struct entry *entry, char *ret)
{
	char type = 0;

	if (entry->is_hardlink)
		type = '1';
	else if (S_ISREG(entry->owner.mode))
		type = '0';
	else if (S_ISLNK(entry->owner.mode))
		type = '2';
	else if (S_ISCHR(entry->owner.mode))
		type = '3';
	else if (S_ISBLK(entry->owner.mode))
		type = '4';
	else if (S_ISDIR(entry->owner.mode))
		type = '5';
	else if (S_ISFIFO(entry->owner.mode))
		type = '6';
	else
		return error_new(ERR_UNSUPPORTED, "'%s' is of a type that a tar cannot hold",
				entry->path);
	*ret = type;
	return NULL;
}

/* Records are added in the order of their keys: SCHILY.*, gid, linkpath, mtime, path, size, uid. */
static FALLIBLE fill(struct tar_sink *tar, const struct entry *entry, struct tar_header *header)
{
	const struct owner *owner = &entry->owner;
	struct strbuf *records = &tar->records;
	struct str link = str_of(entry->link);
	int64_t mtime = time_of(tar, entry);
	uint64_t size = entry->is_hardlink ? 0 : entry->size;
	bool is_device = S_ISCHR(owner->mode) || S_ISBLK(owner->mode);

	if (owner->major > MAX_8 || owner->minor > MAX_8)
		return error_new(ERR_UNSUPPORTED, "device number %u:%u of '%s' is too large",
				owner->major, owner->minor, entry->path);
	TRY(type_of(entry, &header->type));
	strbuf_clear(records);
	if (!entry->is_hardlink)
		add_xattrs(records, entry);
	if (owner->gid > MAX_8)
		add_number(records, "gid", owner->gid);
	if (link.n > sizeof(header->link) || !is_ascii(link))
		add_record(records, "linkpath", link);
	if (mtime < 0 || mtime > (int64_t)MAX_12)
		add_number(records, "mtime", mtime);
	if (!put_name(header, strbuf_str(&tar->name)))
		add_record(records, "path", strbuf_str(&tar->name));
	if (size > MAX_12)
		add_number(records, "size", (int64_t)size);
	if (owner->uid > MAX_8)
		add_number(records, "uid", owner->uid);
	if (records->n > LIMIT_PAX_BYTES)
		return error_new(ERR_LIMIT, "the attributes of '%s' have more than %d bytes",
				entry->path, LIMIT_PAX_BYTES);

	put_octal(header->mode, 8, owner->mode & 07777);
	put_octal(header->uid, 8, owner->uid > MAX_8 ? 0 : owner->uid);
	put_octal(header->gid, 8, owner->gid > MAX_8 ? 0 : owner->gid);
	put_octal(header->size, 12, size > MAX_12 ? 0 : size);
	put_octal(header->mtime, 12, mtime < 0 || mtime > (int64_t)MAX_12 ? 0 : (uint64_t)mtime);
	put_octal(header->major, 8, is_device ? owner->major : 0);
	put_octal(header->minor, 8, is_device ? owner->minor : 0);
	put_text(header->link, sizeof(header->link), link);
	finish_header(header);
	return NULL;
}

static FALLIBLE put_records(struct tar_sink *tar)
{
	struct tar_header header = { .name = "PaxHeaders.0", .type = 'x' };

	put_octal(header.mode, 8, 0644);
	put_octal(header.uid, 8, 0);
	put_octal(header.gid, 8, 0);
	put_octal(header.size, 12, tar->records.n);
	put_octal(header.mtime, 12, 0);
	put_octal(header.major, 8, 0);
	put_octal(header.minor, 8, 0);
	finish_header(&header);
	TRY(put(tar, &header, sizeof(header)));
	TRY(put(tar, tar->records.p, tar->records.n));
	return pad(tar, tar->records.n);
}

static FALLIBLE read_content(
		struct tar_sink *tar, const struct entry *entry, struct reader *content)
{
	for (uint64_t left = entry->size; left;) {
		size_t n = 0;

		TRY(make_room(tar));
		size_t room = tar->room - tar->n;
		TRY(reader_read(content, tar->buf + tar->n, left < room ? (size_t)left : room, &n));
		if (n == 0)
			return error_new(ERR_INVALID, "'%s' ends %llu bytes too early", entry->path,
					(unsigned long long)left);
		left -= n;
		tar->n += n;
	}
	return NULL;
}

static FALLIBLE put_content(struct tar_sink *tar, const struct entry *entry, struct reader *content)
{
	struct hash *hash = entry->size >= HASH_BYTES ? reader_give_hash(content) : NULL;

	if (!hash) {
		TRY(read_content(tar, entry, content));
		return pad(tar, entry->size);
	}
	TRY(flush(tar));
	tar->content = hash;
	struct error *error = read_content(tar, entry, content);
	if (!error)
		error = flush(tar);
	tar->content = NULL;
	TRY(error);
	return pad(tar, entry->size);
}

static FALLIBLE put_entry(struct tar_sink *tar, const struct entry *entry, struct reader *content)
{
	struct tar_header header = { 0 };
	bool is_dir = S_ISDIR(entry->owner.mode) && !entry->is_hardlink;

	strbuf_clear(&tar->name);
	strbuf_add(&tar->name, *entry->path ? entry->path : ".");
	if (is_dir)
		strbuf_add_char(&tar->name, '/');
	TRY(fill(tar, entry, &header));
	if (tar->records.n)
		TRY(put_records(tar));
	TRY(put(tar, &header, sizeof(header)));
	if (S_ISREG(entry->owner.mode) && !entry->is_hardlink && entry->size)
		TRY(put_content(tar, entry, content));
	return NULL;
}

static FALLIBLE tar_add(struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	if (whiteout_is_name(entry->path))
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "'%s' cannot be in a layer: its name means that "
						  "'%s' is removed",
						  entry->path, path_name(entry->path) + 4),
				"rename or remove the file; names that start with '.wh.' are "
				"reserved by the image format");
	return put_entry((struct tar_sink *)sink, entry, content);
}

static FALLIBLE put_mark(struct entry_sink *sink, char *path)
{
	AUTO_FREE char *owned = path;
	const struct entry mark = { .path = owned, .owner = { .mode = S_IFREG } };

	return put_entry((struct tar_sink *)sink, &mark, NULL);
}

static FALLIBLE tar_whiteout(struct entry_sink *sink, const char *path)
{
	return put_mark(sink, whiteout_path(path));
}

static FALLIBLE tar_opaque(struct entry_sink *sink, const char *path)
{
	return put_mark(sink, whiteout_opaque_path(path));
}

static FALLIBLE tar_close(struct entry_sink *sink)
{
	static const char end[2 * TAR_BLOCK];
	struct tar_sink *tar = (struct tar_sink *)sink;

	TRY(put(tar, end, sizeof(end)));
	TRY(flush(tar));
	return writer_close(TAKE(tar->out));
}

static void tar_free(struct entry_sink *sink)
{
	struct tar_sink *tar = (struct tar_sink *)sink;

	writer_free(tar->out);
	strbuf_done(&tar->name);
	strbuf_done(&tar->records);
	free(tar->own);
	free(tar);
}

static const struct entry_sink_ops tar_ops = { tar_add, tar_whiteout, tar_opaque, tar_close,
	tar_free };

struct entry_sink *tar_writer(struct writer *out, const struct entry_times *times)
{
	struct tar_sink *tar = xcalloc(1, sizeof(*tar));

	tar->sink.ops = &tar_ops;
	tar->out = out;
	tar->times = *times;
	return &tar->sink;
}
