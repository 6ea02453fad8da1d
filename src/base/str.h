/*
 * str: a borrowed slice of bytes, {p, n}. Passed by value, owns nothing, never stored past the call
 * that got it (copy it with arena_str or str_dup). Not NUL-terminated.
 *
 * Floor: base (pure).
 */
#pragma once
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	const char *p;
	size_t n;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
/* For printf: "%.*s", STR_ARG(s) */
#define STR_ARG(s) (int)(s).n, (s).p

struct str str_of(const char *text); /* NULL becomes the empty slice */
char *str_dup(struct str s);         /* new, NUL-terminated */
bool str_equal(struct str a, struct str b);
bool str_is(struct str s, const char *text);
bool str_equal_nocase(struct str a, struct str b); /* ASCII letters only */
bool str_is_nocase(struct str s, const char *text);
bool str_starts(struct str s, const char *prefix);
bool str_ends(struct str s, const char *suffix);
struct str str_slice(struct str s, size_t from, size_t to); /* clamped */
struct str str_trim(struct str s);                          /* space, \t, \r, \n, \v, \f */
/* Index of the byte, or s.n when it is not there. */
size_t str_find(struct str s, char c);
size_t str_find_last(struct str s, char c);
/* Cut at the first c: *head gets what is before, *tail what is after; false (tail empty) if none.
 */
bool str_cut(struct str s, char c, struct str *head, struct str *tail);

/* C strings. */
bool text_equal(const char *a, const char *b); /* NULL equals NULL only */
bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);

/*
 * Numbers from text: the whole slice must be digits of that base (no sign, no space, no prefix),
 * and the value at most max. Otherwise ERR_INVALID quoting the text.
 */
FALLIBLE parse_u64(struct str s, uint64_t max, uint64_t *ret);
FALLIBLE parse_octal(struct str s, uint64_t max, uint64_t *ret);
/* A decimal number that may start with '-'. */
FALLIBLE parse_i64(struct str s, int64_t min, int64_t max, int64_t *ret);
/* "64m", "2g", "1024", "1KiB": bytes; b, k, m, g, t (1024 each), optional "b"/"ib" behind. */
FALLIBLE parse_size(struct str s, uint64_t *ret);
