/*
 * lines: from the bytes of a Dockerfile to logical lines.
 *
 * A logical line is one instruction as written: continuation lines joined, comment lines and empty
 * lines inside dropped, white space at the left of the first physical line gone. Each byte of the
 * joined text knows its line and column in the file. Heredoc bodies are taken raw, line by line, by
 * whoever parses the instruction (lines_heredoc).
 *
 * struct lines and all it hands out live in the arena; the text must live as long.
 *
 * Floor: dockerfile (pure). Spec: Dockerfile reference, "Parser directives", "Format";
 * features.md 3.1.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* A parser directive: a comment "# name=value" at the very top. text is NULL when not given. */
struct directive {
	const char *text;
	struct source_range at;
};

struct directives {
	struct directive syntax, escape, check;
	char escape_char; /* '\\' unless escape says '`' */
};

/* Where a run of the joined text came from; offsets are ascending. */
struct line_origin {
	size_t offset;
	unsigned line, column; /* of the byte at offset; columns count bytes, from 1 */
};

struct logical_line {
	struct str text;
	unsigned first, last; /* physical lines */
	const struct line_origin *origins;
	size_t origin_count;
	const char *const *comments; /* lines of comment directly above, without "#" and space */
	size_t comment_count;
	unsigned empty_continuation; /* the last empty line inside; 0 is none */
};

struct lines {
	struct arena *arena;
	const char *name; /* of the file, for messages */
	struct str text;  /* without byte order mark */
	size_t at;
	unsigned line; /* lines read so far */
	struct directives directives;
	bool directives_done;
	bool any_names; /* of stages; for the parser */
	struct {
		const char **p;
		size_t n, capacity;
	} comments;
};

/* Start at the first line. name and text are borrowed. */
void lines_init(struct lines *lines, struct arena *arena, struct str text, const char *name);
void lines_done(struct lines *lines);

/*
 * The next logical line; *ret_more is false at the end. A directive given twice or an escape
 * character other than ` and \ is ERR_INVALID.
 */
FALLIBLE lines_next(struct lines *lines, struct logical_line *ret, bool *ret_more);

/*
 * Take physical lines up to one that is terminator (after leading tabs are dropped when chomp).
 * *ret_body is what stands between, as it is in the file. False when the file ends before.
 */
bool lines_heredoc(struct lines *lines, struct str terminator, bool chomp, struct str *ret_body);

/* Where text[from, to) of a logical line stands in the file; the end column is one past it. */
struct source_range line_range(
		const struct logical_line *line, const char *name, size_t from, size_t to);

/*
 * The frontend a file asks for, as BuildKit detects it: "# syntax=", "// syntax=" or a JSON object
 * with "syntax", after an optional "#!" line. *ret_reference is the first word of the value, NULL
 * when there is none; both are in the arena.
 */
void syntax_detect(struct arena *arena, struct str text, const char **ret_reference,
		unsigned *ret_line);

DEFINE_AUTO_VALUE(lines)
