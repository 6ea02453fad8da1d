/* Images of the store, and blobs that are in the store or else somewhere below. */
#include "base/limits.h"
#include "image/source.h"
#include "store/blob.h"
#include "store/tag.h"

#include <assert.h>
#include <string.h>

struct store_source {
	struct image_source source;
	struct store *store;         /* borrowed */
	struct image_source *below;  /* or NULL */
	struct image_source *refill; /* or NULL: where a blob comes from that got lost */
};

static void doubt(
		struct image_source *source, const struct descriptor *blob, const struct error *why)
{
	struct store_source *self = (struct store_source *)source;

	if (self->below)
		image_source_doubt(self->below, blob, why);
}

static struct error *open_blob(
		struct image_source *source, const struct descriptor *blob, struct reader **ret)
{
	struct store_source *self = (struct store_source *)source;
	char text[DIGEST_TEXT];
	bool here = false;
	uint64_t bytes = 0;

	TRY(blob_has(self->store, &blob->digest, &here, &bytes));
	if (here) {
		/* What the store has is true; what was said of it need not be. */
		TRY(image_source_check_size(source, blob, bytes));
		return blob_open(self->store, &blob->digest, ret, NULL);
	}
	if (self->below)
		return self->below->ops->open_blob(self->below, blob, ret);
	if (!self->refill)
		return error_new(ERR_NOT_FOUND, "blob '%s' is not in the store",
				digest_text(&blob->digest, text));
	TRY_WRAP(self->refill->ops->open_blob(self->refill, blob, ret),
			"a blob is not in the store any more");
	return NULL;
}

/* A part of a file that the reader owns. */
struct range_reader {
	struct reader reader;
	int fd;
	uint64_t at;
};

static struct error *range_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct range_reader *self = (struct range_reader *)reader;
	ssize_t got = pread(self->fd, buf, n, (off_t)self->at);

	if (got < 0)
		return error_sys("read a blob of the store");
	self->at += (uint64_t)got;
	*ret_n = (size_t)got;
	return NULL;
}

static void range_free(struct reader *reader)
{
	(void)close(((struct range_reader *)reader)->fd);
	free(reader);
}

static struct error *open_raw(struct image_source *source, const struct descriptor *blob,
		uint64_t offset, struct reader **ret)
{
	static const struct reader_ops range_ops = { .read = range_read, .free = range_free };
	struct store_source *self = (struct store_source *)source;
	struct error *error = NULL;
	uint64_t bytes = 0;
	AUTO_FD int fd = -1;

	error = blob_open_fd(self->store, &blob->digest, &fd, &bytes);
	if (error_is(error, ERR_NOT_FOUND)) {
		error_free(error);
		return error_new(ERR_UNSUPPORTED, "the blob is not in the store");
	}
	TRY(error);
	TRY(image_source_check_size(source, blob, bytes));
	struct range_reader *reader = xcalloc(1, sizeof(*reader));
	*reader = (struct range_reader){ { &range_ops }, TAKE_FD(fd), offset };
	*ret = &reader->reader;
	return NULL;
}

static const char *repository(const struct image_source *source)
{
	const struct store_source *self = (const struct store_source *)source;

	return self->below ? self->below->ops->repository(self->below) : NULL;
}

static const char *repository_of(
		const struct image_source *source, const struct digest *digest, bool *ret_sure)
{
	const struct store_source *self = (const struct store_source *)source;

	return self->below ? image_source_repository(self->below, digest, ret_sure) : NULL;
}

static struct error *tree(
		struct image_source *source, const struct digest *diff_id, struct podman_tree **ret)
{
	return image_source_tree(((struct store_source *)source)->below, diff_id, ret);
}

static void store_source_free(struct image_source *source)
{
	struct store_source *self = (struct store_source *)source;

	image_source_unref(self->below);
	image_source_unref(self->refill);
	free(self);
}

static const struct image_source_ops ops = {
	.open_blob = open_blob,
	.open_raw = open_raw,
	.repository = repository,
	.repository_of = repository_of,
	.doubt = doubt,
	.tree = tree,
	.free = store_source_free,
};

struct image_source *image_source_store(struct store *store, struct image_source *below)
{
	struct store_source *source = xcalloc(1, sizeof(*source));

	source->source = (struct image_source){ &ops, 1 };
	source->store = store;
	source->below = image_source_ref(below);
	return &source->source;
}

void source_store_refill(struct image *image, struct registry_client *client,
		const struct reference *reference)
{
	struct store_source *self = (struct store_source *)image->source;

	/* An encrypted image's: what it is decrypted to is in no registry. */
	if (self->source.ops != &ops)
		return;
	assert(!self->refill);
	self->refill = image_source_registry(client, reference);
}

FALLIBLE source_store_open_digest(const struct image_homes *homes,
		const struct image_origin *origin, const char *name, const struct digest *manifest,
		struct image **ret)
{
	struct document document = { .digest = *manifest };

	TRY(blob_read(homes->store, manifest, LIMIT_MANIFEST_BYTES, &document.json, &document.n));
	return image_from_document(homes, origin, name, &document,
			image_source_store(homes->store, NULL), ret);
}

/* The image or index that a name or a part of a digest means. */
static FALLIBLE find_record(const struct image_homes *homes, const char *name, bool is_id,
		struct tag_record *ret)
{
	AUTO(reference) struct reference reference = { 0 };
	struct error *error = tag_get(homes->store, name, ret);

	if (error_is(error, ERR_NOT_FOUND) && is_id) {
		struct error *parsed = reference_parse(str_of(name), &reference);

		error_free(error);
		error = NULL;
		if (!parsed) {
			AUTO_FREE char *full = reference_text(&reference);

			error = tag_get(homes->store, full, ret);
		}
		if (parsed || error_is(error, ERR_NOT_FOUND)) {
			error_free(parsed);
			error_free(error);
			error = tag_find(homes->store, name, ret);
		}
	}
	return error;
}

FALLIBLE source_store_document(const struct image_homes *homes, const char *name, bool is_id,
		struct document *ret, struct image_source **ret_source)
{
	AUTO(tag_record) struct tag_record record = { 0 };

	TRY(find_record(homes, name, is_id, &record));
	*ret = (struct document){ .digest = record.manifest };
	TRY(blob_read(homes->store, &record.manifest, LIMIT_MANIFEST_BYTES, &ret->json, &ret->n));
	*ret_source = image_source_store(homes->store, NULL);
	return NULL;
}

FALLIBLE source_store_open(
		const struct image_homes *homes, const char *name, bool is_id, struct image **ret)
{
	static const struct image_origin here = { 0 };
	struct document document = { 0 };
	struct image_source *source = NULL;

	TRY(source_store_document(homes, name, is_id, &document, &source));
	return image_from_document(homes, &here, name, &document, source, ret);
}

FALLIBLE source_store_lost(const struct image_homes *homes, const char *name, struct digest *ret)
{
	AUTO(tag_record) struct tag_record record = { 0 };
	bool has_manifest = false, has_config = true;
	struct error *error = tag_get(homes->store, name, &record);

	*ret = (struct digest){ 0 };
	if (error_is(error, ERR_NOT_FOUND)) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	TRY(blob_has(homes->store, &record.manifest, &has_manifest, NULL));
	if (digest_known(&record.config))
		TRY(blob_has(homes->store, &record.config, &has_config, NULL));
	if (!has_manifest || !has_config)
		*ret = record.manifest;
	return NULL;
}
