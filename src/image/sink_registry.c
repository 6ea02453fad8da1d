/*
 * Pushing. When the name already stands for these bytes, that one question was all. Otherwise
 * layers and config go at the same time, each by the cheapest way the registry offers (it is there,
 * it can be mounted from where the base came from, it is sent), then the manifest.
 */
#include "image/image.h"
#include "image/set_sink.h"
#include "registry/registry.h"
#include "stream/pool.h"
#include "trust/sign.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Uploads share the line; mounts only wait for their answer. */
enum { PUSHES = 4, MOUNTS = 32 };

struct push {
	const struct image *image; /* NULL: one blob ahead of its image */
	struct image_source *source;
	struct registry_client *registry;
	const struct reference *to;
	const struct image_progress *progress;
	struct cancel *cancel;
	bool is_first; /* nothing has the name yet */
	pthread_mutex_t lock;
	size_t next; /* guarded by lock: the config, which is never mounted, then layers */
};

/* One blob on its way. */
struct parcel {
	struct push *push;
	const struct descriptor *blob;
	char what[32];
};

/* Tells progress while bytes are read for sending. */
struct parcel_reader {
	struct reader reader;
	struct reader *below;
	struct parcel *parcel;
	uint64_t done;
};

static struct error *parcel_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct parcel_reader *self = (struct parcel_reader *)reader;
	const struct image_progress *progress = self->parcel->push->progress;

	TRY(reader_read(self->below, buf, n, ret_n));
	self->done += *ret_n;
	if (progress && *ret_n)
		progress->report(progress->user, self->parcel->what, self->done,
				self->parcel->blob->size, false);
	return NULL;
}

static void parcel_reader_free(struct reader *reader)
{
	reader_free(((struct parcel_reader *)reader)->below);
	free(reader);
}

/* Reading on from the middle: what was sent is read again, so that the whole is verified. */
static FALLIBLE skip(struct reader *reader, uint64_t n, const char *what)
{
	char skipped[65536];

	while (n) {
		size_t got = 0;

		TRY(reader_read(reader, skipped, n < sizeof(skipped) ? n : sizeof(skipped), &got));
		if (got == 0)
			return error_new(ERR_INVALID, "'%s' is shorter than its manifest says",
					what);
		n -= got;
	}
	return NULL;
}

static struct error *parcel_open(void *user, uint64_t offset, struct reader **ret)
{
	static const struct reader_ops ops = { .read = parcel_read, .free = parcel_reader_free };
	struct parcel *parcel = user;
	struct image_source *source = parcel->push->source;
	AUTO(reader) struct reader *below = NULL;
	struct error *error = error_new(ERR_UNSUPPORTED, "not offered");

	if (source->ops->open_raw) {
		error_free(error);
		error = source->ops->open_raw(source, parcel->blob, offset, &below);
	}
	if (error_is(error, ERR_UNSUPPORTED)) {
		error_free(error);
		TRY(source->ops->open_blob(source, parcel->blob, &below));
		TRY(skip(below, offset, parcel->what));
	} else if (error) {
		return error;
	}
	struct parcel_reader *reader = xcalloc(1, sizeof(*reader));
	*reader = (struct parcel_reader){ { &ops }, TAKE(below), parcel, offset };
	*ret = &reader->reader;
	return NULL;
}

/*
 * A blob that is mounted passes nobody who counts: where it lies is asked for its size, while the
 * mount is under way.
 */
struct size_check {
	struct push *push;
	const struct descriptor *blob;
	const char *from;
};

static struct error *check_size(void *argument)
{
	const struct size_check *check = argument;

	return registry_check_blob_size(check->push->registry, check->from, &check->blob->digest,
			check->blob->size);
}

static FALLIBLE put_blob_checked(
		struct push *push, const struct descriptor *blob, const struct registry_blob *sent)
{
	const char *from = sent->is_mountable ? sent->mount_from[0] : NULL;
	struct size_check check = { push, blob, from };
	AUTO_FREE char *own = reference_name(push->to);

	/* In a repository of its own it is not mounted but asked for. */
	if (!from || strcmp(from, own) == 0)
		return registry_put_blob(push->registry, push->to, sent, NULL);
	AUTO(group) struct group *group = group_new();
	group_start(group, "blob size", check_size, &check);
	struct error *error = registry_put_blob(push->registry, push->to, sent, NULL);
	struct error *lie = group_join(group);
	if (!lie)
		return error;
	error_ignore(error, "it is about a blob that is something else");
	return lie;
}

static FALLIBLE push_blob(struct push *push, const struct descriptor *blob)
{
	struct parcel parcel = { .push = push, .blob = blob };
	/* A config is made anew with each image. */
	bool is_config = mediatype_role(blob->media_type) == MEDIA_CONFIG;
	bool is_sure = false;
	const char *from[] = {
		is_config ? NULL : image_source_repository(push->source, &blob->digest, &is_sure),
		NULL
	};
	struct registry_blob sent = { .digest = blob->digest,
		.size = blob->size,
		.open = parcel_open,
		.user = &parcel,
		.mount_from = from,
		.is_mountable = is_sure,
		.is_new = is_config && push->is_first };
	char text[DIGEST_TEXT];

	(void)snprintf(parcel.what, sizeof(parcel.what), "%.19s", digest_text(&blob->digest, text));
	struct error *error = put_blob_checked(push, blob, &sent);
	if (error_is(error, ERR_DIGEST))
		image_source_doubt(push->source, blob, error);
	TRY_WRAP(error, "blob '%s'", digest_text(&blob->digest, text));
	if (push->progress)
		push->progress->report(
				push->progress->user, parcel.what, blob->size, blob->size, true);
	return NULL;
}

