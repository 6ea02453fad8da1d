/*
 * dir: manifest.json, and one file a blob named by the hex digits of its digest; an image of an
 * index is HEX.manifest.json. What skopeo and Buildah write as "dir:". Spec: containers/image,
 * directory transport 1.1.
 */
#include "base/limits.h"
#include "image/source.h"
#include "stream/hash.h"
#include "sys/fd.h"
#include "sys/rootfs.h"

#include <errno.h>
#include <fcntl.h>

struct dir_source {
	struct image_source source;
	int fd;
};

static struct error *open_blob(
		struct image_source *source, const struct descriptor *blob, struct reader **ret)
{
	struct dir_source *self = (struct dir_source *)source;
	enum media_role role = mediatype_role(blob->media_type);
	bool is_document = role == MEDIA_MANIFEST || role == MEDIA_INDEX;
	AUTO_FD int fd = -1;
	char hex[DIGEST_HEX];
	AUTO_FREE char *path = xasprintf("%s%s", digest_hex(&blob->digest, hex),
			is_document ? ".manifest.json" : "");
	struct error *error = rootfs_open_file(self->fd, path, &fd);

	if (error_is_errno(error, ENOENT)) {
		error_free(error);
		return error_new(ERR_NOT_FOUND, "there is no file '%s'", path);
	}
	if (error)
		return error;
	*ret = verify_reader(reader_from_fd(TAKE_FD(fd)), &blob->digest, blob->size);
	return NULL;
}

static const char *repository(const struct image_source *source)
{
	(void)source;
	return NULL;
}

static void dir_free(struct image_source *source)
{
	struct dir_source *self = (struct dir_source *)source;

	if (self->fd >= 0)
		(void)close(self->fd);
	free(self);
}

static const struct image_source_ops ops = {
	.open_blob = open_blob,
	.repository = repository,
	.free = dir_free,
};

FALLIBLE source_dir_document(const char *path, struct document *ret,
		struct image_source **ret_source, struct image_origin *ret_origin)
{
	struct dir_source *source = xcalloc(1, sizeof(*source));

	source->source = (struct image_source){ &ops, 1 };
	*ret_source = &source->source;
	struct error *error = file_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, &source->fd);
	if (error)
		source->fd = -1;
	else
		error = rootfs_read_file(source->fd, "manifest.json", LIMIT_MANIFEST_BYTES,
				&ret->json, &ret->n);
	if (error)
		return error_wrap(error, "image directory '%s'", path);
	ret->digest = digest_of(ret->json, ret->n);
	*ret_origin = image_origin_file("dir", path, NULL);
	return NULL;
}

FALLIBLE source_dir_open(const struct image_homes *homes, const char *path, struct image **ret)
{
	AUTO_FREE char *name = xasprintf("dir:%s", path);
	AUTO(document) struct document document = { 0 };
	AUTO(image_origin) struct image_origin origin = { 0 };
	struct image_source *source = NULL;
	struct error *error = source_dir_document(path, &document, &source, &origin);

	if (error) {
		image_source_unref(source);
		return error;
	}
	return image_from_document(homes, &origin, name, &document, source, ret);
}
