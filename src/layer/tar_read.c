/*
 * Reading a tar. One buffer over the stream below; the entry's stored bytes are a reader of their
 * own (stored), the content that callers see is that one, or the sparse file made of it.
 */
#include "layer/tar_read.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "layer/tar_format.h"
#include "layer/tar_pax.h"
#include "layer/tar_sparse.h"
#include "sys/path.h"

#include <string.h>

enum { BUF_BYTES = 128 * 1024 };

struct tar_reader {
	struct reader *below;
	char *buf;
	size_t at, n; /* in buf */

	struct reader stored;  /* what the archive holds of this entry */
	struct reader content; /* what the file holds */
	uint64_t left;         /* of stored */
	size_t padding;        /* behind it */
	struct sparse sparse;
	bool is_sparse;

	struct pax pax;
	struct strbuf long_name, long_link; /* GNU; empty when there was none */
	bool has_prelude;                   /* headers that speak of the next entry */
	struct strbuf text;                 /* scratch */

	struct entry entry;
	char *path, *link; /* of entry */
	bool climbs;
	uint64_t entries, bytes, holes;
	bool ended;
};

/* Make sure that something is in buf, unless the stream has ended. */
static FALLIBLE fill(struct tar_reader *tar)
{
	if (tar->at < tar->n)
		return NULL;
	tar->at = 0;
	return reader_read(tar->below, tar->buf, BUF_BYTES, &tar->n);
}

/* n bytes into out; *ret_n is less at the end of the stream only. */
static FALLIBLE take(struct tar_reader *tar, void *out, size_t n, size_t *ret_n)
{
	size_t done = 0;

	while (done < n) {
		TRY(fill(tar));
		size_t part = tar->n - tar->at < n - done ? tar->n - tar->at : n - done;
		if (part == 0)
			break;
		memcpy((char *)out + done, tar->buf + tar->at, part);
		tar->at += part;
		done += part;
	}
	*ret_n = done;
	return NULL;
}

static FALLIBLE cut_off(void)
{
	return error_new(ERR_INVALID, "the archive is cut off");
}

static FALLIBLE skip(struct tar_reader *tar, uint64_t n)
{
	while (n) {
		TRY(fill(tar));
		uint64_t part = tar->n - tar->at < n ? tar->n - tar->at : n;
		if (part == 0)
			return cut_off();
		tar->at += (size_t)part;
		n -= part;
	}
	return NULL;
}

static FALLIBLE stored_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct tar_reader *tar = (void *)((char *)reader - offsetof(struct tar_reader, stored));

	*ret_n = 0;
	if (tar->left == 0)
		return NULL;
	if (n > tar->left)
		n = (size_t)tar->left;
	if (tar->at == tar->n && n >= BUF_BYTES / 2)
		TRY(reader_read(tar->below, buf, n, ret_n));
	else if (tar->at == tar->n) {
		TRY(fill(tar));
	}
	if (*ret_n == 0) {
		*ret_n = tar->n - tar->at < n ? tar->n - tar->at : n;
		memcpy(buf, tar->buf + tar->at, *ret_n);
		tar->at += *ret_n;
	}
	if (*ret_n == 0)
		return error_wrap(cut_off(), "entry '%s'", tar->path);
	tar->left -= *ret_n;
	return NULL;
}

static FALLIBLE content_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct tar_reader *tar = (void *)((char *)reader - offsetof(struct tar_reader, content));

	if (tar->is_sparse)
		return sparse_read(&tar->sparse, &tar->stored, buf, n, ret_n);
	return stored_read(&tar->stored, buf, n, ret_n);
}

static void no_free(struct reader *reader)
{
	(void)reader;
}

static const struct reader_ops stored_ops = { stored_read, no_free };
static const struct reader_ops content_ops = { content_read, no_free };

struct tar_reader *tar_reader_new(struct reader *below)
{
	struct tar_reader *tar = xcalloc(1, sizeof(*tar));

	tar->below = below;
	tar->buf = xmalloc(BUF_BYTES);
	return tar;
}

