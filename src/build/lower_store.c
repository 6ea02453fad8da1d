#include "build/lower_store.h"
#include "build/build.h"
#include "build/lower_source.h"
#include "image/decrypt.h"
#include "store/blob.h"
#include "stream/pool.h"

#include <fcntl.h>

/* Takes error: NULL or that it is not there is nothing to speak of. */
static bool is_found(const struct build_options *options, size_t i, struct error *error)
{
	if (!error)
		return true;
	if (error_is(error, ERR_NOT_FOUND))
		error_ignore(error, "look further on");
	else
		lower_warn(options, options->lowers[i], error);
	return false;
}

/* Our store, then the registry that the name means; nothing is asked before somebody reads. */
static FALLIBLE source_below(
		const struct image_homes *homes, const char *name, struct image_source **ret)
{
	AUTO(reference) struct reference reference = { 0 };
	struct image_source *remote = NULL;

	if (homes->registry && !text_starts(name, "store:")) {
		TRY(reference_parse(str_of(name), &reference));
		remote = image_source_registry(homes->registry, &reference);
	}
	*ret = image_source_store(homes->store, remote);
	image_source_unref(remote);
	return NULL;
}

/* *ret stays NULL when no lower store has it. */
static FALLIBLE open_lower(const struct build_options *options, const struct image_homes *homes,
		const char *name, struct image **ret, size_t *ret_owner)
{
	struct image_homes only = *homes;
	struct image_source *below = NULL;

	only.registry = NULL;
	only.decryption = NULL;
	for (size_t i = 0; i < options->lower_count && !*ret; i++) {
		only.store = options->lowers[i];
		if (!is_found(options, i, image_open(&only, name, PULL_NEVER, ret)))
			*ret = NULL;
		*ret_owner = *ret ? i : SIZE_MAX;
	}
	if (!*ret)
		return NULL;
	struct error *error = source_below(homes, name, &below);
	if (error) {
		image_free(TAKE(*ret));
		return error;
	}
	image_source_unref((*ret)->source);
	(*ret)->source = below;
	return NULL;
}

static FALLIBLE open_somewhere(const struct build_options *options, const struct image_homes *homes,
		const char *name, enum pull_policy policy, struct image **ret, size_t *ret_owner)
{
	struct image_homes only = *homes;

	only.registry = NULL;
	if (policy == PULL_MISSING && options->lower_count) {
		struct error *error = image_open(&only, name, PULL_NEVER, ret);

		if (!error_is(error, ERR_NOT_FOUND))
			return error;
		error_free(error);
		*ret = NULL;
		TRY(open_lower(options, homes, name, ret, ret_owner));
		if (*ret)
			return NULL;
	}
	return image_open(homes, name, policy, ret);
}

FALLIBLE lower_open_image(const struct build_options *options, const struct image_homes *homes,
		const char *name, enum pull_policy policy, struct image **ret)
{
	size_t owner = SIZE_MAX;

	TRY(open_somewhere(options, homes, name, policy, ret, &owner));
	if (options->lower_count)
		(*ret)->source = lower_source_new(options, (*ret)->source, owner);
	/* A lower store's: what opens it reads through all of them, and writes to ours. */
	if (!homes->decryption || !image_is_encrypted(*ret))
		return NULL;
	struct error *error = image_decrypt(*ret, homes->decryption, homes->store);
	if (error)
		image_free(TAKE(*ret));
	return error;
}

void lower_find_dir(struct layer_set *set, struct build_layer *layer, const struct digest *chain)
{
	const struct build_options *options = set->options;

	for (size_t i = 0; i < options->lower_count && !layer->dir; i++) {
		AUTO(layer_record) struct layer_record record = { 0 };
		struct store *lower = options->lowers[i];

		if (!is_found(options, i,
				    layer_find_by_diff_id(lower, &layer->source_diff_id, chain,
						    &record)) ||
				!record.dir)
			continue;
		/* Absolute: whoever opens it below our store's directory gets there all the same.
		 */
		layer->dir = xasprintf("%s/%s", store_root(lower), record.dir);
		layer->lower_fd = set->lower_fds[i];
		memcpy(layer->id, record.id, sizeof(layer->id));
	}
}

static FALLIBLE unpack_all(
		const struct build_options *options, const struct image *image, unsigned vertex)
{
	struct pool *pool = pool_new(0);
	struct layer_set set;
	AUTO(stack) struct stack stack = { 0 };

	layer_set_init(&set, options, pool);
	struct error *error = layer_set_open(&set);
	if (!error) {
		stack_of_image(&set, image, &stack);
		error = stack_need_dirs(&set, &stack, vertex);
	}
	layer_set_done(&set);
	pool_free(pool);
	return error;
}

FALLIBLE lower_fill(const struct build_options *options, const struct image *image,
		const char *keep_as, bool unpack, const struct image_progress *copies,
		unsigned vertex)
{
	TRY(image_save_store(image, options->store, keep_as, options->cancel, copies));
	return unpack ? unpack_all(options, image, vertex) : NULL;
}
