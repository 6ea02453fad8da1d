/*
 * bases: the images that a plan stands on or reads: opened side by side (build_open_images,
 * state.h), and kept in the store where Buildah's users expect them.
 *
 * Private to build/. Floor: build.
 */
#pragma once
#include "build/state.h"

/* All of them, those too that wait for a stage. */
FALLIBLE bases_open(struct build *build, struct plan_image *const *images, size_t n);
/* Those that came from a registry, whole, under the names that were asked for. */
FALLIBLE bases_keep(struct build *build);
