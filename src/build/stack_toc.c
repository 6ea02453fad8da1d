/*
 * Tables of contents of layers that are not here: fetched side by side, once for each layer, and
 * kept as names. All that is asked for or none: what is below a layer that nobody knows is not
 * seen.
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
	pthread_mutex_t lock;
	size_t next; /* guarded by lock, as all below */
	bool lacks;
};

static bool need_names(struct layer_set *set, struct build_layer *layer)
{
	pthread_mutex_lock(&layer->lock);
	if (!layer->names && !layer->has_no_names) {
		error_ignore(fetch_names(set, layer, &layer->names),
				"without its table of contents the layer is fetched");
		layer->has_no_names = !layer->names;
	}
	bool has = layer->names != NULL;
	pthread_mutex_unlock(&layer->lock);
	return has;
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
		bool has = need_names(looking->set, looking->stack->p[i]);
		pthread_mutex_lock(&looking->lock);
		looking->lacks = looking->lacks || !has;
		pthread_mutex_unlock(&looking->lock);
	}
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

bool stack_need_names(struct layer_set *set, const struct stack *stack, size_t from)
{
	struct stack above = { stack->p + from, stack->n - from, 0 };
	struct looking looking = { set, &above, PTHREAD_MUTEX_INITIALIZER, 0, false };
	AUTO(group) struct group *group = NULL;

	if (!cache_homes_can_read(set->homes))
		return false;
	if (above.n <= 1) {
		error_ignore(look_some(&looking), "it has none");
		return !looking.lacks;
	}
	group = group_new();
	for (size_t i = 0; i < above.n && i < TOC_FETCHES; i++)
		group_start(group, "contents", look_some, &looking);
	error_ignore(group_join(group), "a thread less looks more slowly");
	return !looking.lacks && looking.next >= above.n;
}
