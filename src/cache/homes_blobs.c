/*
 * The bytes that records speak of: read from the home that has them, alone or as a source of
 * images. One that fails on the way costs its record the trust.
 */
#include "cache/homes.h"
#include "cache/homes_inner.h"

/* Tells the homes when reading fails in the middle. */
struct trusting_reader {
	struct reader reader;
	struct reader *below;
	struct cache_homes *homes;
	const struct cached_step *step;
};

static struct error *trusting_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct trusting_reader *self = (struct trusting_reader *)reader;
	struct error *error = reader_read(self->below, buf, n, ret_n);

	if (error)
		cache_homes_distrust(self->homes, self->step, error_copy(error));
	return error;
}

static void trusting_free(struct reader *reader)
{
	reader_free(((struct trusting_reader *)reader)->below);
	free(reader);
}

FALLIBLE cache_homes_open(struct cache_homes *homes, const struct cached_step *step,
		struct cache_home *home, const struct cached_blob *blob, struct reader **ret)
{
	static const struct reader_ops ops = { .read = trusting_read, .free = trusting_free };
	struct reader *below = NULL;
	struct error *error = home->ops->open_blob(home, blob, &below);

	if (error) {
		cache_homes_distrust(homes, step, error_copy(error));
		return error;
	}
	struct trusting_reader *reader = xcalloc(1, sizeof(*reader));
	*reader = (struct trusting_reader){ { .ops = &ops }, below, homes, step };
	*ret = &reader->reader;
	return NULL;
}

/* --- as a source of images --- */

struct homes_source {
	struct image_source source;
	struct cache_homes *homes;  /* borrowed */
	struct image_source *below; /* or NULL */
};

/* The record that speaks of a blob, as its layer or as its table of contents. */
static const struct cached_step *step_of_blob(struct cache_homes *homes,
		const struct digest *digest, struct cache_home **ret_home,
		const struct cached_blob **ret_blob)
{
	const struct cached_step *step = NULL;

	pthread_mutex_lock(&homes->lock);
	for (size_t i = 0; i < homes->place_n && !step; i++)
		for (size_t k = 0; k < homes->places[i].found_n && !step; k++) {
			const struct found *found = homes->places[i].found[k];
			bool is_toc = digest_equal(&found->step.toc.digest, digest);

			if (found->is_distrusted ||
					(!is_toc && !digest_equal(&found->step.blob.digest,
								    digest)))
				continue;
			step = &found->step;
			*ret_blob = is_toc ? &step->toc : &step->blob;
			*ret_home = homes->places[i].home;
		}
	pthread_mutex_unlock(&homes->lock);
	return step;
}

static struct error *source_open_blob(
		struct image_source *source, const struct descriptor *blob, struct reader **ret)
{
	struct homes_source *self = (struct homes_source *)source;
	struct cache_home *home = NULL;
	const struct cached_blob *found = NULL;
	const struct cached_step *step = step_of_blob(self->homes, &blob->digest, &home, &found);
	char text[DIGEST_TEXT];

	if (step)
		return cache_homes_open(self->homes, step, home, found, ret);
	if (self->below)
		return self->below->ops->open_blob(self->below, blob, ret);
	return error_new(ERR_NOT_FOUND, "blob '%s' is nowhere", digest_text(&blob->digest, text));
}

static const char *source_repository(const struct image_source *source)
{
	const struct homes_source *self = (const struct homes_source *)source;

	return self->below ? self->below->ops->repository(self->below) : NULL;
}

static const char *source_repository_of(
		const struct image_source *source, const struct digest *digest, bool *ret_sure)
{
	const struct homes_source *self = (const struct homes_source *)source;
	struct cache_home *home = NULL;

	const struct cached_blob *found = NULL;

	*ret_sure = step_of_blob(self->homes, digest, &home, &found) && home->ops->repository(home);
	if (*ret_sure)
		return home->ops->repository(home);
	return self->below ? image_source_repository(self->below, digest, ret_sure) : NULL;
}

static void source_free(struct image_source *source)
{
	image_source_unref(((struct homes_source *)source)->below);
	free(source);
}

struct image_source *cache_homes_source(struct cache_homes *homes, struct image_source *below)
{
	static const struct image_source_ops ops = { .open_blob = source_open_blob,
		.repository = source_repository,
		.repository_of = source_repository_of,
		.free = source_free };
	struct homes_source *source = xcalloc(1, sizeof(*source));

	source->source = (struct image_source){ &ops, 1 };
	source->homes = homes;
	source->below = image_source_ref(below);
	return &source->source;
}