bool tar_reader_climbs(const struct tar_reader *tar)
{
	return tar->climbs;
}

void tar_reader_free(struct tar_reader *tar)
{
	if (!tar)
		return;
	reader_free(tar->below);
	pax_done(&tar->pax);
	strbuf_done(&tar->long_name);
	strbuf_done(&tar->long_link);
	strbuf_done(&tar->text);
	vec_done(&tar->sparse.map);
	free(tar->path);
	free(tar->link);
	free(tar->buf);
	free(tar);
}

/* The next header; *ret_end when the archive ends here, by two zero blocks or by nothing. */
static FALLIBLE read_header(struct tar_reader *tar, struct tar_header *ret, bool *ret_end)
{
	for (int zeros = 0;; zeros++) {
		size_t n = 0;

		TRY(take(tar, ret, TAR_BLOCK, &n));
		if (n == 0 || (n == TAR_BLOCK && tar_is_zero(ret) && zeros == 1)) {
			*ret_end = true;
			return NULL;
		}
		if (n < TAR_BLOCK)
			return cut_off();
		if (!tar_is_zero(ret)) {
			if (zeros)
				return error_new(ERR_INVALID, "a zero block inside the archive");
			break;
		}
	}
	if (!tar_checksum_fits(ret))
		return error_new(ERR_INVALID, tar->entries ? "a header has a wrong checksum"
							   : "this is not a tar archive");
	*ret_end = false;
	return NULL;
}

/* A whiteout's name is longer than the one it removes. */
static size_t name_limit(struct str part, bool is_last)
{
	return LIMIT_NAME_BYTES + (is_last && str_starts(part, ".wh.") ? strlen(".wh.") : 0);
}

static FALLIBLE check_path(const char *path)
{
	size_t depth = 0;

	if (strlen(path) >= LIMIT_PATH_BYTES)
		return error_new(ERR_LIMIT, "path '%.60s...' is longer than %d bytes", path,
				LIMIT_PATH_BYTES - 1);
	for (struct str rest = str_of(path); rest.n; depth++) {
		struct str part;

		(void)str_cut(rest, '/', &part, &rest);
		if (part.n > name_limit(part, rest.n == 0))
			return error_new(ERR_LIMIT, "a name in '%.60s...' is longer than %d bytes",
					path, LIMIT_NAME_BYTES);
	}
	if (depth > LIMIT_PATH_DEPTH)
		return error_new(ERR_LIMIT, "path '%.60s...' is deeper than %d", path,
				LIMIT_PATH_DEPTH);
	return NULL;
}

/* An absolute name is one of the root, whatever it climbs. */
static bool leads_out(const char *name)
{
	return name[0] != '/' && path_climbs(str_of(name));
}

static FALLIBLE set_paths(struct tar_reader *tar, const struct tar_header *header)
{
	AUTO_FREE char *header_link = str_dup(tar_text(header->link, sizeof(header->link)));

	strbuf_clear(&tar->text);
	pax_entry_name(&tar->pax, header, strbuf_text(&tar->long_name), &tar->text);
	free(tar->path);
	tar->path = path_clean(strbuf_str(&tar->text));
	tar->climbs = leads_out(strbuf_text(&tar->text));
	free(tar->link);
	tar->link = xstrdup(tar->long_link.n ? strbuf_text(&tar->long_link)
					     : pax_text(tar->pax.link, header_link));
	return check_path(tar->path);
}

static FALLIBLE set_link(struct tar_reader *tar, bool is_hardlink)
{
	if (!*tar->link)
		return error_new(ERR_INVALID, "a link to nowhere");
	if (strlen(tar->link) >= LIMIT_PATH_BYTES)
		return error_new(ERR_LIMIT, "a link longer than %d bytes", LIMIT_PATH_BYTES - 1);
	if (is_hardlink) {
		char *clean = path_clean(str_of(tar->link));

		tar->climbs = tar->climbs || leads_out(tar->link);
		free(tar->link);
		tar->link = clean;
		TRY(check_path(clean));
		if (!*clean)
			return error_new(ERR_INVALID, "a hard link to the root");
	}
	tar->entry.link = tar->link;
	tar->entry.is_hardlink = is_hardlink;
	return NULL;
}

