/*
 * builder: from split text to one checked struct instruction. For parser.c only.
 *
 * Floor: dockerfile (pure).
 */
#pragma once
#include "dockerfile/args.h"

/*
 * Step one: cut text into keyword, flags and arguments, find the kind. ONBUILD's trigger is cut
 * too. An unknown instruction is ERR_INVALID.
 */
FALLIBLE builder_split(const struct source *source, struct str text, struct instruction *ret);

/* May heredocs follow this one? */
bool builder_takes_heredocs(const struct instruction *instruction);

/* Step two, with heredocs in place: check and fill the union. */
FALLIBLE builder_finish(const struct source *source, struct instruction *instruction);
