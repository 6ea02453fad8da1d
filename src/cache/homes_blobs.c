/*
 * The bytes that records speak of: read from the home that has them, alone or as a source of
 * images. One that fails on the way costs its record the trust.
 */
#include "base/limits.h"
#include "cache/homes.h"
#include "cache/homes_inner.h"
#include "store/blob.h"
#include "stream/plain.h"

/* Tells the homes when reading fails in the middle. */
struct trusting_reader {
	struct reader reader;
	struct reader *below;
	struct cache_homes *homes;
	const struct cached_step *step;
	bool is_told; /* the homes know already whom not to believe */
};

static struct error *trusting_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct trusting_reader *self = (struct trusting_reader *)reader;
	struct error *error = reader_read(self->below, buf, n, ret_n);

	if (error && !self->is_told)
		cache_homes_distrust(self->homes, self->step, error_copy(error));
	return error;
}

static void trusting_free(struct reader *reader)
{
	reader_free(((struct trusting_reader *)reader)->below);
	free(reader);
}

static FALLIBLE open_trusting(struct cache_homes *homes, const struct cached_step *step,
		struct cache_home *home, const struct cached_blob *blob,
		struct trusting_reader **ret)
{
	static const struct reader_ops ops = { .read = trusting_read, .free = trusting_free };
	struct reader *below = NULL;
	struct error *error = home->ops->open_blob(home, blob, &below);

	if (error) {
		cache_homes_distrust(homes, step, error_copy(error));
		return error;
	}
	*ret = xcalloc(1, sizeof(**ret));
	**ret = (struct trusting_reader){
		.reader = { .ops = &ops }, .below = below, .homes = homes, .step = step
	};
	return NULL;
}

FALLIBLE cache_homes_open(struct cache_homes *homes, const struct cached_step *step,
		struct cache_home *home, const struct cached_blob *blob, struct reader **ret)
{
	struct trusting_reader *reader = NULL;

	TRY(open_trusting(homes, step, home, blob, &reader));
	*ret = &reader->reader;
	return NULL;
}

/* What the record says of a layer, beside the bytes. */
static FALLIBLE check_word(const struct cached_step *step, const struct hash_result *plain,
		enum codec_kind kind)
{
	char said[DIGEST_TEXT], is[DIGEST_TEXT], blob[DIGEST_TEXT];
	bool fits = kind == CODEC_GZIP   ? step->compression == COMPRESSION_GZIP
		    : kind == CODEC_ZSTD ? step->compression == COMPRESSION_ZSTD
					 : step->compression == COMPRESSION_NONE;

	if (!digest_equal(&step->diff_id, &plain->digest))
		return error_new(ERR_DIGEST, "the content of layer '%s' is '%s', not '%s'",
				digest_text(&step->blob.digest, blob),
				digest_text(&plain->digest, is), digest_text(&step->diff_id, said));
	return fits ? NULL
		    : error_new(ERR_DIGEST, "layer '%s' is compressed in another way than is said",
				      digest_text(&step->blob.digest, blob));
}

/* Of all records of this blob: who asks for it knows only its digest. */
static struct error *check_plain(void *user, const struct hash_result *plain, enum codec_kind kind)
{
	struct trusting_reader *reader = user;
	struct cache_homes *homes = reader->homes;
	struct error *first = NULL;

	for (size_t i = 0; i < homes->place_n; i++)
		for (size_t k = 0;; k++) {
			pthread_mutex_lock(&homes->lock);
			const struct found *found = k < homes->places[i].found_n
								    ? homes->places[i].found[k]
								    : NULL;
			bool is_other = !found || found->is_distrusted ||
					!digest_equal(&found->step.blob.digest,
							&reader->step->blob.digest);
			pthread_mutex_unlock(&homes->lock);
			if (!found)
				break;
			struct error *lie = is_other ? NULL : check_word(&found->step, plain, kind);
			if (lie)
				cache_homes_distrust(homes, &found->step, error_copy(lie));
			reader->is_told = reader->is_told || lie;
			first = error_first(first, lie);
		}
	return first;
}

/*
 * A layer that is handed on and not unpacked here: into an archive, the store, another registry. An
 * image says of it what the record says, so that must be true.
 */
static FALLIBLE open_layer(struct cache_homes *homes, const struct cached_step *step,
		struct cache_home *home, struct reader **ret)
{
	struct trusting_reader *reader = NULL;

	TRY(open_trusting(homes, step, home, &step->blob, &reader));
	reader->below = plain_reader(
			reader->below, step->blob.bytes, LIMIT_LAYER_BYTES, check_plain, reader);
	*ret = &reader->reader;
	return NULL;
}

/* --- as a source of images --- */

struct homes_source {
	struct image_source source;
	struct cache_homes *homes;  /* borrowed */
	struct image_source *below; /* or NULL */
};

/*
 * The record that speaks of a blob, as its layer or as its table of contents. bytes: and says that
 * it has so many; BLOB_ANY_SIZE: whatever it says.
 */
static const struct cached_step *step_of_blob(struct cache_homes *homes,
		const struct digest *digest, uint64_t bytes, struct cache_home **ret_home,
		const struct cached_blob **ret_blob)
{
	const struct cached_step *step = NULL;

	pthread_mutex_lock(&homes->lock);
	for (size_t i = 0; i < homes->place_n && !step; i++)
		for (size_t k = 0; k < homes->places[i].found_n && !step; k++) {
			const struct found *found = homes->places[i].found[k];
			bool is_toc = digest_equal(&found->step.toc.digest, digest);
			const struct cached_blob *blob =
					is_toc ? &found->step.toc : &found->step.blob;

			if (found->is_distrusted || !digest_equal(&blob->digest, digest) ||
					(bytes != BLOB_ANY_SIZE && blob->bytes != bytes))
				continue;
			step = &found->step;
			*ret_blob = blob;
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
	const struct cached_step *step =
			step_of_blob(self->homes, &blob->digest, blob->size, &home, &found);
	char text[DIGEST_TEXT];

	if (step && found == &step->blob)
		return open_layer(self->homes, step, home, ret);
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

	*ret_sure = step_of_blob(self->homes, digest, BLOB_ANY_SIZE, &home, &found) &&
		    home->ops->repository(home);
	if (*ret_sure)
		return home->ops->repository(home);
	return self->below ? image_source_repository(self->below, digest, ret_sure) : NULL;
}

static void source_doubt(
		struct image_source *source, const struct descriptor *blob, const struct error *why)
{
	struct homes_source *self = (struct homes_source *)source;
	struct cache_home *home = NULL;
	const struct cached_blob *found = NULL;
	const struct cached_step *step =
			step_of_blob(self->homes, &blob->digest, blob->size, &home, &found);

	if (step)
		cache_homes_distrust(self->homes, step, error_copy(why));
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
		.doubt = source_doubt,
		.free = source_free };
	struct homes_source *source = xcalloc(1, sizeof(*source));

	source->source = (struct image_source){ &ops, 1 };
	source->homes = homes;
	source->below = image_source_ref(below);
	return &source->source;
}
