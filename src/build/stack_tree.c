/*
 * Layers of a base image whose directories are Podman's (podman/tree.h), used where they lie.
 *
 * Nothing holds them there. So whatever was read of them is kept, or told as done, only after
 * layer_set_check_trees() has found all of them still in place.
 */
#include "build/stack_inner.h"
#include "podman/tree.h"

FALLIBLE layer_find_tree(struct layer_set *set, struct build_layer *layer)
{
	if (!set->uses_trees || layer->dir || !layer->image)
		return NULL;
	TRY(image_source_tree(layer->image->source, &layer->source_diff_id, &layer->tree));
	if (!layer->tree)
		return NULL;
	layer->dir = xstrdup(layer->tree->path);
	layer->lower_fd = layer->tree->fd;
	pthread_mutex_lock(&set->lock);
	vec_push(&set->trees, layer->tree);
	pthread_mutex_unlock(&set->lock);
	return NULL;
}

FALLIBLE layer_set_check_trees(struct layer_set *set)
{
	VEC(const struct podman_tree *) trees = { 0 };

	pthread_mutex_lock(&set->lock);
	for (size_t i = 0; i < set->trees.n; i++)
		vec_push(&trees, set->trees.p[i]);
	pthread_mutex_unlock(&set->lock);
	struct error *error = podman_trees_check(trees.p, trees.n);
	vec_done(&trees);
	return error;
}
