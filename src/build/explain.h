/*
 * explain: why the steps of a build ran, told from the history (history.h).
 *
 * A step that ran is compared with the nearest earlier run of the same step: of the builds of the
 * same context and Dockerfile if there are any, else of those with a name in common, else of any
 * that has the very same step; there the one whose record differs in the fewest ingredients, and of
 * these the newest.
 *
 * Floor: build. A struct explained is a value without ties to the store.
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "store/history.h"

enum explained_state {
	EXPLAINED_HIT = 1,
	EXPLAINED_RAN,
	EXPLAINED_FAILED,
	EXPLAINED_SKIPPED,   /* not reached: another step failed */
	EXPLAINED_NOT_NEEDED /* its stage was not looked at: all that reads it was cached */
};

enum explained_cause {
	CAUSE_NONE = 0, /* it did not run */
	CAUSE_FORCED,   /* --no-cache */
	CAUSE_FIRST,    /* no earlier run of it is known */
	CAUSE_CHANGED,  /* its own ingredients; see changes */
	CAUSE_BASE,     /* the base image is another one */
	CAUSE_PARENT,   /* a step below it ran; see because */
	CAUSE_FAILED,   /* the same step failed the last time: it left no result */
	CAUSE_LOST,     /* the same step ran before, and the store has not its result any more */
};

enum explained_change_kind { CHANGE_VALUE = 1, CHANGE_ADDED, CHANGE_REMOVED, CHANGE_FILE };

/*
 * One ingredient. CHANGE_VALUE: what ("ARG V", "--chown") went from before to after (NULL: unset).
 * Files: what is the path, before and after say what differs ("mode 0644", "1.2kB").
 */
struct explained_change {
	enum explained_change_kind kind;
	bool is_file;
	char *what, *before, *after;
	uint64_t bytes_before, bytes_after; /* of files */
};

struct explained_changes {
	struct explained_change *p;
	size_t n, capacity;
};

struct explained_step {
	size_t stage; /* index in stages */
	size_t number;
	char *name, *kind, *key;
	char *home; /* of a hit: "local" */
	char *from; /* a COPY's stage or image, or NULL */
	bool is_from_stage, is_forced;
	enum explained_state state;
	uint64_t ms;
	enum explained_cause cause;
	struct explained_changes changes;
	size_t more_files;   /* changed, beyond those in changes */
	size_t because;      /* CAUSE_PARENT: that step; SIZE_MAX when there is none */
	char *compared_with; /* id of the build with the earlier run; or NULL */
	/* Of a step with a cause of its own: time of it and of all that ran because of it. */
	uint64_t cost_ms;
};

struct explained_stage {
	char *name, *base;
	bool base_is_stage;
	char *base_digest, *base_before; /* before: CAUSE_BASE */
	size_t count;                    /* n of "[name i/n]" */
	size_t first, step_count;        /* in steps */
};

struct explained {
	char *id;
	char *whole; /* what the builds of several platforms have in common; NULL: it is alone */
	char *error, *context, *dockerfile, *target, *goal, *image, *platform;
	struct list names;
	int64_t began;
	uint64_t ms;
	bool no_cache;
	struct {
		struct explained_stage *p;
		size_t n, capacity;
	} stages;
	struct {
		struct explained_step *p;
		size_t n, capacity;
	} steps;
	size_t hit, ran;
	uint64_t ran_ms;
};

void explained_done(struct explained *explained);

struct explained_list {
	struct explained *p;
	size_t n, capacity;
};

/*
 * wanted: an id or the start of one, a name that the build gave, or NULL for the last build. *ret
 * is one, or, unless the id is a platform's own, one for each platform in their order.
 * ERR_NOT_FOUND says how to see what there is.
 */
FALLIBLE explain_build(struct store *store, const char *wanted, struct explained_list *ret);
/* The builds in the history, newest first: without causes. */
FALLIBLE explain_list(struct store *store, struct explained_list *ret);
void explained_list_done(struct explained_list *list);

DEFINE_AUTO_VALUE(explained)
DEFINE_AUTO_VALUE(explained_list)
