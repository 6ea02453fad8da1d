/*
 * ignore: which files of a context are left out: .dockerignore and --exclude.
 *
 * Patterns are tried in order, the last that matches decides; "!" re-includes. A pattern matches a
 * path when it matches the path itself or a directory above it (moby/patternmatcher,
 * MatchesOrParentMatches). Paths are relative to the context, "/" between, no "./" and no "/" at
 * either end.
 *
 * Immutable after parsing; safe on any thread. Floor: dockerfile (pure). Spec: features.md 3.6.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/str.h"
#include "base/vec.h"

struct ignore;

/* Parse the text of an ignore file; name is for messages. Free with ignore_free(). */
FALLIBLE ignore_parse(struct str text, const char *name, struct ignore **ret);
/* From patterns (--exclude, named one by one): no comments, otherwise the same. */
FALLIBLE ignore_from_patterns(const struct list *patterns, struct ignore **ret);
void ignore_free(struct ignore *ignore);

/* True when there is no pattern: nothing is left out. NULL is empty. */
bool ignore_is_empty(const struct ignore *ignore);
/* True when a pattern starts with "!". */
bool ignore_has_exceptions(const struct ignore *ignore);

/* True when a pattern stands for each name that there can be: "*" or "**". */
bool ignore_has_everything(const struct ignore *ignore);

/* True when the path is left out; files and directories alike. NULL ignores nothing. */
bool ignore_matches(const struct ignore *ignore, const char *path);

/*
 * For a directory that is left out: true when nothing below it can be re-included, so that a walk
 * need not enter it. When false the walk enters, asks for each entry, and includes the directory
 * itself only once something in it is (as BuildKit does).
 */
bool ignore_may_skip_dir(const struct ignore *ignore, const char *path);

/*
 * From now on as Buildah (and Docker before BuildKit) has it: nothing below a directory that is
 * left out is re-included but by an exception that begins with the directory's own name.
 */
void ignore_by_prefix(struct ignore *ignore);

/* Number of patterns and their text after clean-up ("!" kept), for messages and keys. */
size_t ignore_count(const struct ignore *ignore);
const char *ignore_pattern(const struct ignore *ignore, size_t i);

DEFINE_AUTO_PTR(ignore, ignore_free)
