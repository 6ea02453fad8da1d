/*
 * heredoc: text that stands in the Dockerfile itself, "<<NAME" up to a line NAME.
 *
 * Allowed on RUN, COPY and ADD (also behind ONBUILD) unless in JSON form; several a line, bodies in
 * order. A word that only looks like one ("<<", "<<<a", quoted) is plain text. The body is kept as
 * written; heredoc_chomp() drops leading tabs where the reader wants that.
 *
 * Floor: dockerfile (pure). Spec: Dockerfile reference, "Here-Documents"; features.md 3.5.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct heredoc {
	const char *name; /* without quotes: terminator, and file name for COPY and ADD */
	const char *content;
	unsigned fd;            /* the number before "<<"; 0 when none */
	bool expand;            /* no part of the name was quoted */
	bool chomp;             /* "<<-" */
	struct source_range at; /* of the first line of the body; line 0 when it is not in a file */
};

/*
 * Parse one word such as 3<<-'EOF'. *ret_is is false when it is no heredoc; ERR_INVALID when it is
 * one whose quotes do not close. content is left "".
 */
FALLIBLE heredoc_parse(struct arena *arena, struct str word, struct heredoc *ret, bool *ret_is);

/* All heredocs that a logical line opens, in order. */
FALLIBLE heredocs_of_line(
		struct arena *arena, struct str line, struct heredoc **ret, size_t *ret_count);

/* Without the tabs at the start of every line. */
const char *heredoc_chomp(struct arena *arena, const char *content);
