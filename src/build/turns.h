/*
 * turns: builds that need the same RUN at the same time run it once. The first takes a lock of the
 * store by the step's key; others wait for it, and find what it made.
 *
 * A stage keeps the lock of a RUN until it has that of its next one, so that who follows does not
 * overtake. A RUN's key holds all that it stands on, so locks are only ever taken from an ancestor
 * to what comes behind it, and nobody waits in a circle; steps whose keys do not (COPY) take none.
 * The kernel frees the locks of a build that dies.
 *
 * Floor: build.
 */
#pragma once
#include "build/state.h"

/* A RUN that would run: wait for its turn, then look whether somebody made it meanwhile. */
FALLIBLE turn_take(struct build *build, struct stage_run *stage, struct step_run *run);
/* The stage is over. */
void turn_leave(struct stage_run *stage);
