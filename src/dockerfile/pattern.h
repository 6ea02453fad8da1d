/*
 * pattern: the small patterns of ${n#p}, ${n%p} and ${n/p/r}: "*" any text, "?" one character, "\"
 * before "*", "?", "\", "}" and "/" takes it as it is. For words.c only.
 *
 * Work is charged to a budget, one unit for 64 comparisons, so that no input takes long.
 *
 * Floor: dockerfile (pure).
 */
#pragma once
#include "base/error.h"
#include "base/strbuf.h"

struct pattern {
	uint32_t *runes; /* characters, and two values beyond Unicode for * and ? */
	size_t n;
};

/* ERR_INVALID for "\" before anything else. */
FALLIBLE pattern_parse(struct str text, struct pattern *ret);
void pattern_done(struct pattern *pattern);

/* What of value is left when the shortest or longest match at its front (or end) is gone. */
FALLIBLE pattern_trim(const struct pattern *pattern, struct str value, bool at_end, bool longest,
		size_t *budget, struct str *ret);

/* Put replacement for the first, or every, longest match. Appended to out. */
FALLIBLE pattern_replace(const struct pattern *pattern, struct str value, struct str replacement,
		bool all, size_t *budget, struct strbuf *out);

DEFINE_AUTO_VALUE(pattern)
