/*
 * Files that a commit adds. A layer has no name twice, so where they are in one layer with the
 * container's own files, what they replace is left out of that.
 */
#include "build/working_inner.h"
#include "sys/fd.h"
#include "sys/path.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int by_path(const void *a, const void *b)
{
	const struct working_file *x = a, *y = b;

	return path_compare(x->path, y->path);
}

static FALLIBLE send_file(const struct working_files *files, const struct working_file *file,
		struct entry_sink *sink)
{
	AUTO(reader) struct reader *content = NULL;
	AUTO_FD int fd = -1;
	struct stat st;

	TRY(file_open(AT_FDCWD, file->source, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd));
	if (fstat(fd, &st) != 0)
		return error_sys("look at '%s'", file->source);
	if (!S_ISREG(st.st_mode))
		return error_new(ERR_INVALID, "'%s' is no regular file", file->source);
	const struct entry entry = { .path = file->path,
		.owner = { .mode = S_IFREG | 0644 },
		.mtime = files->created,
		.size = (uint64_t)st.st_size };
	content = entry_content(TAKE_FD(fd), entry.size, file->source);
	return entry_sink_add(sink, &entry, content);
}

FALLIBLE working_files_send(const struct working_files *files, struct entry_sink *sink)
{
	AUTO_FREE struct working_file *sorted = xcalloc(files->n, sizeof(*sorted));

	for (size_t i = 0; i < files->n; i++)
		sorted[i] = files->p[i];
	qsort(sorted, files->n, sizeof(*sorted), by_path);
	for (size_t i = 0; i < files->n; i++) {
		if (i && strcmp(sorted[i - 1].path, sorted[i].path) == 0)
			return error_new(ERR_INVALID, "two files are added as '/%s'",
					sorted[i].path);
		TRY_WRAP(send_file(files, &sorted[i], sink), "add '%s' as '/%s'", sorted[i].source,
				sorted[i].path);
	}
	return NULL;
}

/* --- all but what they replace --- */

struct files_over {
	struct entry_sink sink;
	const struct working_files *files;
	struct entry_sink *below; /* borrowed */
};

/* The file that takes the place of path, or of a folder that it is in; or NULL. */
static const char *replaces(const struct working_files *files, const char *path)
{
	for (size_t i = 0; i < files->n; i++)
		if (path_is_in(path, files->p[i].path))
			return files->p[i].path;
	return NULL;
}

static FALLIBLE over_add(struct entry_sink *base, const struct entry *entry, struct reader *content)
{
	struct files_over *over = (struct files_over *)base;

	if (replaces(over->files, entry->path))
		return NULL;
	const char *gone = entry->is_hardlink ? replaces(over->files, entry->link) : NULL;
	if (gone)
		return error_hint(
				error_new(ERR_UNSUPPORTED,
						"'/%s', which is added, would take the content of "
						"'/%s' away, a hard link to what it replaces",
						gone, entry->path),
				"commit without --squash");
	return entry_sink_add(over->below, entry, content);
}

static FALLIBLE over_whiteout(struct entry_sink *base, const char *path)
{
	return entry_sink_whiteout(((struct files_over *)base)->below, path);
}

static FALLIBLE over_opaque(struct entry_sink *base, const char *path)
{
	return entry_sink_opaque(((struct files_over *)base)->below, path);
}

/* Who lent the sink below goes on with it. */
static FALLIBLE over_close(struct entry_sink *base)
{
	(void)base;
	return NULL;
}

static void over_free(struct entry_sink *base)
{
	free(base);
}

struct entry_sink *working_files_over(const struct working_files *files, struct entry_sink *below)
{
	static const struct entry_sink_ops ops = { over_add, over_whiteout, over_opaque, over_close,
		over_free };
	struct files_over *over = xcalloc(1, sizeof(*over));

	over->sink.ops = &ops;
	over->files = files;
	over->below = below;
	return &over->sink;
}
