/*
 * recorder: a sink that writes down what it gets, one line an entry, for tests of layer/.
 *
 *	d 755 0:0 @5 a
 *	f 644 1:2 @5 a/b "text" user.x="1"
 *	l 777 0:0 @5 a/l -> b
 *	h a/h = a/b
 *	c 600 0:0 @5 dev 1,3
 *	whiteout a/gone
 *	opaque a
 */
#pragma once
#include "scratch.h"

#include "layer/entry.h"
#include "layer/tar_read.h"
#include "sys/path.h"

struct recorder {
	struct entry_sink sink;
	struct strbuf *out;
};

static inline char recorder_letter(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return 'd';
	case S_IFREG:
		return 'f';
	case S_IFLNK:
		return 'l';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	case S_IFIFO:
		return 'p';
	default:
		return '?';
	}
}

static inline FALLIBLE recorder_content(
		struct strbuf *out, const struct entry *entry, struct reader *content)
{
	AUTO_FREE char *bytes = NULL;
	size_t n = 0;

	TRY(reader_read_all(content, 1 << 26, &bytes, &n));
	assert_int_equal(n, entry->size);
	if (n <= 64 && memchr(bytes, '\0', n) == NULL)
		strbuf_addf(out, " \"%s\"", bytes);
	else
		strbuf_addf(out, " <%zu>", n);
	return NULL;
}

static inline struct error *recorder_add(
		struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct strbuf *out = ((struct recorder *)sink)->out;
	const struct owner *owner = &entry->owner;

	if (entry->is_hardlink) {
		assert_null(content);
		strbuf_addf(out, "h %s = %s\n", entry->path, entry->link);
		return NULL;
	}
	strbuf_addf(out, "%c %o %u:%u @%lld %s", recorder_letter(owner->mode), owner->mode & 07777,
			owner->uid, owner->gid, (long long)entry->mtime,
			*entry->path ? entry->path : "/");
	if (S_ISREG(owner->mode))
		TRY(recorder_content(out, entry, content));
	else
		assert_null(content);
	if (entry->link)
		strbuf_addf(out, " -> %s", entry->link);
	if (S_ISCHR(owner->mode) || S_ISBLK(owner->mode))
		strbuf_addf(out, " %u,%u", owner->major, owner->minor);
	for (size_t i = 0; i < entry->n_xattrs; i++)
		strbuf_addf(out, " %s=%.*s", entry->xattrs[i].name, (int)entry->xattrs[i].n,
				entry->xattrs[i].value);
	strbuf_add_char(out, '\n');
	return NULL;
}

static inline struct error *recorder_whiteout(struct entry_sink *sink, const char *path)
{
	strbuf_addf(((struct recorder *)sink)->out, "whiteout %s\n", path);
	return NULL;
}

static inline struct error *recorder_opaque(struct entry_sink *sink, const char *path)
{
	strbuf_addf(((struct recorder *)sink)->out, "opaque %s\n", path);
	return NULL;
}

static inline struct error *recorder_close(struct entry_sink *sink)
{
	strbuf_add(((struct recorder *)sink)->out, "closed\n");
	return NULL;
}

static inline void recorder_free(struct entry_sink *sink)
{
	free(sink);
}

static const struct entry_sink_ops recorder_ops = { recorder_add, recorder_whiteout,
	recorder_opaque, recorder_close, recorder_free };

/* Borrows out. */
static inline struct entry_sink *recorder_new(struct strbuf *out)
{
	struct recorder *recorder = xcalloc(1, sizeof(*recorder));

	recorder->sink.ops = &recorder_ops;
	recorder->out = out;
	return &recorder->sink;
}

/* What a tar in memory says, as a recorder writes it; the error of the first bad entry. */
static inline FALLIBLE record_tar(const void *bytes, size_t n, struct strbuf *out)
{
	AUTO(tar_reader) struct tar_reader *tar = tar_reader_new(reader_from_bytes(bytes, n));
	AUTO(entry_sink) struct entry_sink *sink = recorder_new(out);

	for (;;) {
		const struct entry *entry = NULL;
		struct reader *content = NULL;

		TRY(tar_reader_next(tar, &entry, &content));
		if (!entry)
			return NULL;
		TRY(entry_sink_add(sink, entry, content));
	}
}

static inline FALLIBLE add_text(struct entry_sink *sink, struct entry entry, const char *text)
{
	AUTO(reader) struct reader *content = reader_from_bytes(text, strlen(text));

	entry.size = strlen(text);
	entry.owner.mode |= S_IFREG;
	return entry_sink_add(sink, &entry, content);
}

static inline FALLIBLE add_dir(struct entry_sink *sink, const char *path, uint32_t mode)
{
	const struct entry entry = {
		.path = path, .owner = { .mode = S_IFDIR | mode }, .mtime = 5
	};

	return entry_sink_add(sink, &entry, NULL);
}

static inline FALLIBLE add_file(struct entry_sink *sink, const char *path, const char *text)
{
	return add_text(sink, (struct entry){ .path = path, .owner = { .mode = 0644 }, .mtime = 5 },
			text);
}

static inline FALLIBLE add_symlink(struct entry_sink *sink, const char *path, const char *target)
{
	const struct entry entry = {
		.path = path, .owner = { .mode = S_IFLNK | 0777 }, .mtime = 5, .link = target
	};

	return entry_sink_add(sink, &entry, NULL);
}

static inline FALLIBLE add_hardlink(struct entry_sink *sink, const char *path, const char *target)
{
	const struct entry entry = { .path = path,
		.owner = { .mode = S_IFREG | 0644 },
		.mtime = 5,
		.link = target,
		.is_hardlink = true };

	return entry_sink_add(sink, &entry, NULL);
}
