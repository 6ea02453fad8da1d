/*
 * history: what builds told about themselves, for kiln explain and kiln shell.
 *
 *	history/builds/<16 hex digits: when>-<12: id>	a build, as JSON that build/history.c writes
 *	history/files/<hex>	the files that a COPY selected, by the digest of the selection;
 *				build/history_files.c writes them
 *
 * Both are aids that nothing depends on. They are bounded: the oldest builds go beyond
 * HISTORY_BUILDS and HISTORY_DAYS, the longest unused lists beyond HISTORY_FILES_BYTES, and prune
 * takes what is older than it was told. What is read here may be damaged: the reader checks.
 *
 * Floor: store. Any thread.
 */
#pragma once
#include "base/error.h"
#include "base/vec.h"
#include "oci/digest.h"
#include "store/store.h"

enum {
	HISTORY_BUILDS = 100,
	HISTORY_DAYS = 90,
	HISTORY_ID_TEXT = 12 + 1,
	HISTORY_BUILD_BYTES = 8 * 1024 * 1024, /* one build; a step's record is a few KB */
	HISTORY_LIST_BYTES = 16 * 1024 * 1024, /* one list; 250,000 files or so */
	HISTORY_FILES_BYTES = 64 * 1024 * 1024 /* all lists */
};

/* A new id for a build: random hex digits. */
void history_new_id(char buf[static HISTORY_ID_TEXT]);
/* Keep a build that began at nanoseconds of Unix time. A read-only store keeps nothing. */
FALLIBLE history_add(struct store *store, const char *id, uint64_t began_ns, const char *text);
/* Names of all builds, the newest first. */
FALLIBLE history_names(struct store *store, struct list *ret);
/* The id in a name. */
const char *history_id(const char *name);
/* ERR_NOT_FOUND. *ret: free(). */
FALLIBLE history_read(struct store *store, const char *name, char **ret, size_t *ret_n);

/*
 * The layer with what the last failed step had written is this one now; *ret_before (new, free())
 * is the one before it, or NULL.
 */
FALLIBLE history_replace_failed(struct store *store, const char *layer, char **ret_before);

bool history_has_files(struct store *store, const struct digest *selection);
FALLIBLE history_put_files(
		struct store *store, const struct digest *selection, const void *bytes, size_t n);
FALLIBLE history_get_files(
		struct store *store, const struct digest *selection, char **ret, size_t *ret_n);
