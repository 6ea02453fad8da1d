/*
 * enter_inner: what the files of enter share. Private to build/.
 *
 * Floor: build.
 */
#pragma once
#include "build/enter.h"
#include "build/explain_inner.h"
#include "build/stack.h"
#include "sandbox/user.h"

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
	struct strbuf text;
};

/* enter_find.c: which build, which step. */
FALLIBLE enter_find(struct entrance *entrance, const struct enter_wish *wish);
/* enter_stack.c: the layers below it, and of it where they are wanted. */
FALLIBLE enter_stack(struct entrance *entrance);
