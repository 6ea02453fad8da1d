/*
 * explain_show: builds and their causes (build/explain.h) as people and programs read them.
 *
 * Floor: ui (pure, but for the clock).
 */
#pragma once
#include "base/strbuf.h"
#include "build/explain.h"

enum explain_form { EXPLAIN_TEXT = 1, EXPLAIN_TREE, EXPLAIN_JSON };

/*
 * What explain_build() gave; in JSON a document a line. files: how many changed files of a step are
 * named; JSON has all that are known.
 */
void explain_show(const struct explained_list *list, enum explain_form form, size_t files,
		struct strbuf *out);
/* A table of builds, or their JSON. */
void explain_show_list(
		const struct explained_list *list, enum explain_form form, struct strbuf *out);

/* The lines of a step's reason, each behind prefix. Used by both text forms. */
void explain_show_reason(const struct explained *told, size_t step, size_t files,
		const char *prefix, struct strbuf *out);
/* "[build 3/7] COPY . ." */
void explain_show_name(const struct explained *told, size_t step, struct strbuf *out);