static bool is_repeated(const struct manifest *manifest, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (descriptor_same_bytes(&manifest->layers.p[k], &manifest->layers.p[i]))
			return true;
	return false;
}

static struct error *push_some(void *argument)
{
	struct push *push = argument;
	const struct manifest *manifest = &push->image->manifest;

	for (;;) {
		pthread_mutex_lock(&push->lock);
		size_t i = push->next++;
		pthread_mutex_unlock(&push->lock);
		if (i > manifest->layers.n)
			return NULL;
		TRY(cancel_check(push->cancel));
		if (i == 0)
			TRY(push_blob(push, &manifest->config));
		else if (!is_repeated(manifest, i - 1))
			TRY(push_blob(push, &manifest->layers.p[i - 1]));
	}
}

static size_t threads_for(const struct image *image)
{
	size_t mounts = 0, threads = 0;
	bool is_sure = false;

	for (size_t i = 0; i < image->manifest.layers.n; i++) {
		(void)image_source_repository(
				image->source, &image->manifest.layers.p[i].digest, &is_sure);
		mounts += is_sure;
	}
	threads = PUSHES + (mounts < MOUNTS ? mounts : MOUNTS);
	return threads < image->manifest.layers.n + 1 ? threads : image->manifest.layers.n + 1;
}

static FALLIBLE sign_document(struct signer *signer, const struct reference *to,
		const char *media_type, const struct digest *digest, uint64_t bytes)
{
	const struct descriptor what = {
		.media_type = (char *)(uintptr_t)media_type, .digest = *digest, .size = bytes
	};

	return signer ? sign(signer, to, &what) : NULL;
}

static FALLIBLE push_image(const struct image *image, struct registry_client *registry,
		const struct reference *to, struct cancel *cancel,
		const struct image_progress *progress)
{
	struct push push = { .image = image,
		.source = image->source,
		.registry = registry,
		.to = to,
		.progress = progress,
		.cancel = cancel,
		.lock = PTHREAD_MUTEX_INITIALIZER };
	enum registry_name name = 0;

	TRY(registry_has_manifest(registry, to, &image->digest, &name));
	if (name == NAME_SAME)
		return NULL;
	push.is_first = name == NAME_FREE;
	if (image->manifest.layers.n == 0) {
		TRY(push_some(&push));
	} else {
		AUTO(group) struct group *group = group_new();

		for (size_t i = threads_for(image); i-- > 0;)
			group_start(group, "push", push_some, &push);
		TRY(group_join(group));
	}
	return registry_put_manifest(registry, to, image->manifest.media_type,
			(struct str){ image->manifest_json, image->manifest_bytes }, NULL);
}

FALLIBLE image_push(const struct image *image, struct registry_client *registry,
		const struct reference *to, struct signer *signer, struct cancel *cancel,
		const struct image_progress *progress)
{
	TRY(push_image(image, registry, to, cancel, progress));
	return sign_document(signer, to, image->manifest.media_type, &image->digest,
			image->manifest_bytes);
}

FALLIBLE image_push_ahead(struct image_source *source, const struct descriptor *blob,
		struct registry_client *registry, const struct reference *to)
{
	struct push push = { .source = source, .registry = registry, .to = to };

	return push_blob(&push, blob);
}

struct registry_sink {
	struct set_sink sink;
	struct registry_client *registry;
	const struct reference *to;
	struct signer *signer; /* or NULL */
};

static struct error *put_blob(
		struct set_sink *sink, struct image_source *source, const struct descriptor *blob)
{
	struct registry_sink *self = (struct registry_sink *)sink;

	return image_push_ahead(source, blob, self->registry, self->to);
}

/* By its digest: names are for the document alone. */
static struct error *put_document(
		struct set_sink *sink, const struct descriptor *what, struct str json)
{
	struct registry_sink *self = (struct registry_sink *)sink;
	struct reference by_digest = *self->to;
	bool existed = false;

	by_digest.tag = NULL;
	by_digest.digest = what->digest;
	TRY(registry_put_manifest(self->registry, &by_digest, what->media_type, json, &existed));
	/* Under the name of the whole: that is how it will be asked for. */
	return sign_document(self->signer, self->to, what->media_type, &what->digest, what->size);
}

FALLIBLE image_set_push(const struct image_set *set, struct registry_client *registry,
		const struct reference *to, struct signer *signer, struct cancel *cancel,
		const struct image_progress *progress)
{
	struct registry_sink sink = { { put_blob, put_document, progress }, registry, to, signer };
	enum registry_name name = 0;

	TRY(registry_has_manifest(registry, to, &set->digest, &name));
	/* What is below it is there as well then, and its signatures may not be. */
	if (name != NAME_SAME || signer)
		TRY(set_copy(set, &sink.sink, cancel));
	if (name != NAME_SAME)
		TRY(registry_put_manifest(registry, to, set->media_type,
				(struct str){ set->json, set->n }, NULL));
	return sign_document(signer, to, set->media_type, &set->digest, set->n);
}
