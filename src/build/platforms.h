/*
 * platforms: one build for several platforms. Each is a build of its own, planned with the others
 * before any of them runs, then run one after the other: steps that are the same for two platforms
 * (FROM --platform=$BUILDPLATFORM) are in the cache when the second comes to them. The images are
 * listed by an index, and that is what outputs get; files go into a folder for each platform.
 *
 * Floor: build, private.
 */
#pragma once
#include "build/build.h"

/* options->platforms, all_platforms, or BUILDKIT_MULTI_PLATFORM, which wants an index for one
 * platform, too. */
bool platforms_are_wanted(const struct build_options *options);
/* build_run() for them; options were filled and checked. */
FALLIBLE platforms_run(struct build_options *options, struct build_result *ret);
