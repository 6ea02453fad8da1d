/*
 * The same look as secrets_scan's, on the layer's way into its blob: what is read for the tar is
 * looked through as it passes. A match may lie across reads, so the end of what was read before is
 * looked at again with what comes next.
 */
#include "build/secrets_inner.h"
#include "sys/path.h"

#include <string.h>
#include <sys/stat.h>

enum { LOOK_BYTES = 1024 * 1024 };

struct secrets_sink {
	struct entry_sink sink;
	struct entry_sink *below;
	struct secrets_watch *watch;
	size_t overlap;
	char *buf;   /* overlap + LOOK_BYTES, and LOOK_BYTES is at least overlap */
	size_t room; /* of buf */
	size_t n;    /* bytes in buf */
	size_t seen; /* of them were looked through */
};

static FALLIBLE look(struct secrets_sink *sink, const void *bytes, size_t n, const char *path,
		const char *where)
{
	struct secrets_watch *watch = sink->watch;

	if (watch->found)
		return NULL; /* one is told, and it is allowed */
	struct error *error = secrets_look(watch->secrets, bytes, n, path, where);
	if (!error)
		return NULL;
	watch->found = error;
	return watch->goes_on ? NULL : error_new(ERR_CANCELED, "a secret was found");
}

/* What gathered, but for the end that may go on. */
static FALLIBLE look_gathered(struct secrets_sink *sink, const char *path)
{
	if (sink->n == sink->seen)
		return NULL;
	TRY(look(sink, sink->buf, sink->n, path, ""));
	size_t kept = sink->n < sink->overlap ? sink->n : sink->overlap;
	memmove(sink->buf, sink->buf + sink->n - kept, kept);
	sink->n = sink->seen = kept;
	return NULL;
}

/* --- contents --- */

struct watched {
	struct reader reader;
	struct reader *content; /* borrowed */
	struct secrets_sink *sink;
	const char *path;
};

static FALLIBLE watched_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct watched *watched = (struct watched *)reader;
	struct secrets_sink *sink = watched->sink;

	if (n > LOOK_BYTES)
		n = LOOK_BYTES;
	TRY(reader_read(watched->content, buf, n, ret_n));
	if (sink->n + *ret_n > sink->room)
		TRY(look_gathered(sink, watched->path));
	memcpy(sink->buf + sink->n, buf, *ret_n);
	sink->n += *ret_n;
	return NULL;
}

static void watched_free(struct reader *reader)
{
	(void)reader;
}

static const struct reader_ops watched_ops = { watched_read, watched_free, NULL };

static FALLIBLE pass_content(
		struct secrets_sink *sink, const struct entry *entry, struct reader *content)
{
	struct watched watched = { .reader = { .ops = &watched_ops },
		.content = content,
		.sink = sink,
		.path = entry->path };

	sink->n = sink->seen = 0;
	TRY(entry_sink_add(sink->below, entry, &watched.reader));
	/* What the sink had no use for lies in the store all the same. */
	TRY(reader_drain(&watched.reader));
	return look_gathered(sink, entry->path);
}

/* --- the sink --- */

static FALLIBLE sink_add(struct entry_sink *base, const struct entry *entry, struct reader *content)
{
	struct secrets_sink *sink = (struct secrets_sink *)base;
	const char *name = path_name(entry->path);

	TRY(look(sink, name, strlen(name), entry->path, "the name of "));
	if (entry->link && !entry->is_hardlink)
		TRY(look(sink, entry->link, strlen(entry->link), entry->path, "the target of "));
	for (size_t i = 0; i < entry->n_xattrs; i++)
		TRY(look(sink, entry->xattrs[i].value, entry->xattrs[i].n, entry->path,
				"an attribute of "));
	return content ? pass_content(sink, entry, content)
		       : entry_sink_add(sink->below, entry, NULL);
}

static FALLIBLE sink_whiteout(struct entry_sink *base, const char *path)
{
	return entry_sink_whiteout(((struct secrets_sink *)base)->below, path);
}

static FALLIBLE sink_opaque(struct entry_sink *base, const char *path)
{
	return entry_sink_opaque(((struct secrets_sink *)base)->below, path);
}

static FALLIBLE sink_close(struct entry_sink *base)
{
	return entry_sink_close(TAKE(((struct secrets_sink *)base)->below));
}

static void sink_free(struct entry_sink *base)
{
	struct secrets_sink *sink = (struct secrets_sink *)base;

	entry_sink_free(sink->below);
	explicit_bzero(sink->buf, sink->room);
	free(sink->buf);
	free(sink);
}

static const struct entry_sink_ops sink_ops = { sink_add, sink_whiteout, sink_opaque, sink_close,
	sink_free };

struct entry_sink *secrets_sink(struct secrets_watch *watch, struct entry_sink *below)
{
	size_t overlap = secrets_overlap(watch->secrets);

	if (!overlap)
		return below; /* all too short to be looked for */
	struct secrets_sink *sink = xcalloc(1, sizeof(*sink));
	sink->sink.ops = &sink_ops;
	sink->below = below;
	sink->watch = watch;
	sink->overlap = overlap;
	sink->room = overlap + (overlap > LOOK_BYTES ? overlap : LOOK_BYTES);
	sink->buf = xmalloc(sink->room);
	return &sink->sink;
}
