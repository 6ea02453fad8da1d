/*
 * plain_text: text from outside made fit for a terminal. A log line, an error that quotes a server,
 * a file name: none of them may move the cursor, set the title or answer for the user.
 *
 * Floor: ui (pure).
 */
#pragma once
#include "base/str.h"
#include "base/strbuf.h"
#include <jansson.h>

enum plain_text_keep { KEEP_COLOURS = 1, KEEP_TABS = 2 };

/*
 * Append line without what a terminal would obey: all control characters and escape sequences are
 * dropped, invalid UTF-8 becomes U+FFFD, tabs become spaces up to the next multiple of 8, unless
 * they are kept. With KEEP_COLOURS, SGR sequences (ESC [ … m) stay, and a line that has one ends
 * with a reset. A carriage return starts the line anew, as it does on a terminal: only what follows
 * the last one is kept.
 */
void plain_text_line(struct str line, unsigned keep, struct strbuf *out);
/* Append text with each control character but \n and \t shown as \x1b and the like. */
void plain_text_escape(struct str text, struct strbuf *out);
/*
 * The same for JSON, as \u009b and the like, which mean to a reader what they stand for; line ends
 * stay. Controls can only be within its texts.
 */
void plain_text_json(struct str json, struct strbuf *out);
/* The text of a JSON value as it is shown: indented by so many columns (0: on one line). New. */
char *plain_text_of_json(const json_t *value, unsigned indent);
/* Columns that text takes; SGR sequences take none. */
size_t plain_text_width(struct str text);
/*
 * Append as much as fits into columns, SGR sequences whole; text that does not fit ends in "…" when
 * has_ellipsis. Returns the columns used.
 */
size_t plain_text_cut(struct str text, size_t columns, bool has_ellipsis, struct strbuf *out);
/* Append text with invalid UTF-8 replaced by U+FFFD, and nothing else changed. */
void plain_text_utf8(struct str text, struct strbuf *out);
