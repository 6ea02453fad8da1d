/*
 * runs: what the plan of a build becomes while it is built: a stage_run of each stage, a step_run
 * of each step, an image_run of each image.
 *
 * Private to build/. Floor: build.
 */
#pragma once
#include "build/state.h"

void runs_make(struct build *build);
/* To progress: those that will be run now and were not told yet. */
void runs_declare(struct build *build);
/* A finished stage goes on as the same stage of another plan; from is empty then, and from's plan
 * may go. */
void runs_move(struct stage_run *from, struct stage_run *to);
/* Both are arrays as in struct build, taken. */
void runs_done(const struct plan *plan, struct stage_run *stages, struct image_run *images);
