/*
 * triggers: what the ONBUILD of an image wants done by who builds on it. 'from' does that as a
 * Dockerfile's FROM would: a build of that line alone, in the current folder.
 *
 * Floor: verbs.
 */
#pragma once
#include "verbs/run_flags.h"
#include "verbs/work.h"

struct triggers {
	const struct digest *record; /* the image whose they are; in the store */
	const struct platform *platform;
	enum image_format format;
	const struct run_flags *flags; /* how their commands run */
	struct run_parts *parts;       /* gets what mounts.conf names, too */
	bool quiet;
};

/* *ret: the image with all of it done, in the store without a name. work is for WORK_BUILD. */
FALLIBLE triggers_run(struct work *work, const struct triggers *triggers, struct image **ret);
