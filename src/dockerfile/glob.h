/*
 * glob: file name patterns as Go's filepath.Match has them: * and ? (never "/"), [a-z] [^a-z],
 * \ escapes. A struct glob adds "**", any depth, with the rules of moby/patternmatcher.
 *
 * Patterns are checked once (glob_check, glob_parse); glob_match() of a bad one is false. Time is
 * at most the product of pattern and path, never exponential.
 *
 * Paths have "/" between names, none at either end. A struct glob is immutable; safe on any thread.
 *
 * Floor: dockerfile (pure). Spec: Go path/filepath.Match; features.md 3.6, 3.8.
 */
#pragma once
#include "base/arena.h"
#include "base/auto.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"

struct glob;

/* ERR_INVALID when the pattern breaks the rules: "[", "[]a]", "[a-]", "\" at the end. */
FALLIBLE glob_check(const char *pattern);

/* filepath.Match: the whole path must match; "**" is two "*". */
bool glob_match(const char *pattern, const char *path);

/* True when it holds *, ? or [ that is not escaped. */
bool glob_is_pattern(const char *pattern);
/* How many bytes at the front are plain directories: 4 for "a/b/c*.d/e". */
size_t glob_fixed_prefix(const char *pattern);
/* Without escapes: what a text that is no pattern names. */
char *glob_unescape(struct arena *arena, const char *pattern);

/*
 * A pattern with "**", compiled: ERR_INVALID as glob_check() says. Two stars as a name of their own
 * stand for any number of directories, at the end for all that lies below. Free with glob_free().
 */
FALLIBLE glob_parse(const char *pattern, struct glob **ret);
void glob_free(struct glob *glob);

/* A path cut into its names, so that many patterns can be tried. Borrows the text. */
struct glob_path {
	struct str text;
	struct str names[LIMIT_PATH_DEPTH]; /* what is deeper stays in one piece with the last */
	size_t n;
};

void glob_path_split(const char *path, struct glob_path *ret);

/* The whole path must match. */
bool glob_matches(const struct glob *glob, const struct glob_path *path);
/* The path or a directory above it must match. */
bool glob_matches_parents(const struct glob *glob, const struct glob_path *path);
/* Could something below this directory match? May be true when nothing can. */
bool glob_may_match_below(const struct glob *glob, const struct glob_path *dir);

DEFINE_AUTO_PTR(glob, glob_free)
