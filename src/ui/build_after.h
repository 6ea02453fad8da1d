/*
 * build_after: what follows a build, whether it succeeded or not: its explanation, when asked for,
 * and pruning, when the store is over its bounds (settings gc-...).
 *
 * Nothing here makes a build fail; what goes wrong is a warning.
 *
 * Floor: ui.
 */
#pragma once
#include "build/build.h"
#include "ui/session.h"

struct build_after {
	bool explain; /* on standard error */
};

/*
 * What --cache=verify found, on standard error. ERR_EXIT with EXIT_UNLIKE when a step made other
 * files.
 */
enum { EXIT_UNLIKE = 3 };
FALLIBLE build_verdict(const struct build_result *result);

void build_after(const struct session *session, const struct build_result *result,
		const struct build_after *wanted);
