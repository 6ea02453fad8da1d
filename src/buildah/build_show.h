/*
 * build_show: a build told as Buildah tells it: instructions on standard output, then COMMIT, the
 * image's names, and last its ID.
 *
 * Floor: buildah.
 */
#pragma once
#include "build/build.h"
#include "ui/show.h"

struct build_view {
	const char *commit; /* the image's first name as it was typed; or NULL */
	bool quiet;
	bool spares_stdout; /* an archive goes there, or a file gets all that is told */
	bool tells_usage;
	struct build_logs *logs; /* or NULL */
};

/*
 * On a terminal, or where the settings say how, kiln's own picture on standard error, unless that
 * lacks what is asked for.
 */
FALLIBLE build_show_open(
		const struct config *config, const struct build_view *view, struct show *ret);
/* What follows COMMIT; nothing when the view is quiet. */
void build_show_made(const struct build_view *view, const struct build_result *result);
