/*
 * keep_failed: what a RUN that failed had written, for kiln shell. Of the last one alone: it may be
 * large. As a layer of the store that nothing refers to, so that any prune takes it.
 *
 * Floor: build.
 */
#pragma once
#include "build/state.h"
#include "store/layers.h"

/* Takes the tree of draft into run->kept; what goes wrong is not told. */
void keep_failed(struct build *build, struct step_run *run, struct layer_draft *draft);
