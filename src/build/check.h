/*
 * check: a Dockerfile looked at and nothing run: what checks find, what parameters a target takes,
 * which targets there are.
 *
 *	AUTO(check) struct check check = { 0 };
 *	TRY(check_open(&options, &check));
 *	... check.lint.warnings, check.error, outline_print(&check ...) ...
 *
 * A file that is wrong is a result, not a failure: check.error says what is wrong and the warnings
 * found so far stand beside it. Failures are what kept check_open from looking: no such file.
 *
 * Floor: build.
 */
#pragma once
#include "build/build.h"
#include "dockerfile/lint.h"

struct context;
struct plan;

struct check_options {
	/*
	 * context, dockerfile, stdin_fd, target, build_args, platform, pull; and store, registry,
	 * cancel and progress unless is_offline.
	 */
	const struct build_options *build;
	bool is_offline; /* open no image: what only a base image could tell is not reported */
	bool with_own;   /* kiln's own rules */
	bool all_stages; /* without a target, plan every stage, as BuildKit's check does */
	const struct list *skip; /* names of rules, besides what the file says; or NULL */
};

struct check {
	struct context *context;
	struct dockerfile *file;   /* NULL: it does not parse */
	struct dockerfile *before; /* then what stands before the mistake, if there is a stage */
	struct plan *plan;         /* NULL: it cannot be planned */
	struct lint_config config;
	struct lint lint;
	struct arena *arena;     /* of the warnings' text */
	struct list unused_args; /* names of --build-arg that nothing takes */
	struct error *error;     /* why a build of it would fail, or NULL */
};

FALLIBLE check_open(const struct check_options *options, struct check *ret);
void check_done(struct check *check);

DEFINE_AUTO_VALUE(check)
