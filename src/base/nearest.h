/*
 * nearest: the "did you mean" of every message about an unknown name.
 *
 * Floor: base (pure).
 */
#pragma once
#include <stddef.h>

/*
 * The option that is at most two edits (of one byte, letter case not counted) away from word, the
 * closest first in the list's order; NULL when none is, or when the edits would replace all of
 * word. options may hold NULLs.
 */
const char *text_nearest(const char *word, const char *const *options, size_t count);
