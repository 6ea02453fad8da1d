/*
 * runes: just enough UTF-8 for the Dockerfile language, whose rules speak of Unicode characters
 * (spaces, letters in names, "?" in patterns). A byte that is not UTF-8 counts as one character
 * and is kept as it is.
 *
 * Floor: dockerfile (pure).
 */
#pragma once
#include "base/str.h"

enum { RUNE_BAD = 0xFFFD };

/* The character at s.p[at] (at < s.n) and how many bytes it takes. */
uint32_t rune_at(struct str s, size_t at, size_t *ret_bytes);

/* As Go's unicode.IsSpace. */
bool rune_is_space(uint32_t rune);
/* A letter or a digit; what may stand in a variable's name besides "_". */
bool rune_is_name(uint32_t rune);

/* Without Unicode space at the left, right, or both ends. */
struct str rune_trim_left(struct str s);
struct str rune_trim(struct str s);
