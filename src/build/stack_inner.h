/*
 * stack_inner: what stack.c and stack_blob.c share. Private to the two.
 *
 * Floor: build.
 */
#pragma once
#include "build/stack.h"

/* Open directories, topmost first. */
struct lower_fds {
	int *p;
	size_t n;
};

void lower_fds_done(struct lower_fds *fds);

/* Those of layers [from, to). */
FALLIBLE open_lowers(struct layer_set *set, const struct stack *stack, size_t from, size_t to,
		struct lower_fds *ret);

/* Take over what a record knows. Under the layer's lock once it is shared. */
void layer_learn(const struct layer_set *set, struct build_layer *layer,
		const struct layer_record *record);

/* stack_home.c */

/* How this build writes layers. */
bool layer_is_wanted_form(const struct layer_set *set, enum compression compression, int level);
/* The blob that a layer is in its image or cache home; false: it has none. */
bool layer_origin(const struct build_layer *layer, struct layer_blob *ret);
FALLIBLE layer_open_origin(
		struct layer_set *set, const struct build_layer *layer, struct reader **ret);
/* That blob into the store, as layer->source. */
FALLIBLE layer_fetch(struct layer_set *set, struct build_layer *layer);

bool layer_is_wanted_blob(const struct layer_set *set, const struct layer_blob *blob);

DEFINE_AUTO_VALUE(lower_fds)