static FALLIBLE set_type(struct tar_reader *tar, const struct tar_header *header)
{
	uint32_t *mode = &tar->entry.owner.mode;

	switch (header->type) {
	case '\0':
		/* Version 7 has no type for directories: the slash tells. */
		*mode |= tar->text.n && tar->text.p[tar->text.n - 1] == '/' ? S_IFDIR : S_IFREG;
		return NULL;
	case '0':
	case '7':
	case 'S':
		*mode |= S_IFREG;
		return NULL;
	case '1':
		*mode |= S_IFREG;
		return set_link(tar, true);
	case '2':
		*mode = S_IFLNK | 0777;
		return set_link(tar, false);
	case '3':
		*mode |= S_IFCHR;
		return NULL;
	case '4':
		*mode |= S_IFBLK;
		return NULL;
	case '5':
	case 'D':
		*mode |= S_IFDIR;
		return NULL;
	case '6':
		*mode |= S_IFIFO;
		return NULL;
	default:
		return error_new(ERR_UNSUPPORTED, "a type that is not known (0x%02x)",
				(unsigned char)header->type);
	}
}

static FALLIBLE set_numbers(struct tar_reader *tar, const struct tar_header *header)
{
	struct owner *owner = &tar->entry.owner;
	int64_t mode = 0;
	int64_t uid = 0;
	int64_t gid = 0;
	int64_t mtime = 0;
	int64_t major = 0;
	int64_t minor = 0;

	/* Fields that pax speaks for may hold anything. */
	if (tar->pax.uid.state != PAX_SAID)
		TRY(tar_number(header->uid, 8, INT64_MIN, INT64_MAX, &uid));
	if (tar->pax.gid.state != PAX_SAID)
		TRY(tar_number(header->gid, 8, INT64_MIN, INT64_MAX, &gid));
	TRY(tar_number(header->mode, 8, INT64_MIN, INT64_MAX, &mode));
	if (tar->pax.mtime_state != PAX_SAID)
		TRY(tar_number(header->mtime, 12, INT64_MIN, INT64_MAX, &mtime));
	uint64_t said_uid = pax_value(tar->pax.uid, (uint64_t)uid);
	uint64_t said_gid = pax_value(tar->pax.gid, (uint64_t)gid);
	if (said_uid >= UINT32_MAX || said_gid >= UINT32_MAX)
		return error_new(ERR_INVALID, "owner %llu:%llu", (unsigned long long)said_uid,
				(unsigned long long)said_gid);
	owner->uid = (uint32_t)said_uid;
	owner->gid = (uint32_t)said_gid;
	owner->mode = (uint32_t)mode & 07777;

	const struct pax *said = &tar->pax;
	tar->entry.mtime = said->mtime_state == PAX_SAID ? said->mtime : mtime;
	tar->entry.mtime_ns = said->mtime_state == PAX_SAID ? said->mtime_ns : 0;

	if (header->type == '3' || header->type == '4') {
		TRY(tar_number(header->major, 8, 0, UINT32_MAX, &major));
		TRY(tar_number(header->minor, 8, 0, UINT32_MAX, &minor));
		owner->major = (uint32_t)major;
		owner->minor = (uint32_t)minor;
	}
	return NULL;
}

/* How many bytes follow the header. */
static FALLIBLE stored_size(struct tar_reader *tar, const struct tar_header *header, uint64_t *ret)
{
	int64_t size = 0;

	if (tar->pax.size.state != PAX_SAID)
		TRY(tar_number(header->size, 12, 0, INT64_MAX, &size));
	uint64_t said = pax_value(tar->pax.size, (uint64_t)size);
	if (said > LIMIT_LAYER_BYTES)
		return error_new(ERR_LIMIT, "a size of %llu bytes", (unsigned long long)said);
	*ret = said;
	return NULL;
}

