/*
 * secrets: what a step that used secrets must not leave behind: their bytes, and their bytes in
 * base64, wherever in a text they begin (three alignments, both alphabets).
 *
 * Looked for in everything the step wrote (secrets_scan) before its layer is kept, and taken out of
 * what it says (redact). White space at the end of a secret does not count, since the shell drops
 * it. A secret shorter than SEARCH_SHORTEST is not looked for, and one whose base64 has fewer than
 * six sure characters not in that form: they would be found by chance. Of long base64 texts pieces
 * from the middle are looked for, so that lines may break anywhere at 64 or 76 characters.
 *
 * Floor: build.
 */
#pragma once
#include "build/build.h"
#include "stream/search.h"

struct secrets; /* of one step */

struct secrets *secrets_new(void);
void secrets_free(struct secrets *secrets);
/* Borrowed until freed. */
void secrets_add(struct secrets *secrets, const struct build_secret *secret);
/* After the last. */
void secrets_ready(struct secrets *secrets);

/*
 * Look through a tree: contents, names, link targets and extended attributes. A find is ERR_DENIED
 * naming the file and the secret's id.
 */
FALLIBLE secrets_scan(const struct secrets *secrets, int tree_fd, struct cancel *cancel);

/* A stream without them: "***" stands for each. What could be the start of one is held back. */
struct redact {
	const struct secrets *secrets; /* NULL: everything passes */
	void (*emit)(void *user, const char *text, size_t n);
	void *user;
	struct strbuf held;
};

void redact_feed(struct redact *redact, const char *text, size_t n);
void redact_end(struct redact *redact);

DEFINE_AUTO_PTR(secrets, secrets_free)
