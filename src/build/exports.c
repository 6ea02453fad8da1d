#include "build/exports.h"
#include "build/state.h"

struct export
{
	struct export *next;
	struct stack stack;
};

enum { EXPORT_THREADS = 3 };

struct exports {
	struct build *build;
	struct group *group;
	unsigned threads;
	pthread_mutex_t turn; /* held while a blob is made */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct export *first, **end; /* guarded by lock, as all below */
	bool is_closed;              /* no more will come */
	bool is_stopped;             /* no more is begun */
};

struct exports *exports_new(struct build *build)
{
	struct exports *exports = xcalloc(1, sizeof(*exports));

	exports->build = build;
	exports->group = group_new();
	exports->end = &exports->first;
	pthread_mutex_init(&exports->turn, NULL);
	pthread_mutex_init(&exports->lock, NULL);
	pthread_cond_init(&exports->changed, NULL);
	return exports;
}

/* A layer of an image that will be pushed starts its way while later steps run. */
static FALLIBLE push_ahead(struct build *build, struct build_layer *layer)
{
	const struct build_options *options = build->options;
	struct image_source *source = image_source_store(options->store, NULL);
	struct descriptor blob =
			descriptor_make(mediatype_layer(options->format, layer->blob.compression),
					layer->blob.digest, layer->blob.bytes);
	struct error *error = NULL;

	/* The first place may have it already: it was sent while it was written. */
	bool sent = !layer->is_empty && ahead_finish(TAKE(layer->ahead), &layer->blob.digest);
	for (size_t i = sent; i < build->push_count && !error && !layer->is_empty; i++)
		error = image_push_ahead(source, &blob, options->registry, &build->pushes[i]);
	descriptor_done(&blob);
	image_source_unref(source);
	return error;
}

static FALLIBLE make_and_send(struct exports *exports, const struct stack *stack)
{
	struct build *build = exports->build;
	size_t top = stack->n - 1;

	pthread_mutex_lock(&exports->turn);
	struct error *error = stack_need_blob(&build->layers, stack, top);
	pthread_mutex_unlock(&exports->turn);
	return error ? error : push_ahead(build, stack->p[top]);
}

/* The next one, or NULL when there will be none. */
static struct export *take(struct exports *exports)
{
	pthread_mutex_lock(&exports->lock);
	while (!exports->first && !exports->is_closed && !exports->is_stopped)
		pthread_cond_wait(&exports->changed, &exports->lock);
	struct export *export = exports->is_stopped ? NULL : exports->first;
	if (export) {
		exports->first = export->next;
		if (!exports->first)
			exports->end = &exports->first;
	}
	pthread_mutex_unlock(&exports->lock);
	return export;
}

static void stop(struct exports *exports)
{
	pthread_mutex_lock(&exports->lock);
	exports->is_stopped = true;
	pthread_cond_broadcast(&exports->changed);
	pthread_mutex_unlock(&exports->lock);
}

static struct error *work(void *argument)
{
	struct exports *exports = argument;
	struct error *error = NULL;

	for (struct export *export = take(exports); export; export = take(exports)) {
		error = make_and_send(exports, &export->stack);
		stack_done(&export->stack);
		free(export);
		if (error)
			stop(exports);
		if (error)
			break;
	}
	return error;
}

void exports_add(struct exports *exports, const struct stack *stack)
{
	struct export *export = xcalloc(1, sizeof(*export));

	stack_copy(stack, &export->stack);
	pthread_mutex_lock(&exports->lock);
	*exports->end = export;
	exports->end = &export->next;
	pthread_cond_signal(&exports->changed);
	pthread_mutex_unlock(&exports->lock);
	if (exports->threads < EXPORT_THREADS &&
			group_start(exports->group, "export", work, exports))
		exports->threads++;
}

FALLIBLE exports_join(struct exports *exports)
{
	pthread_mutex_lock(&exports->lock);
	exports->is_closed = true;
	pthread_cond_broadcast(&exports->changed);
	pthread_mutex_unlock(&exports->lock);
	return group_join(exports->group);
}

void exports_free(struct exports *exports)
{
	if (!exports)
		return;
	stop(exports);
	group_free(exports->group);
	while (exports->first) {
		struct export *export = exports->first;

		exports->first = export->next;
		stack_done(&export->stack);
		free(export);
	}
	pthread_mutex_destroy(&exports->turn);
	pthread_mutex_destroy(&exports->lock);
	pthread_cond_destroy(&exports->changed);
	free(exports);
}
