/*
 * A folder of OCI layouts, one an image and named by its manifest's digest, as Kaniko's warmer
 * writes it: what lies there need not come over the network. Its bytes are checked before they are
 * used, so that a damaged folder costs time and nothing else.
 */
#include "base/log.h"
#include "image/source.h"
#include "stream/hash.h"
#include "sys/dir.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct cached_source {
	struct image_source source;
	char *dir;
	struct image_source *below;
};

static FALLIBLE open_file(int fd, const struct descriptor *blob, struct reader **ret)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return error_sys("read a cached blob");
	if (lseek(copy, 0, SEEK_SET) != 0) {
		(void)close(copy);
		return error_sys("read a cached blob");
	}
	*ret = verify_reader(reader_from_fd(copy), &blob->digest, blob->size);
	return NULL;
}

static FALLIBLE check_file(int fd, const struct descriptor *blob)
{
	AUTO(reader) struct reader *reader = NULL;

	TRY(open_file(fd, blob, &reader));
	return reader_drain(reader);
}

/* *ret stays NULL when this layout has no good copy. */
static FALLIBLE try_layout(
		int dir_fd, const char *layout, const struct descriptor *blob, struct reader **ret)
{
	char hex[DIGEST_HEX];
	AUTO_FREE char *path =
			xasprintf("%s/blobs/sha256/%s", layout, digest_hex(&blob->digest, hex));
	AUTO_FD int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
			(uint64_t)st.st_size != blob->size)
		return NULL;

	struct error *error = check_file(fd, blob);

	if (error) {
		log_warn("'%s' in the cache of base images is damaged; it is fetched anew", path);
		error_ignore(error, "a damaged cache is a miss");
		return NULL;
	}
	return open_file(fd, blob, ret);
}

static struct error *open_blob(
		struct image_source *source, const struct descriptor *blob, struct reader **ret)
{
	struct cached_source *self = (struct cached_source *)source;
	AUTO(list) struct list names = { 0 };
	AUTO_FD int fd = open(self->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct reader *found = NULL;

	if (fd >= 0)
		error_ignore(dir_names(fd, ".", &names), "an unreadable cache is a miss");
	for (size_t i = 0; i < names.n && !found; i++)
		if (text_starts(names.p[i], "sha256:"))
			TRY(try_layout(fd, names.p[i], blob, &found));
	if (!found)
		return self->below->ops->open_blob(self->below, blob, ret);
	*ret = found;
	return NULL;
}

static const char *repository(const struct image_source *source)
{
	const struct cached_source *self = (const struct cached_source *)source;

	return self->below->ops->repository(self->below);
}

static void cached_free(struct image_source *source)
{
	struct cached_source *self = (struct cached_source *)source;

	image_source_unref(self->below);
	free(self->dir);
	free(self);
}

struct image_source *source_cached(const char *dir, struct image_source *below)
{
	static const struct image_source_ops ops = {
		.open_blob = open_blob, .repository = repository, .free = cached_free
	};
	struct cached_source *source = xcalloc(1, sizeof(*source));

	source->source = (struct image_source){ &ops, 1 };
	source->dir = xstrdup(dir);
	source->below = below;
	return &source->source;
}
