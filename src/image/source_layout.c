/* An OCI layout directory, read where it lies. Spec: OCI image-spec v1.1, image-layout.md. */
#include "base/limits.h"
#include "base/strbuf.h"
#include "image/layout_json.h"
#include "image/source.h"
#include "stream/hash.h"
#include "sys/fd.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct layout_source {
	struct image_source source;
	int fd;
};

static struct error *open_blob(
		struct image_source *source, const struct descriptor *blob, struct reader **ret)
{
	struct layout_source *self = (struct layout_source *)source;
	AUTO_FD int fd = -1;
	char hex[DIGEST_HEX];
	AUTO_FREE char *path = xasprintf("blobs/sha256/%s", digest_hex(&blob->digest, hex));

	TRY_WRAP(rootfs_open_file(self->fd, path, &fd), "open the blob of the layout");
	*ret = verify_reader(reader_from_fd(TAKE_FD(fd)), &blob->digest, blob->size);
	return NULL;
}

static const char *repository(const struct image_source *source)
{
	(void)source;
	return NULL;
}

static void layout_free(struct image_source *source)
{
	struct layout_source *self = (struct layout_source *)source;

	if (self->fd >= 0)
		(void)close(self->fd);
	free(self);
}

static const struct image_source_ops ops = {
	.open_blob = open_blob,
	.repository = repository,
	.free = layout_free,
};

/*
 * The colon before the tag, s.n: none. A tag may have colons, as may the folder: it stands behind
 * the first folder that is there, else behind the last colon.
 */
static size_t find_tag(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		AUTO_FREE char *dir = s.p[i] == ':' ? str_dup(str_slice(s, 0, i)) : NULL;
		struct stat st;

		if (dir && stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
			return i;
	}
	return str_find_last(s, ':');
}

void layout_split(const char *where, char **ret_dir, char **ret_tag, struct digest *ret_digest)
{
	struct str s = str_of(where);
	size_t at = str_find(s, '@'), colon = s.n;
	struct stat st;

	*ret_tag = NULL;
	if (at < s.n) {
		struct error *error = digest_parse(str_slice(s, at + 1, s.n), ret_digest);

		if (!error) {
			*ret_dir = str_dup(str_slice(s, 0, at));
			return;
		}
		error_free(error);
	}
	if (stat(where, &st) != 0)
		colon = find_tag(s);
	if (colon < s.n) {
		*ret_dir = str_dup(str_slice(s, 0, colon));
		*ret_tag = str_dup(str_slice(s, colon + 1, s.n));
		return;
	}
	*ret_dir = xstrdup(where);
}

static const struct descriptor *pick(
		const struct image_index *index, const char *tag, const struct digest *digest)
{
	for (size_t i = 0; i < index->manifests.n; i++) {
		const struct descriptor *entry = &index->manifests.p[i];
		const char *name = list_env_get(&entry->annotations, LAYOUT_NAME);

		if (digest_known(digest) ? digest_equal(&entry->digest, digest)
					 : !tag || text_equal(name, tag))
			return entry;
	}
	return NULL;
}

static struct error *not_there(const struct image_index *index, const char *where)
{
	AUTO(strbuf) struct strbuf have = { 0 };

	for (size_t i = 0; i < index->manifests.n && i < 20; i++) {
		const char *name = list_env_get(&index->manifests.p[i].annotations, LAYOUT_NAME);

		strbuf_addf(&have, "%s%s", have.n ? ", " : "", name ? name : "(no name)");
	}
	return error_hint(error_new(ERR_NOT_FOUND, "there is no image '%s' in the layout", where),
			"there are: %s", have.n ? strbuf_text(&have) : "none");
}

static FALLIBLE read_entry(struct layout_source *source, const char *where, const char *tag,
		const struct digest *digest, struct document *ret)
{
	AUTO(image_index) struct image_index index = { 0 };
	AUTO(reader) struct reader *reader = NULL;
	AUTO_FREE char *json = NULL;
	size_t n = 0;

	TRY(rootfs_read_file(source->fd, "index.json", LIMIT_MANIFEST_BYTES, &json, &n));
	TRY(image_index_parse((struct str){ json, n }, NULL, &index));
	const struct descriptor *entry = pick(&index, tag, digest);
	if (!entry)
		return not_there(&index, where);
	TRY(open_blob(&source->source, entry, &reader));
	ret->digest = entry->digest;
	ret->media_type = xstrdup(entry->media_type);
	return reader_read_all(reader, LIMIT_MANIFEST_BYTES, &ret->json, &ret->n);
}

FALLIBLE source_layout_document(const struct image_homes *homes, const char *where,
		struct document *ret, struct image_source **ret_source,
		struct image_origin *ret_origin)
{
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *tag = NULL;
	struct digest digest = { 0 };

	layout_split(where, &dir, &tag, &digest);
	struct layout_source *source = xcalloc(1, sizeof(*source));
	source->source = (struct image_source){ &ops, 1 };
	*ret_source = &source->source;
	struct error *error = file_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0, &source->fd);
	if (error)
		source->fd = -1;
	else
		error = read_entry(source, where, tag, &digest, ret);
	if (error)
		return error_wrap(error, "OCI layout '%s'", dir);
	*ret_origin = image_origin_file("oci", dir, tag);
	return NULL;
}

FALLIBLE source_layout_open(const struct image_homes *homes, const char *where, struct image **ret)
{
	AUTO_FREE char *name = xasprintf("oci:%s", where);
	AUTO(document) struct document document = { 0 };
	AUTO(image_origin) struct image_origin origin = { 0 };
	struct image_source *source = NULL;
	struct error *error = source_layout_document(homes, where, &document, &source, &origin);

	if (error) {
		image_source_unref(source);
		return error;
	}
	return image_from_document(homes, &origin, name, &document, source, ret);
}
