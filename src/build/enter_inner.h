/*
 * enter_inner: what the files of enter share. Private to build/.
 *
 * Floor: build.
 */
#pragma once
#include "build/enter.h"
#include "build/explain_inner.h"
#include "build/mounts.h"
#include "build/stack.h"
#include "sandbox/user.h"

/* What a mount lives on while somebody is inside. */
struct shown_mount {
	struct stack stack;
	struct mount_dir *layers;
	int source_fd;            /* -1 */
	struct layer_draft draft; /* where writes go */
	int draft_fd;
};

struct entrance {
	const struct build_options *options;
	struct past past;
	size_t stage, step; /* of past.told; step SIZE_MAX: a stage without steps */
	bool is_after;
	bool is_where_failed; /* of a step that failed: with what it had written */
	struct platform platform;
	struct pool *pool;
	struct layer_set layers;
	struct stack stack; /* lowest first */
	struct {
		struct image **p;
		size_t n, capacity;
	} images;
	int view_fd; /* the files, read-only */
	struct user user;
	struct list env;
	char *workdir;
	/* Of the step: tmpfs, secrets and agents are a RUN's, the others are shown by hand. */
	struct build build; /* options, layers' pool and agents only */
	struct plan_step plan;
	struct step_run run;
	VEC(struct plan_mount) planned;
	VEC(struct shown_mount) shown;
	struct ready_mounts ready;
	struct strbuf text;
};

/* enter_find.c: which build, which step. */
FALLIBLE enter_find(struct entrance *entrance, const struct enter_wish *wish);
/* enter_stack.c: the layers below it, and of it where they are wanted. */
FALLIBLE enter_stack(struct entrance *entrance);
/* All of a stage, or of an image by its digest, on top of to. */
FALLIBLE enter_push_stage(struct entrance *entrance, size_t at, struct stack *to);
FALLIBLE enter_push_image(struct entrance *entrance, const char *called, const char *known_digest,
		struct stack *to);
/*
 * enter_mounts.c: what the step had mounted, as far as it can be had. What cannot is told in the
 * entrance's text. Needs its user.
 */
FALLIBLE enter_mounts(struct entrance *entrance);
void enter_mounts_done(struct entrance *entrance);
