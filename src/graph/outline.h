/*
 * outline: what a Dockerfile offers, for people and programs: the parameters of a target (build
 * arguments, secrets, agents, caches) and the list of targets. BuildKit's subrequests
 * "frontend.outline", "frontend.targets" and "frontend.subrequests.describe", with their fields.
 *
 * Floor: graph.
 */
#pragma once
#include "base/strbuf.h"
#include "graph/plan.h"

enum outline_form { OUTLINE_TEXT = 0, OUTLINE_JSON };

/* The target of plan, which was made of file. Parameters come in the order of their lines. */
void outline_print(const struct dockerfile *file, const struct plan *plan, enum outline_form form,
		struct strbuf *out);
void targets_print(const struct dockerfile *file, enum outline_form form, struct strbuf *out);
/* Which questions a build answers without running. */
void subrequests_print(enum outline_form form, struct strbuf *out);
