/*
 * stack_inner: what stack*.c and flat*.c share. Private to them.
 *
 * Floor: build.
 */
#pragma once
#include "build/stack.h"
#include "store/store_lock.h"

/* Layers that are fetched at once. */
enum { LAYER_FETCHES = 4 };

/* Open directories, topmost first. */
struct lower_fds {
	int *p;
	size_t n;
	bool has_plain_root; /* see struct lowers */
};

void lower_fds_done(struct lower_fds *fds);

/* Those of layers [from, to). */
FALLIBLE open_lowers(struct layer_set *set, const struct stack *stack, size_t from, size_t to,
		struct lower_fds *ret);

/* Take over what a record knows. Under the layer's lock once it is shared. */
void layer_learn(const struct layer_set *set, struct build_layer *layer,
		const struct layer_record *record);

/* stack_tree.c: use Podman's directory of it, where it lies. Under the layer's lock. */
FALLIBLE layer_find_tree(struct layer_set *set, struct build_layer *layer);

/* stack_home.c */

/* How this build writes layers. */
bool layer_is_wanted_form(const struct layer_set *set, enum compression compression, int level);
/* The blob that a layer is in its image or cache home; false: it has none. */
bool layer_origin(const struct build_layer *layer, struct layer_blob *ret);
FALLIBLE layer_open_origin(
		struct layer_set *set, const struct build_layer *layer, struct reader **ret);
/* That blob into the store, as layer->source. */
FALLIBLE layer_fetch(struct layer_set *set, struct build_layer *layer);

/* stack_fetch.c, under the layer's lock */

/*
 * Its entries into the sink (takes it, and closes it), from its blob or its home; then the store
 * has the blob. See apply_needs_lowers() for a sink that makes a layer's directory.
 */
FALLIBLE layer_pour(struct layer_set *set, struct build_layer *layer, unsigned vertex,
		struct entry_sink *sink, struct layer_result *ret);
/* The blob alone, for a layer_pour() that comes later. */
FALLIBLE layer_need_source(struct layer_set *set, struct build_layer *layer, unsigned vertex);

/*
 * stack.c: learn whether the store, or one below it, has layer i as a directory. *ret_lock is the
 * layer's lock among processes, unless nothing was looked up. Under the layer's own lock.
 */
FALLIBLE layer_look_up_dir(struct layer_set *set, const struct stack *stack, size_t i,
		struct store_lock **ret_lock);

bool layer_is_wanted_blob(const struct layer_set *set, const struct layer_blob *blob);

DEFINE_AUTO_VALUE(lower_fds)
