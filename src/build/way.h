/*
 * way: the parts of a build's way, in their order, for who goes it once (build_run), once for each
 * platform (platforms.h), or only to look (check.h).
 *
 * Floor: build, private.
 */
#pragma once
#include "build/state.h"

/* What was left to us is chosen. */
void build_options_fill(struct build_options *options);
/* What contradicts itself. */
FALLIBLE build_options_check(const struct build_options *options);

/* Both options are one: borrowed until build_done(). build->before and its kin are set behind it.
 */
void build_begin(struct build *build, const struct build_options *options,
		const struct platform *platform);
/* Context and Dockerfile, and what the build works with. */
FALLIBLE build_load(struct build *build);

struct plan_for {
	struct platform platform;
	struct error *(*open_images)(void *user, struct plan_image *const *images, size_t n);
	void *user;
	struct lint *lint; /* or NULL */
	bool all_stages;   /* those that the target does not need as well */
	bool scans;        /* with the stage of the SBOM's generator, where one is asked for */
};

/* The plan for a platform, of what was loaded: context and file. *ret is new. */
FALLIBLE build_plan_for(const struct build *build, const struct plan_for *what, struct plan **ret);
/* Caches are opened, and the build's own plan is made; nothing has run. */
FALLIBLE build_plan(struct build *build, struct build_options *options);
/* What a git context is, to the result. */
void build_tell_source(const struct build *build, struct build_result *ret);
/* Keys, steps, and the image, unless all outputs are files: *ret stays NULL then. */
FALLIBLE build_make(struct build *build, struct image **ret);
/* As before build_make(), which then may be called again. Images of it are freed before. */
void build_forget_runs(struct build *build);
/* Of several, the last one first. */
void build_done(struct build *build);

DEFINE_AUTO_VALUE(build)
