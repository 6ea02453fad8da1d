/*
 * rights: what a Dockerfile may ask for only when the command line allows it, as BuildKit's
 * entitlements:
 *
 *	RUN --security=insecure   --allow security.insecure
 *	RUN --network=host        --allow network.host, or a build whose network is the host's
 *
 * Floor: build.
 */
#pragma once
#include "build/build.h"
#include "graph/plan.h"

/* Every step of the plan; the first that may not run is ERR_DENIED at its place. */
FALLIBLE rights_check(const struct build_options *options, const struct plan *plan);
