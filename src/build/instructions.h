/*
 * instructions: the instructions of the planned stages, told to the progress for displays that
 * count them as Buildah does ("STEP 2/4: RUN make"), each with the vertex that carries it out.
 *
 * Private to build/. Floor: build.
 */
#pragma once
#include "build/state.h"

/* After all vertices of steps were declared; of stages that are not blocked, nor told before. */
void instructions_declare(struct build *build);