static void start_stored(struct tar_reader *tar, uint64_t size)
{
	tar->stored = (struct reader){ .ops = &stored_ops };
	tar->content = (struct reader){ .ops = &content_ops };
	tar->left = size;
	tar->padding = (size_t)(-size % TAR_BLOCK);
}

static FALLIBLE start_old_sparse(struct tar_reader *tar, const struct tar_header *header)
{
	bool more = false;

	TRY(sparse_old_header(header, &tar->sparse.map, &tar->sparse.real_size, &more));
	while (more) {
		char block[TAR_BLOCK];
		size_t n = 0;

		TRY(take(tar, block, TAR_BLOCK, &n));
		if (n < TAR_BLOCK)
			return cut_off();
		TRY(sparse_old_block(block, &tar->sparse.map, &more));
	}
	return NULL;
}

/* The map, from wherever this format keeps it; tar->left is what remains for data. */
static FALLIBLE start_sparse(struct tar_reader *tar, const struct tar_header *header)
{
	const struct pax *pax = &tar->pax;

	tar->is_sparse = true;
	tar->sparse.at = 0;
	tar->sparse.i = 0;
	tar->sparse.map.n = 0;
	if (header->type == 'S') {
		TRY(start_old_sparse(tar, header));
	} else {
		if (pax->real_size.state != PAX_SAID)
			return error_new(ERR_INVALID, "a sparse file without its size");
		tar->sparse.real_size = pax->real_size.value;
	}
	if (header->type != 'S' && pax->has_map) {
		for (size_t i = 0; i < pax->map.n; i++)
			vec_push(&tar->sparse.map, pax->map.p[i]);
	} else if (header->type != 'S') {
		/* sparse_read_map() goes through the stored reader, which counts itself. */
		uint64_t left = tar->left;
		TRY(sparse_read_map(&tar->stored, &left, &tar->sparse.map));
	}
	TRY(sparse_check(&tar->sparse.map, tar->sparse.real_size, tar->left));
	if (tar->sparse.real_size - tar->left > LIMIT_HOLES_BYTES - tar->holes)
		return error_new(ERR_LIMIT,
				"the holes of this archive's files have more than %llu bytes",
				LIMIT_HOLES_BYTES);
	tar->holes += tar->sparse.real_size - tar->left;
	tar->entry.size = tar->sparse.real_size;
	return NULL;
}

static bool says_sparse(const struct pax *pax)
{
	return pax->has_map || (pax->major.state == PAX_SAID && pax->major.value == 1);
}

static FALLIBLE start_content(struct tar_reader *tar, const struct tar_header *header)
{
	uint64_t size = 0;

	tar->is_sparse = false;
	start_stored(tar, 0);
	/* Other types have no content, whatever their size says; GNU dumps have a list to skip. */
	if (header->type == 'D' || (S_ISREG(tar->entry.owner.mode) && !tar->entry.is_hardlink))
		TRY(stored_size(tar, header, &size));
	start_stored(tar, size);
	if (!S_ISREG(tar->entry.owner.mode) || tar->entry.is_hardlink)
		return NULL;
	tar->entry.size = size;
	if (header->type == 'S' || says_sparse(&tar->pax))
		TRY(start_sparse(tar, header));
	if (tar->entry.size > LIMIT_LAYER_BYTES - tar->bytes)
		return error_new(ERR_LIMIT, "the files of this archive have more than %llu bytes",
				LIMIT_LAYER_BYTES);
	tar->bytes += tar->entry.size;
	return NULL;
}

static FALLIBLE make_entry(struct tar_reader *tar, const struct tar_header *header)
{
	tar->entry = (struct entry){ .path = tar->path };
	TRY(set_numbers(tar, header));
	TRY(set_type(tar, header));
	if (!*tar->path && !S_ISDIR(tar->entry.owner.mode))
		return error_new(ERR_INVALID, "no name");
	tar->entry.xattrs = tar->pax.xattrs.p;
	tar->entry.n_xattrs = tar->pax.xattrs.n;
	return start_content(tar, header);
}

