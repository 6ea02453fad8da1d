/*
 * epoch: SOURCE_DATE_EPOCH=NAME, the time that something else has.
 *
 *	context          the build context
 *	a named context  (--build-context) its own
 *	a stage          FROM scratch, ARGs and one ADD of an http(s) address or a git repository:
 *	                 the time of that
 *
 * The time is the commit's, what an http server says, else that of the newest entry of a tar. What
 * has none (a directory, an image) leaves the variable unset. The name is the build
 * argument's, else the default of an ARG before the first FROM.
 *
 * Floor: build, private. Spec: docs/build-repro.md of BuildKit.
 */
#pragma once
#include "build/state.h"

/* Sets build->epoch_name (NULL: a number, or nothing is said) and build->epoch (NULL: it has none).
 */
FALLIBLE epoch_find(struct build *build);
