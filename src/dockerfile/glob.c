/*
 * filepath.Match: the pattern is chunks with stars between. Each chunk goes as far left as it
 * fits; only the last one may have to try further, because it must end the name. So stars never
 * have to be tried against each other.
 */
#include "dockerfile/glob.h"

#include "dockerfile/glob_plain.h"
#include "dockerfile/runes.h"

enum fit { FITS, DIFFERS, BAD_PATTERN };

/* One character of a class, escapes resolved. */
static bool take_class_rune(struct str *chunk, uint32_t *ret)
{
	size_t bytes = 0;

	if (!chunk->n || chunk->p[0] == '-' || chunk->p[0] == ']')
		return false;
	if (chunk->p[0] == '\\') {
		*chunk = str_slice(*chunk, 1, chunk->n);
		if (!chunk->n)
			return false;
	}
	*ret = rune_at(*chunk, 0, &bytes);
	if (*ret == RUNE_BAD && bytes == 1)
		return false;
	*chunk = str_slice(*chunk, bytes, chunk->n);
	return chunk->n > 0; /* the class still has to close */
}

/* Behind "[": is rune in the class? */
static enum fit match_class(struct str *chunk, uint32_t rune)
{
	bool is_negated = str_starts(*chunk, "^"), is_in = false;

	if (is_negated)
		*chunk = str_slice(*chunk, 1, chunk->n);
	for (size_t ranges = 0;; ranges++) {
		uint32_t low = 0, high = 0;

		if (str_starts(*chunk, "]") && ranges)
			break;
		if (!take_class_rune(chunk, &low))
			return BAD_PATTERN;
		high = low;
		if (chunk->p[0] == '-') {
			*chunk = str_slice(*chunk, 1, chunk->n);
			if (!take_class_rune(chunk, &high))
				return BAD_PATTERN;
		}
		is_in |= low <= rune && rune <= high;
	}
	*chunk = str_slice(*chunk, 1, chunk->n);
	return is_in != is_negated ? FITS : DIFFERS;
}

/* Does chunk fit at the front of *name? *name is then what follows. Always checks all of chunk. */
static enum fit match_chunk(struct str chunk, struct str *name)
{
	struct str rest = *name;
	bool failed = false;

	while (chunk.n) {
		char c = chunk.p[0];
		size_t bytes = 1;
		uint32_t rune = rest.n ? rune_at(rest, 0, &bytes) : 0;

		failed |= !rest.n;
		chunk = str_slice(chunk, 1, chunk.n);
		if (c == '[') {
			enum fit fit = match_class(&chunk, rune);

			if (fit == BAD_PATTERN)
				return BAD_PATTERN;
			failed |= fit == DIFFERS;
		} else if (c == '?') {
			failed |= rune == '/';
		} else {
			if (c == '\\') {
				if (!chunk.n)
					return BAD_PATTERN;
				c = chunk.p[0];
				chunk = str_slice(chunk, 1, chunk.n);
			}
			failed = failed || rest.p[0] != c;
			bytes = 1;
		}
		if (!failed)
			rest = str_slice(rest, bytes, rest.n);
	}
	if (failed)
		return DIFFERS;
	*name = rest;
	return FITS;
}

/* Cut stars and the chunk behind them off the front of *pattern. */
static bool take_chunk(struct str *pattern, struct str *ret_chunk)
{
	bool has_star = false, in_class = false;
	size_t at = 0;

	while (str_starts(*pattern, "*")) {
		*pattern = str_slice(*pattern, 1, pattern->n);
		has_star = true;
	}
	for (; at < pattern->n; at++) {
		char c = pattern->p[at];

		if (c == '\\' && at + 1 < pattern->n)
			at++;
		else if (c == '[')
			in_class = true;
		else if (c == ']')
			in_class = false;
		else if (c == '*' && !in_class)
			break;
	}
	*ret_chunk = str_slice(*pattern, 0, at);
	*pattern = str_slice(*pattern, at, pattern->n);
	return has_star;
}

/* Put chunk, that follows a star, at or behind the front of *name. */
static bool place_chunk(struct str chunk, bool is_last, struct str *name)
{
	for (size_t skip = 0; skip <= name->n; skip++) {
		struct str rest = str_slice(*name, skip, name->n);

		if (match_chunk(chunk, &rest) == FITS && (!is_last || !rest.n)) {
			*name = rest;
			return true;
		}
		if (skip < name->n && name->p[skip] == '/')
			return false;
	}
	return false;
}

bool glob_match_plain(struct str pattern, struct str name)
{
	struct str chunk = { 0 };

	while (pattern.n) {
		bool has_star = take_chunk(&pattern, &chunk);
		bool is_last = !pattern.n;

		if (has_star && !chunk.n)
			return str_find(name, '/') == name.n;
		if (has_star) {
			if (!place_chunk(chunk, is_last, &name))
				return false;
		} else if (match_chunk(chunk, &name) != FITS || (is_last && name.n)) {
			return false;
		}
	}
	return !name.n;
}

bool glob_match(const char *pattern, const char *path)
{
	return glob_match_plain(str_of(pattern), str_of(path));
}

FALLIBLE glob_check(const char *pattern)
{
	struct str rest = str_of(pattern), chunk = { 0 };

	while (rest.n) {
		struct str empty = { "", 0 };

		(void)take_chunk(&rest, &chunk);
		if (match_chunk(chunk, &empty) == BAD_PATTERN)
			return error_hint(error_new(ERR_INVALID, "bad pattern '%s'", pattern),
					"'[' opens a class such as [a-z]; write \\[ for the "
					"character itself");
	}
	return NULL;
}

bool glob_is_pattern(const char *pattern)
{
	for (; *pattern; pattern++) {
		if (*pattern == '\\' && pattern[1])
			pattern++;
		else if (strchr("*?[", *pattern))
			return true;
	}
	return false;
}

size_t glob_fixed_prefix(const char *pattern)
{
	size_t fixed = 0;

	for (size_t at = 0; pattern[at] && !strchr("*?[", pattern[at]); at++) {
		if (pattern[at] == '\\' && pattern[at + 1])
			at++;
		else if (pattern[at] == '/')
			fixed = at + 1;
	}
	return fixed;
}

char *glob_unescape(struct arena *arena, const char *pattern)
{
	char *text = arena_text(arena, pattern);
	size_t n = 0;

	for (; *pattern; pattern++) {
		if (*pattern == '\\' && pattern[1])
			pattern++;
		text[n++] = *pattern;
	}
	text[n] = '\0';
	return text;
}
