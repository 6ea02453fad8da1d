/*
 * The content of a file on disk. Where the disk holds less than the size says, holes are found by
 * SEEK_DATA and SEEK_HOLE and given as zeros without reading them.
 */
#include "base/xalloc.h"
#include "layer/entry.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Below this, asking for holes costs more than reading them. */
enum { SPARSE_BYTES = 64 * 1024 };

struct content {
	struct reader reader;
	int fd;
	char *path;
	uint64_t size, at;
	bool in_hole;        /* of the region that ends at region_end */
	uint64_t region_end; /* at <= region_end */
};

static FALLIBLE shrank(const struct content *content)
{
	return error_new(ERR_INVALID, "'%s' became shorter while it was read", content->path);
}

/* Find what starts at content->at: data or a hole, and where it ends. */
static FALLIBLE next_region(struct content *content)
{
	off_t at = (off_t)content->at;
	off_t data = lseek(content->fd, at, SEEK_DATA);

	if (data < 0 && errno == ENXIO) {
		struct stat st;

		if (fstat(content->fd, &st) < 0 || (uint64_t)st.st_size < content->size)
			return shrank(content);
		content->in_hole = true;
		content->region_end = content->size;
		return NULL;
	}
	content->in_hole = data > at;
	off_t end = data > at ? data : lseek(content->fd, at, SEEK_HOLE);
	if (data < 0 || end < 0) {
		/* A file system that cannot say: all is data. */
		content->in_hole = false;
		end = (off_t)content->size;
	}
	content->region_end = (uint64_t)end < content->size ? (uint64_t)end : content->size;
	return NULL;
}

static FALLIBLE content_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct content *content = (struct content *)reader;
	ssize_t got = 0;

	*ret_n = 0;
	if (content->at == content->size)
		return NULL;
	if (content->at == content->region_end)
		TRY(next_region(content));
	uint64_t left = content->region_end - content->at;
	if (n > left)
		n = (size_t)left;
	if (content->in_hole) {
		memset(buf, 0, n);
		got = (ssize_t)n;
	} else {
		do {
			got = pread(content->fd, buf, n, (off_t)content->at);
		} while (got < 0 && errno == EINTR);
	}
	if (got < 0)
		return error_sys("read '%s'", content->path);
	if (got == 0)
		return shrank(content);
	content->at += (uint64_t)got;
	*ret_n = (size_t)got;
	return NULL;
}

static void content_free(struct reader *reader)
{
	struct content *content = (struct content *)reader;

	(void)close(content->fd);
	free(content->path);
	free(content);
}

static const struct reader_ops content_ops = { content_read, content_free };

struct reader *entry_content(int fd, uint64_t size, const char *path)
{
	struct content *content = xcalloc(1, sizeof(*content));
	struct stat st;

	content->reader.ops = &content_ops;
	content->fd = fd;
	content->path = xstrdup(path);
	content->size = size;
	content->region_end = size;
	if (size >= SPARSE_BYTES && fstat(fd, &st) == 0 &&
			(uint64_t)st.st_blocks * 512 < (uint64_t)st.st_size)
		content->region_end = 0;
	return &content->reader;
}

int entry_content_fd(const struct reader *reader)
{
	const struct content *content = (const struct content *)reader;

	return reader->ops == &content_ops && content->at == 0 ? content->fd : -1;
}
