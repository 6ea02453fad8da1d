/*
 * work: what a verb works with: a session, and for most one working container, locked.
 *
 *	AUTO(work) struct work work = WORK_INIT;
 *	TRY(work_open(call, WORK_RUN, &work));
 *	TRY(work_take(&work, name));
 *
 * Floor: verbs. One for a process.
 */
#pragma once
#include "build/working.h"
#include "ui/options.h"
#include "ui/session.h"
#include "ui/show.h"
#include "verbs/run_flags.h"

struct work {
	const struct invocation *call;
	struct session session;
	struct show show;
	struct list source_environment;
	int host_fd; /* the mount namespace that we were started in */
	struct container *container;
	struct session_ids ids; /* the container's, or none */
	/* Of 'run': what it was told, and with what the container was told before; or NULL. */
	const struct run_flags *typed;
	struct run_flags flags;
	struct working *working;
	bool is_off; /* its user's mount was taken away for the while */
};

#define WORK_INIT             \
	{                     \
		.host_fd = -1 \
	}

enum work_needs {
	WORK_ROWS = 1, /* the store's rows */
	WORK_FILES,    /* and what lies in containers and layers */
	WORK_RUN,      /* and a sandbox, for one step */
	WORK_BUILD,    /* for any number of them */
};

FALLIBLE work_open(const struct invocation *call, enum work_needs needs, struct work *ret);
/*
 * Lock the container and open it. With changes, what is mounted of it for its user goes away
 * until work_done().
 */
FALLIBLE work_take(struct work *work, const char *name, bool changes);
/*
 * What "from" names: a container, unlocked, or else an image, as image_open() takes it; *ret_image
 * is new, free().
 */
FALLIBLE work_find_from(struct work *work, const char *text, bool quiet,
		struct container **ret_container, char **ret_image);
/*
 * One of several failed, and the others have their turn: what failed before is told, the last one
 * is what the command ends with, as Buildah does it. Takes error; NULL is nothing.
 */
void work_go_on(struct error **kept, struct error *error);
/* Put a mount that was taken away back, and unlock. */
FALLIBLE work_release(struct work *work);
void work_done(struct work *work);

/* --layers: for the options of a command with a member no_cache. */
#define LAYER_ROWS                                                                                \
	OPT_SETTING(0, "layers", NULL, "make a layer of it, or take the one that the cache has"), \
			OPT_FLAG(0, "no-cache", no_cache,                                         \
					"with --layers: do it, whatever the cache has")

/* With --layers: say on standard error why a step was not for the cache. NULL is fine. */
void layers_note(const struct invocation *call, const struct working_layers *layers);

DEFINE_AUTO_VALUE(work)
