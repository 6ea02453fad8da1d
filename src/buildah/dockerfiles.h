/*
 * dockerfiles: what Buildah does with the Dockerfile before it is one: several files and addresses
 * in a row, those that end in ".in" through the C preprocessor, another first FROM, variables for
 * every stage.
 *
 * Floor: buildah.
 */
#pragma once
#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "build/sources.h"

struct dockerfiles {
	/* As typed; "-" is standard input; none, or "": the context's own. */
	const struct list *files;
	const char *context; /* a folder in which files are looked for that are not here */
	const struct list *cpp_flags;
	const char *from;       /* instead of what the first FROM says, or NULL */
	const struct list *env; /* "NAME=value" */
};

/* Whether a path given as the context is a Dockerfile: a file, and no archive. */
bool dockerfiles_is_one(const char *path);
/* One file that needs nothing of it can be named as it is. */
bool dockerfiles_are_plain(const struct dockerfiles *files);
/* The path of a file that may be in the context. New; free(). */
char *dockerfiles_find(const struct dockerfiles *files, const char *file);
/* Folders and files with nothing in them are told before anything is done. */
FALLIBLE dockerfiles_check(const struct dockerfiles *files);
/*
 * The text of them all; addresses are fetched. What cpp complains of is in ret_warnings: "#" begins
 * a comment for the one and a directive for the other, so Buildah goes on with what cpp printed.
 */
FALLIBLE dockerfiles_read(const struct dockerfiles *files, const struct sources *sources,
		struct strbuf *out, struct list *ret_warnings);
