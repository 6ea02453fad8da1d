#include "build/lower_source.h"
#include "base/vec.h"
#include "build/progress.h"
#include "store/blob.h"
#include "stream/reader.h"

#include <pthread.h>

/* What hashing has told. */
struct verdict {
	struct digest digest;
	size_t lower;
	bool is_whole;
};

struct lower_source {
	struct image_source source;
	const struct build_options *options; /* borrowed */
	struct image_source *below;
	size_t owner; /* the lower store that has the image's name; SIZE_MAX: none */
	pthread_mutex_t lock;
	bool told_missing; /* guarded by lock */
	struct {
		struct verdict *p;
		size_t n, capacity;
	} verdicts; /* guarded by lock */
};

void lower_warn(const struct build_options *options, const struct store *lower, struct error *error)
{
	progress_warn(options->progress, 0, (struct source_range){ 0 },
			"lower store '%s': %s; it is done without", store_root(lower),
			error->message);
	error_free(error);
}

static bool is_judged(struct lower_source *self, const struct digest *digest, size_t lower,
		bool *ret_whole)
{
	for (size_t i = 0; i < self->verdicts.n; i++) {
		const struct verdict *verdict = &self->verdicts.p[i];

		if (verdict->lower != lower || !digest_equal(&verdict->digest, digest))
			continue;
		*ret_whole = verdict->is_whole;
		return true;
	}
	return false;
}

static FALLIBLE read_through(struct store *store, const struct digest *digest)
{
	AUTO(reader) struct reader *reader = NULL;
	char text[DIGEST_TEXT];

	TRY(blob_open(store, digest, &reader, NULL));
	TRY_WRAP(reader_drain(reader), "blob '%s'", digest_text(digest, text));
	return NULL;
}

/* A store that has the image has its blobs, or somebody took them: said once. */
static void tell_missing(struct lower_source *self, const struct digest *digest, size_t lower)
{
	char text[DIGEST_TEXT];

	if (lower != self->owner)
		return;
	pthread_mutex_lock(&self->lock);
	bool told = self->told_missing;
	self->told_missing = true;
	pthread_mutex_unlock(&self->lock);
	if (!told)
		lower_warn(self->options, self->options->lowers[lower],
				error_new(ERR_NOT_FOUND, "it has the image and not its blob '%s'",
						digest_text(digest, text)));
}

/* Two that ask at the same time both hash; the first one's word counts, and warns. */
static bool is_whole(struct lower_source *self, const struct digest *digest, size_t lower)
{
	struct store *store = self->options->lowers[lower];
	bool whole = false, judged = false, here = false;

	pthread_mutex_lock(&self->lock);
	judged = is_judged(self, digest, lower, &whole);
	pthread_mutex_unlock(&self->lock);
	if (judged)
		return whole;
	struct error *error = blob_has(store, digest, &here, NULL);
	if (!error && !here) {
		tell_missing(self, digest, lower);
		return false;
	}
	if (!error)
		error = read_through(store, digest);
	pthread_mutex_lock(&self->lock);
	judged = is_judged(self, digest, lower, &whole);
	if (!judged) {
		struct verdict verdict = { *digest, lower, !error };

		vec_push(&self->verdicts, verdict);
		whole = !error;
	}
	pthread_mutex_unlock(&self->lock);
	if (error && !judged)
		lower_warn(self->options, store, error);
	else
		error_free(error);
	return whole;
}

/* The lower store that has it, or NULL. */
static struct store *find(struct lower_source *self, const struct digest *digest)
{
	for (size_t i = 0; i < self->options->lower_count; i++)
		if (is_whole(self, digest, i))
			return self->options->lowers[i];
	return NULL;
}

static struct error *open_blob(
		struct image_source *source, const struct descriptor *blob, struct reader **ret)
{
	struct lower_source *self = (struct lower_source *)source;
	struct store *lower = find(self, &blob->digest);

	if (lower)
		return blob_open(lower, &blob->digest, ret, NULL);
	return self->below->ops->open_blob(self->below, blob, ret);
}

static struct error *open_raw(struct image_source *source, const struct descriptor *blob,
		uint64_t offset, struct reader **ret)
{
	struct lower_source *self = (struct lower_source *)source;

	if (!find(self, &blob->digest) && self->below->ops->open_raw)
		return self->below->ops->open_raw(self->below, blob, offset, ret);
	return error_new(ERR_UNSUPPORTED, "not offered");
}

static const char *repository(const struct image_source *source)
{
	const struct lower_source *self = (const struct lower_source *)source;

	return self->below->ops->repository(self->below);
}

static const char *repository_of(
		const struct image_source *source, const struct digest *digest, bool *ret_sure)
{
	const struct lower_source *self = (const struct lower_source *)source;

	return image_source_repository(self->below, digest, ret_sure);
}

static struct error *tree(
		struct image_source *source, const struct digest *diff_id, struct podman_tree **ret)
{
	return image_source_tree(((struct lower_source *)source)->below, diff_id, ret);
}

static void lower_source_free(struct image_source *source)
{
	struct lower_source *self = (struct lower_source *)source;

	image_source_unref(self->below);
	vec_done(&self->verdicts);
	pthread_mutex_destroy(&self->lock);
	free(self);
}

struct image_source *lower_source_new(
		const struct build_options *options, struct image_source *below, size_t owner)
{
	static const struct image_source_ops ops = {
		.open_blob = open_blob,
		.open_raw = open_raw,
		.repository = repository,
		.repository_of = repository_of,
		.tree = tree,
		.free = lower_source_free,
	};
	struct lower_source *self = xcalloc(1, sizeof(*self));

	self->source = (struct image_source){ &ops, 1 };
	self->options = options;
	self->below = below;
	self->owner = owner;
	pthread_mutex_init(&self->lock, NULL);
	return &self->source;
}
