/*
 * layer_drop: a layer that its maker wants no more, at once and not at the next prune: the upper of
 * a failed step when the next one fails, what a verification made.
 *
 * Floor: store. Any thread.
 */
#pragma once
#include "store/layers.h"

/*
 * Remove the layer with its tree, unless it has a diffID (others may have met it by that), a cache
 * record or, not is_ours, a lease. Not there is fine.
 */
FALLIBLE layer_drop(struct store *store, const char *id, bool is_ours);
