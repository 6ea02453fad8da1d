/*
 * build_logs: the files that --logfile, --logsplit and --rusage-logfile name.
 *
 *	LOGFILE            all that is told, and our standard error
 *	LOGFILE_OS_ARCH    with --logsplit: what is told of that platform instead
 *
 * Floor: buildah. build_logs_take() belongs to the display's thread while that runs.
 */
#pragma once
#include "base/vec.h"
#include "buildah/bud_request.h"

#include <stdio.h>

struct build_log {
	char *path;
	FILE *file;
};

struct build_logs {
	const char *path; /* borrowed */
	bool is_split;
	const struct platform *only; /* what --platform names, if that is one; borrowed */
	FILE *usage;
	VEC(struct build_log) split;
	struct error *error; /* the first of build_logs_take() */
};

/* Opens LOGFILE and the one for use; both are emptied. */
FALLIBLE build_logs_open(const struct bud_opts *opts, const struct build_options *options,
		struct build_logs *ret);
/* steps_view.take; user is a struct build_logs. */
bool build_logs_take(void *user, const char *platform, bool is_usage, struct str text);
/* What could not be written so far. */
FALLIBLE build_logs_check(struct build_logs *logs);
void build_logs_done(struct build_logs *logs);

DEFINE_AUTO_VALUE(build_logs)
