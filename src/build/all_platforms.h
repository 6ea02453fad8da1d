/*
 * all_platforms: for which platforms a Dockerfile can be built: those that every base image has
 * which is not named for one itself (FROM --platform).
 *
 * Floor: build, private.
 */
#pragma once
#include "base/auto.h"
#include "build/state.h"

struct platform_list {
	struct platform *p;
	size_t n, capacity;
};

void platform_list_done(struct platform_list *list);
/*
 * build is loaded. At least one. ERR_NOT_FOUND: no image says
 * anything, or they have none in common.
 */
FALLIBLE all_platforms(const struct build *build, struct platform_list *ret);

DEFINE_AUTO_VALUE(platform_list)
