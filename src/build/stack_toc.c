/*
 * Layers that are not here, as names: from tables of contents, fetched side by side, once for each
 * layer; or from the layers themselves, on their way into the store. All that is asked for or none:
 * what is below a layer that nobody knows is not seen.
 */
#include "build/stack_inner.h"
#include "build/view.h"
#include "cache/homes.h"
#include "cache/toc.h"
#include "stream/pool.h"

enum { TOC_FETCHES = 8 };

/* The record that has the table: of the step that made the layer, or of the base's layer. */
static const struct cached_step *find_record(
		struct layer_set *set, const struct build_layer *layer, struct cache_home **ret)
{
	struct digest key;
	bool asked = false;

	if (layer->cached) {
		*ret = layer->home;
		return layer->cached;
	}
	if (!layer->image)
		return NULL;
	key = cached_toc_key(&layer->diff_id);
	const struct cached_step *step = cache_homes_find(set->homes, &key, ret, &asked);
	if (!step && !asked && cache_homes_ask(set->homes, &key, 1))
		step = cache_homes_find(set->homes, &key, ret, &asked);
	return step && step->kind == CACHED_TOC && digest_equal(&step->diff_id, &layer->diff_id)
			       ? step
			       : NULL;
}

static FALLIBLE fetch_names(
		struct layer_set *set, const struct build_layer *layer, struct view_names **ret)
{
	AUTO(toc) struct toc *toc = NULL;
	struct cache_home *home = NULL;
	struct reader *reader = NULL;
	const struct cached_step *step = find_record(set, layer, &home);

	if (!step || !digest_known(&step->toc.digest))
		return NULL;
	TRY(home->ops->open_blob(home, &step->toc, &reader));
	TRY(toc_read(reader, &toc));
	*ret = view_names_of_toc(toc);
	return NULL;
}

struct looking {
	struct layer_set *set;
	const struct stack *stack;
	struct error *(*look)(struct looking *looking, size_t i, bool *ret_has);
	bool for_content;
	unsigned vertex;
	pthread_mutex_t lock;
	size_t next; /* guarded by lock, as all below */
	bool lacks;
};

/* By its table of contents. */
static FALLIBLE ask_names(struct looking *looking, size_t i, bool *ret_has)
{
	struct build_layer *layer = looking->stack->p[i];

	pthread_mutex_lock(&layer->lock);
	if (!layer->names && !layer->has_no_names && cache_homes_can_read(looking->set->homes)) {
		error_ignore(fetch_names(looking->set, layer, &layer->names),
				"without its table of contents the layer is fetched");
		layer->has_no_names = !layer->names;
	}
	*ret_has = layer->names && (!looking->for_content || view_names_tell_content(layer->names));
	pthread_mutex_unlock(&layer->lock);
	return NULL;
}

/*
 * What the store has already is not read for its names alone: as a directory it serves every build
 * that comes.
 */
static FALLIBLE is_elsewhere(struct looking *looking, size_t i, bool *ret)
{
	struct build_layer *layer = looking->stack->p[i];
	AUTO(store_lock) struct store_lock *lock = NULL;
	struct layer_blob from = { 0 };
	bool here = false;

	*ret = false;
	if (layer->names)
		return NULL;
	TRY(layer_look_up_dir(looking->set, looking->stack, i, &lock));
	if (layer->dir || layer->source.here || !layer->image || !layer_origin(layer, &from))
		return NULL;
	TRY(blob_has(looking->set->options->store, &from.digest, &here, NULL));
	*ret = !here;
	return NULL;
}

static FALLIBLE can_list(struct looking *looking, size_t i, bool *ret_has)
{
	struct build_layer *layer = looking->stack->p[i];

	pthread_mutex_lock(&layer->lock);
	struct error *error = is_elsewhere(looking, i, ret_has);
	*ret_has = *ret_has || layer->names;
	pthread_mutex_unlock(&layer->lock);
	return error;
}

/* By its entries. */
static FALLIBLE list_names(struct looking *looking, size_t i, bool *ret_has)
{
	struct build_layer *layer = looking->stack->p[i];
	struct layer_result result = { 0 };
	AUTO(store_lock) struct store_lock *lock = NULL;
	struct error *error = NULL;

	pthread_mutex_lock(&layer->lock);
	if (!layer->names)
		error = layer_look_up_dir(looking->set, looking->stack, i, &lock);
	if (!error && !layer->names && !layer->dir)
		error = layer_pour(looking->set, layer, looking->vertex,
				view_names_sink(&layer->names), &result);
	*ret_has = layer->names;
	pthread_mutex_unlock(&layer->lock);
	return error ? error_wrap(error, "layer %zu of %zu", i + 1, looking->stack->n) : NULL;
}

static struct error *look_some(void *argument)
{
	struct looking *looking = argument;

	for (;;) {
		pthread_mutex_lock(&looking->lock);
		size_t i = looking->next++;
		bool stops = looking->lacks;
		pthread_mutex_unlock(&looking->lock);
		if (i >= looking->stack->n || stops)
			return NULL;
		bool has = false;
		struct error *error = looking->look(looking, i, &has);
		pthread_mutex_lock(&looking->lock);
		looking->lacks = looking->lacks || !has;
		pthread_mutex_unlock(&looking->lock);
		if (error)
			return error;
	}
}

/* As many at once as at most; all have what was looked for, or not. */
static FALLIBLE look(struct looking *looking, size_t most, bool *ret_all)
{
	size_t n = looking->stack->n;

	*ret_all = false;
	looking->next = 0;
	if (n <= 1) {
		TRY(look_some(looking));
	} else {
		AUTO(group) struct group *group = group_new();

		for (size_t i = 0; i < n && i < most; i++)
			group_start(group, "contents", look_some, looking);
		TRY(group_join(group));
	}
	*ret_all = !looking->lacks && looking->next >= n;
	return NULL;
}

size_t stack_dirs(const struct stack *stack)
{
	size_t n = 0;
	bool has = true;

	while (n < stack->n && has) {
		pthread_mutex_lock(&stack->p[n]->lock);
		has = stack->p[n]->dir != NULL;
		pthread_mutex_unlock(&stack->p[n]->lock);
		n += has;
	}
	return n;
}

bool stack_need_names(
		struct layer_set *set, const struct stack *stack, size_t from, bool for_content)
{
	struct stack above = { stack->p + from, stack->n - from, 0 };
	struct looking looking = { .set = set,
		.stack = &above,
		.look = ask_names,
		.for_content = for_content,
		.lock = PTHREAD_MUTEX_INITIALIZER };
	bool all = false;

	error_ignore(look(&looking, TOC_FETCHES, &all), "a thread less looks more slowly");
	return all;
}

FALLIBLE stack_list_names(
		struct layer_set *set, const struct stack *stack, unsigned vertex, bool *ret_all)
{
	struct looking looking = { .set = set,
		.stack = stack,
		.look = can_list,
		.vertex = vertex,
		.lock = PTHREAD_MUTEX_INITIALIZER };

	TRY(look(&looking, 1, ret_all));
	if (!*ret_all)
		return NULL;
	looking.look = list_names;
	return look(&looking, LAYER_FETCHES, ret_all);
}
