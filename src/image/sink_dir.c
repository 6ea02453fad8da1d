/* dir: as source_dir.c reads it. The document comes last, so what is there is whole. */
#include "image/set_sink.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define DIR_MARK "Directory Transport Version: 1.1\n"

struct dir_sink {
	struct set_sink sink;
	int fd;
};

static struct error *put_blob(
		struct set_sink *sink, struct image_source *source, const struct descriptor *blob)
{
	return layout_write_blob(source, ((struct dir_sink *)sink)->fd, blob);
}

static struct error *put_document(
		struct set_sink *sink, const struct descriptor *what, struct str json)
{
	char hex[DIGEST_HEX];
	AUTO_FREE char *name = xasprintf("%s.manifest.json", digest_hex(&what->digest, hex));

	return file_write_atomic(((struct dir_sink *)sink)->fd, name, json.p, json.n, 0644, false);
}

/* Two images in one directory would share the name manifest.json. */
static FALLIBLE check_empty(int fd, const char *dir)
{
	if (faccessat(fd, "version", F_OK, 0) == 0 || faccessat(fd, "manifest.json", F_OK, 0) != 0)
		return NULL;
	return error_hint(error_new(ERR_EXISTS, "'%s' holds something else", dir),
			"name another directory for 'dir:'");
}

FALLIBLE image_set_save_dir(const struct image_set *set, const char *dir, struct cancel *cancel,
		const struct image_progress *progress)
{
	AUTO_FD int fd = -1;

	TRY(file_make_dirs(dir, 0755));
	TRY(file_open(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, &fd));
	TRY(check_empty(fd, dir));
	struct dir_sink sink = { { put_blob, put_document, progress }, fd };
	TRY(set_copy(set, &sink.sink, cancel));
	TRY(file_write_atomic(fd, "version", DIR_MARK, strlen(DIR_MARK), 0644, false));
	return file_write_atomic(fd, "manifest.json", set->json, set->n, 0644, false);
}
