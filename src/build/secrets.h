/*
 * secrets: what a step that used secrets must not leave behind: their bytes, and their bytes in
 * base64, wherever in a text they begin (three alignments, both alphabets).
 *
 * Looked for in everything the step wrote before its layer is kept, and taken out of what it says
 * (redact). A layer of the image is read once, for its blob and for this (secrets_sink); one that
 * becomes no blob now is read for this alone (secrets_scan). White space at the end of a secret
 * does not count, since the shell drops it. A secret shorter than SECRETS_SHORTEST is not looked
 * for in layers, one shorter than SEARCH_SHORTEST in nothing, and one whose base64 has fewer than
 * six sure characters not in that form: they would be found by chance. Of long base64 texts pieces
 * from the middle are looked for, so that lines may break anywhere at 64 or 76 characters.
 *
 * Floor: build.
 */
#pragma once
#include "build/build.h"
#include "layer/entry.h"
#include "stream/search.h"

enum { SECRETS_SHORTEST = 8 };

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

/* What a sink found. */
struct secrets_watch {
	const struct secrets *secrets; /* borrowed */
	bool goes_on;                  /* a find is told, and no failure */
	struct error *found;           /* the first, as secrets_scan()'s */
};

static inline void secrets_watch_done(struct secrets_watch *watch)
{
	error_free(watch->found);
}

/*
 * A sink that looks at all that passes to the one below (takes it; borrows watch). At the first
 * find, unless that is allowed, it fails with ERR_CANCELED, and watch->found is what to tell.
 */
struct entry_sink *secrets_sink(struct secrets_watch *watch, struct entry_sink *below);

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
DEFINE_AUTO_VALUE(secrets_watch)