/* The bytes behind a header that speaks of others (pax, GNU long names), at most limit. */
static FALLIBLE read_prelude(struct tar_reader *tar, const struct tar_header *header,
		uint64_t limit, struct strbuf *out)
{
	int64_t size = 0;
	size_t n = 0;

	TRY(tar_number(header->size, 12, 0, INT64_MAX, &size));
	if ((uint64_t)size > limit)
		return error_new(ERR_LIMIT, "a header of %lld bytes (at most %llu)",
				(long long)size, (unsigned long long)limit);
	strbuf_clear(out);
	strbuf_reserve(out, (size_t)size);
	TRY(take(tar, out->p, (size_t)size, &n));
	if (n < (size_t)size)
		return cut_off();
	out->n = n;
	out->p[n] = '\0';
	return skip(tar, (uint64_t)-size % TAR_BLOCK);
}

static FALLIBLE read_long(
		struct tar_reader *tar, const struct tar_header *header, struct strbuf *out)
{
	TRY(read_prelude(tar, header, LIMIT_PATH_BYTES, out));
	strbuf_truncate(out, strlen(out->p));
	return NULL;
}

/* Headers that are not entries; *ret_is says whether this was one. */
static FALLIBLE read_other(struct tar_reader *tar, const struct tar_header *header, bool *ret_is)
{
	uint64_t size = 0;

	*ret_is = true;
	switch (header->type) {
	case 'x':
	case 'X':
		tar->has_prelude = true;
		TRY(read_prelude(tar, header, LIMIT_PAX_BYTES, &tar->text));
		pax_clear(&tar->pax);
		return pax_parse(strbuf_str(&tar->text), &tar->pax);
	case 'g':
		return read_prelude(tar, header, LIMIT_PAX_BYTES, &tar->text);
	case 'L':
		tar->has_prelude = true;
		return read_long(tar, header, &tar->long_name);
	case 'K':
		tar->has_prelude = true;
		return read_long(tar, header, &tar->long_link);
	case 'V':
		TRY(stored_size(tar, header, &size));
		return skip(tar, size + (uint64_t)-size % TAR_BLOCK);
	default:
		*ret_is = false;
		return NULL;
	}
}

static FALLIBLE next_entry(struct tar_reader *tar, bool *ret_end)
{
	struct tar_header header;
	bool is_other = true;

	pax_clear(&tar->pax);
	strbuf_clear(&tar->long_name);
	strbuf_clear(&tar->long_link);
	tar->has_prelude = false;
	while (is_other) {
		TRY(read_header(tar, &header, ret_end));
		if (*ret_end)
			return tar->has_prelude ? cut_off() : NULL;
		TRY_WRAP(read_other(tar, &header, &is_other), "header before entry %llu",
				(unsigned long long)tar->entries + 1);
	}
	if (++tar->entries > LIMIT_TAR_ENTRIES)
		return error_new(ERR_LIMIT, "more than %d entries", LIMIT_TAR_ENTRIES);
	TRY_WRAP(set_paths(tar, &header), "entry %llu", (unsigned long long)tar->entries);
	TRY_WRAP(make_entry(tar, &header), "entry '%s'", tar->path);
	return NULL;
}

/* Behind the last file there may be none, as for Go's reader: then the archive ends here. */
static FALLIBLE skip_padding(struct tar_reader *tar)
{
	char rest[TAR_BLOCK];
	size_t n = 0;

	return take(tar, rest, tar->padding, &n);
}

FALLIBLE tar_reader_next(
		struct tar_reader *tar, const struct entry **ret, struct reader **ret_content)
{
	bool end = tar->ended;

	if (!end) {
		TRY(skip(tar, tar->left));
		TRY(skip_padding(tar));
		tar->left = tar->padding = 0;
		TRY(next_entry(tar, &end));
	}
	if (end && !tar->ended) {
		TRY(reader_drain(tar->below));
		tar->ended = true;
	}
	bool has_content = !end && S_ISREG(tar->entry.owner.mode) && !tar->entry.is_hardlink;
	*ret = end ? NULL : &tar->entry;
	*ret_content = has_content ? &tar->content : NULL;
	return NULL;
}
