/*
 * late: base images that stages of the same build make (plan_image.late_of).
 *
 * A build goes in rounds then. Stages that stand on, or read, one that is not there yet are
 * blocked: the others run; what these have made is opened, and the plan is made anew, now that the
 * configs of those bases are known. What is finished goes on in it as it is.
 *
 *	TRY(late_begin(build));
 *	runs_make(build);
 *	do {
 *		late_mark(build);
 *		… resolve, execute what is neither finished nor blocked …
 *		late_finish(build);
 *		TRY(late_open(build, &more));
 *	} while (more);
 *
 * Of most builds the first round is the only one.
 *
 * Private to build/. Floor: build.
 */
#pragma once
#include "build/state.h"

/* A try that begins again has late bases closed again: they may be made anew. */
FALLIBLE late_begin(struct build *build);
/* Which stages are blocked. */
void late_mark(struct build *build);
/* What was run is finished. */
void late_finish(struct build *build);
/* Opens the bases whose stages are done, for the next round's plan and runs. *ret_more is false
 * when nothing waits any more. */
FALLIBLE late_open(struct build *build, bool *ret_more);
