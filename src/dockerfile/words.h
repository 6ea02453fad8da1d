/*
 * words: quotes, escapes and ${...} of the Dockerfile language (BuildKit's shell lexer).
 *
 *	$n ${n} ${n:-w} ${n-w} ${n:+w} ${n+w} ${n:?msg} ${n?msg}
 *	${n#p} ${n##p} ${n%p} ${n%%p} ${n/p/r} ${n//p/r}
 *
 * Words nest. Single quotes are literal; inside double quotes the escape character works before
 * ", $ and itself only. A variable that is not set is the empty string (or stays as written, see
 * WORDS_SKIP_UNSET). Patterns know * and ? and the escape character.
 *
 * Output and nesting are bounded (LIMIT_EXPANDED_BYTES, LIMIT_EXPANSION_DEPTH): ERR_LIMIT. Syntax
 * errors and ${n:?} are ERR_INVALID; the message quotes the word.
 *
 * Floor: dockerfile (pure). Spec: Dockerfile reference, "Environment replacement"; features.md 3.3.
 */
#pragma once
#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"

enum words_flags {
	WORDS_RAW_QUOTES = 1,  /* keep quote characters */
	WORDS_RAW_ESCAPES = 2, /* keep escape characters */
	WORDS_SKIP_QUOTES = 4, /* quotes are ordinary characters: heredoc bodies */
	WORDS_SKIP_UNSET = 8,  /* leave what names an unset variable as it is */
};

struct words_env {
	/* The value of a variable, or NULL when it is not set. NULL here: nothing is set. */
	const char *(*get)(void *user, const char *name);
	/*
	 * Told of every variable named, set or not, for keys and for the check UndefinedVar;
	 * has_word is true for the forms that say what to do when it is unset. May be NULL.
	 */
	void (*used)(void *user, const char *name, bool is_set, bool has_word);
	void *user;
	/* Bytes of output (and of pattern work) still allowed, shared by all calls; NULL: fresh. */
	size_t *budget;
	char escape;    /* 0 means '\\' */
	unsigned flags; /* enum words_flags */
};

/* Expand to one word: spaces stay as they are. Appended to out on success only. */
FALLIBLE word_expand(struct str word, const struct words_env *env, struct strbuf *out);

/* Expand, then split at unquoted space: EXPOSE 80 $PORTS. Appended to ret on success only. */
FALLIBLE words_expand(struct str word, const struct words_env *env, struct list *ret);
