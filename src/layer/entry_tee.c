/*
 * Two sinks from one read. Sinks pull their content, so for large files the second one pulls from a
 * pipe on its own thread, which the first one's reads fill.
 */
#include "base/xalloc.h"
#include "layer/entry.h"
#include "stream/group.h"
#include "stream/pipe.h"

enum { IN_MEMORY_BYTES = 256 * 1024 };

struct tee {
	struct entry_sink sink;
	struct entry_sink *a, *b;
	struct group *group;
	char *buf; /* IN_MEMORY_BYTES */
};

/* Reads from content and gives a copy to the pipe. */
struct tap {
	struct reader reader;
	struct reader *content; /* borrowed */
	struct writer *pipe;    /* borrowed; NULL once the other side has enough */
};

static FALLIBLE tap_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	const struct tap *tap = (struct tap *)reader;

	TRY(reader_read(tap->content, buf, n, ret_n));
	if (*ret_n)
		TRY(writer_write(tap->pipe, buf, *ret_n));
	return NULL;
}

static void tap_free(struct reader *reader)
{
	(void)reader;
}

static const struct reader_ops tap_ops = { tap_read, tap_free };

struct second {
	struct entry_sink *sink;
	const struct entry *entry;
	struct reader *content; /* the pipe's end */
};

static struct error *run_second(void *argument)
{
	struct second *second = argument;
	struct error *error = entry_sink_add(second->sink, second->entry, second->content);

	/* What the sink left unread must not stop the first one. */
	if (!error)
		error = reader_drain(second->content);
	reader_free(second->content);
	return error;
}

static FALLIBLE add_large(struct tee *tee, const struct entry *entry, struct reader *content)
{
	struct second second = { .sink = tee->b, .entry = entry };
	struct tap tap = { .reader = { .ops = &tap_ops }, .content = content };

	if (!tee->group)
		tee->group = group_new();
	pipe_open(PIPE_BLOCKS_DEFAULT, &second.content, &tap.pipe);
	if (!group_start(tee->group, "kiln-tee", run_second, &second))
		reader_free(second.content);
	struct error *error = entry_sink_add(tee->a, entry, &tap.reader);
	if (!error)
		error = reader_drain(&tap.reader);
	if (error)
		writer_fail(tap.pipe, error);
	else
		error = writer_close(tap.pipe);
	return error_first(error, group_join(tee->group));
}

static FALLIBLE add_small(struct tee *tee, const struct entry *entry, struct reader *content)
{
	if (!tee->buf)
		tee->buf = xmalloc(IN_MEMORY_BYTES);
	TRY(reader_read_full(content, tee->buf, entry->size));
	for (int i = 0; i < 2; i++) {
		AUTO(reader) struct reader *copy = reader_from_bytes(tee->buf, entry->size);

		TRY(entry_sink_add(i == 0 ? tee->a : tee->b, entry, copy));
	}
	return NULL;
}

static FALLIBLE tee_add(struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct tee *tee = (struct tee *)sink;

	if (content && entry->size > IN_MEMORY_BYTES)
		return add_large(tee, entry, content);
	if (content && entry->size > 0)
		return add_small(tee, entry, content);
	TRY(entry_sink_add(tee->a, entry, content));
	return entry_sink_add(tee->b, entry, content);
}

static FALLIBLE tee_whiteout(struct entry_sink *sink, const char *path)
{
	const struct tee *tee = (struct tee *)sink;

	TRY(entry_sink_whiteout(tee->a, path));
	return entry_sink_whiteout(tee->b, path);
}

static FALLIBLE tee_opaque(struct entry_sink *sink, const char *path)
{
	const struct tee *tee = (struct tee *)sink;

	TRY(entry_sink_opaque(tee->a, path));
	return entry_sink_opaque(tee->b, path);
}

static FALLIBLE tee_close(struct entry_sink *sink)
{
	struct tee *tee = (struct tee *)sink;
	struct error *error = entry_sink_close(TAKE(tee->a));

	return error_first(error, entry_sink_close(TAKE(tee->b)));
}

static void tee_free(struct entry_sink *sink)
{
	struct tee *tee = (struct tee *)sink;

	entry_sink_free(tee->a);
	entry_sink_free(tee->b);
	group_free(tee->group);
	free(tee->buf);
	free(tee);
}

static const struct entry_sink_ops tee_ops = { tee_add, tee_whiteout, tee_opaque, tee_close,
	tee_free };

struct entry_sink *entry_sink_tee(struct entry_sink *a, struct entry_sink *b)
{
	struct tee *tee = xcalloc(1, sizeof(*tee));

	tee->sink.ops = &tee_ops;
	tee->a = a;
	tee->b = b;
	return &tee->sink;
}
