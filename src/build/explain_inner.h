/*
 * explain_inner: what the files of explain share. Private to build/.
 *
 * Floor: build.
 */
#pragma once
#include "build/explain.h"

#include <jansson.h>

/* A build of the history. */
struct past {
	json_t *document;
	struct explained told; /* without causes */
	/* As told.steps: the step's object, borrowed from document. */
	struct {
		json_t **p;
		size_t n, capacity;
	} sources;
};

FALLIBLE past_read(struct store *store, const char *name, struct past *ret);
void past_done(struct past *past);
/* wanted: the start of its id or of the whole's, or a name that it gave; NULL: any. */
bool past_is(const struct past *past, const char *wanted);

/* Members that may be missing or of another type: then NULL, 0, false. */
const char *past_text(const json_t *object, const char *key);
uint64_t past_number(const json_t *object, const char *key);

/* How many ingredients two records differ in; parent counts as one. */
size_t records_distance(const json_t *a, const json_t *b);
/*
 * What differs between two steps, but for the parent. Lists of files are read from the store.
 */
FALLIBLE explain_changes(struct store *store, const json_t *before, const json_t *after,
		struct explained_step *ret);

/* Copies the texts; before and after may be NULL. */
struct explained_change *explain_add_change(struct explained_step *step,
		enum explained_change_kind kind, const char *what, const char *before,
		const char *after);

/* explain_mounts.c: of two records, what each --mount was and is; and the fields that say it. */
bool explain_is_of_mount(const char *field);
void explain_mount_changes(const json_t *old, const json_t *new, struct explained_step *ret);

DEFINE_AUTO_VALUE(past)
