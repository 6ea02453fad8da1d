/*
 * args: the ways in which instructions split their text. For parser.c and instruction.c only.
 *
 * All text passed in is a slice of one logical line, so that every part knows its place.
 *
 * Floor: dockerfile (pure). Spec: features.md 3.1; BuildKit's line parsers.
 */
#pragma once
#include "base/arena.h"
#include "dockerfile/instruction.h"
#include "dockerfile/lines.h"

/* What the text of one logical line belongs to. */
struct source {
	struct arena *arena;
	const char *name; /* of the file; lives as long as the arena */
	const struct logical_line *line;
	char escape;
	bool any_names; /* of stages */
};

/* "KEYWORD --flag=value ... rest": rest is trimmed. */
struct command_text {
	struct str keyword, rest;
	const struct flag *flags;
	size_t flag_count;
};

struct source_range source_range_of(const struct source *source, struct str part);

struct command_text args_cut_command(const struct source *source, struct str text);

/* Split at white space; quotes mean nothing. */
struct words args_by_space(const struct source *source, struct str text);
/* Split at white space outside quotes; quotes and escapes are kept. */
struct words args_by_quotes(const struct source *source, struct str text);
/* The text as one word; none when it is empty. */
struct words args_whole(const struct source *source, struct str text);
/* Cut at the first white space: true when there is some. */
bool args_cut_space(struct str text, struct str *ret_head, struct str *ret_tail);

/*
 * A JSON array of strings. *ret_is is false when the text is no JSON array (it is then shell
 * text); an array that holds something else is ERR_INVALID.
 */
FALLIBLE args_json(const struct source *source, struct str text, struct words *ret, bool *ret_is);
