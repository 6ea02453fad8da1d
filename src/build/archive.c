#include "build/archive.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "layer/layer.h"
#include "stream/codec.h"

#include <string.h>

bool archive_is_header(const unsigned char block[static ARCHIVE_BLOCK])
{
	uint64_t wanted = 0;
	unsigned sum = 0;

	for (size_t i = 0; i < ARCHIVE_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : block[i];
	struct str field = str_trim((struct str){ (const char *)block + 148, 8 });
	while (field.n && (field.p[field.n - 1] == '\0' || field.p[field.n - 1] == ' '))
		field.n--;
	struct error *error = parse_octal(field, UINT32_MAX, &wanted);
	bool is_header = !error && wanted == sum;
	error_free(error);
	return is_header;
}

/* What was looked at, and then the rest. */
struct rejoined {
	struct reader reader;
	struct reader *below;
	unsigned char block[ARCHIVE_BLOCK];
	size_t at, n;
};

static struct error *rejoined_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct rejoined *rejoined = (struct rejoined *)reader;
	size_t left = rejoined->n - rejoined->at;

	if (!left)
		return reader_read(rejoined->below, buf, n, ret_n);
	*ret_n = n < left ? n : left;
	memcpy(buf, rejoined->block + rejoined->at, *ret_n);
	rejoined->at += *ret_n;
	return NULL;
}

static void rejoined_free(struct reader *reader)
{
	struct rejoined *rejoined = (struct rejoined *)reader;

	reader_free(rejoined->below);
	free(rejoined);
}

static const struct reader_ops rejoined_ops = { .read = rejoined_read, .free = rejoined_free };

FALLIBLE archive_open(struct reader *below, struct reader **ret, bool *ret_is_archive)
{
	AUTO(reader) struct reader *plain = NULL;
	size_t got = 1;

	TRY(codec_reader(below, &plain, NULL));
	struct rejoined *rejoined = xcalloc(1, sizeof(*rejoined));
	AUTO(reader) struct reader *reader = &rejoined->reader;

	rejoined->reader.ops = &rejoined_ops;
	rejoined->below = TAKE(plain);
	while (rejoined->n < ARCHIVE_BLOCK && got) {
		TRY(reader_read(rejoined->below, rejoined->block + rejoined->n,
				ARCHIVE_BLOCK - rejoined->n, &got));
		rejoined->n += got;
	}
	static const unsigned char zeros[ARCHIVE_BLOCK];

	*ret_is_archive = rejoined->n == ARCHIVE_BLOCK &&
			  (archive_is_header(rejoined->block) ||
					  memcmp(rejoined->block, zeros, ARCHIVE_BLOCK) == 0);
	*ret = TAKE(reader);
	return NULL;
}

/* Entries as the user's own files would be: nobody's in particular, and no devices. */
struct plain_sink {
	struct entry_sink sink;
	struct entry_sink *below;
	int64_t newest;
};

static struct error *plain_add(
		struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct plain_sink *plain = (struct plain_sink *)sink;
	struct entry mine = *entry;

	if (S_ISBLK(entry->owner.mode) || S_ISCHR(entry->owner.mode))
		return error_hint(
				error_new(ERR_INVALID, "'%s' is a device, which is no file to copy",
						entry->path),
				"leave it out of the archive");
	mine.owner.uid = mine.owner.gid = 0;
	if (entry->mtime > plain->newest)
		plain->newest = entry->mtime;
	return entry_sink_add(plain->below, &mine, content);
}

static void plain_free(struct entry_sink *sink)
{
	(void)sink; /* lives on the stack of archive_unpack() */
}

FALLIBLE archive_unpack(struct reader *tar, int dir_fd, const char *what, struct cancel *cancel,
		int64_t *ret_newest)
{
	static const struct entry_sink_ops ops = { .add = plain_add, .free = plain_free };
	static const struct apply_options options = { .mode = APPLY_ROOTFS,
		.policy = { .kind = OWNER_PLAIN } };
	AUTO(tar_reader)
	struct tar_reader *entries = tar_reader_new(reader_limit(tar, LIMIT_CONTEXT_BYTES, what));
	AUTO(entry_sink) struct entry_sink *files = apply_sink(dir_fd, &options);
	struct plain_sink sink = { { &ops, false }, files, 0 };

	TRY(layer_replay_archive(entries, &sink.sink, cancel, NULL));
	*ret_newest = sink.newest;
	return entry_sink_close(TAKE(files));
}
