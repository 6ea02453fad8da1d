/*
 * enter: into a step of a build of the history, with what it stood on, as it saw it: its files, its
 * environment, its user and its working directory. What is written there is thrown away.
 *
 * The files are those of the store: base image, then the layers of the steps below. What the store
 * has lost is fetched (base images) or has to be built again (ERR_NOT_FOUND says so). Of a step
 * that failed, what it had written until then is there too, while it is the last one that failed.
 *
 * Floor: build.
 */
#pragma once
#include "build/build.h"

struct enter_wish {
	const char *build; /* id or name, as explain_build(); NULL: the last */
	bool is_failed;    /* the last build that failed, and there the step that failed */
	const char *stage; /* of the step; NULL: the target's */
	uint64_t number;   /* as in "[stage number/n]"; 0: the failed one, else the last */
	bool is_after;     /* when it was done, not before it */
};

/* What is needed, borrowed: store, registry, sandbox, userns and cancel of options. */
struct entrance;

/* Everything at hand, nothing run. */
FALLIBLE enter_open(const struct build_options *options, const struct enter_wish *wish,
		struct entrance **ret);
/* "build 3f2a91c07b1e, in [build 3/7] RUN make as it failed", and what is not as the step had it.
 */
const char *entrance_text(const struct entrance *entrance);
/*
 * Run a command (NULL: a shell of the root file system) to its end, with these as its standard
 * streams. fds above 2; has_terminal: the first is a terminal and becomes the command's own.
 */
FALLIBLE enter_run(struct entrance *entrance, const char *const *argv, const int fds[3],
		bool has_terminal, int *ret_status);
void entrance_free(struct entrance *entrance);

DEFINE_AUTO_PTR(entrance, entrance_free)
