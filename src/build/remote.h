/*
 * remote: what the cache homes of a build (cache/homes.h) say of its steps, and what is brought to
 * them at the end.
 *
 * Looking up comes in rounds, so that what is known from inputs is asked for at the same time:
 * resolve.c computes all keys that it can, remembers those that nobody knows (remote_want), asks
 * for all of them at once (remote_ask_wanted), and computes again while that brings something.
 *
 * Floor: build.
 */
#pragma once
#include "build/state.h"
#include "cache/homes.h"

/* Opens homes and begins to read their indexes. Nothing when there are none. */
FALLIBLE remote_open(struct build *build);
/*
 * What a home has under a key or definition; NULL: nothing. While keys are resolved, what is not
 * known is wanted; later it is asked for at once.
 */
const struct cached_step *remote_find(
		struct build *build, const struct digest *key, struct cache_home **ret_home);
/*
 * A step whose files would have to be hashed for its key: may a home have it? True when an index
 * said anything, which is worth the look at the files, or when the definition is known.
 */
bool remote_knows(struct build *build, const struct digest *definition);
/* The name of a step in homes: its key, and the epoch where the layer's times depend on it. */
struct digest remote_key(const struct build *build, const struct step_run *run);
/* Ask for it in the next round, though nobody can use it yet. */
void remote_want(struct build *build, struct step_run *run);
/* True: something was found, so resolving again may get further. */
bool remote_ask_wanted(struct build *build);
/* A keyed step that the store does not have: sets is_hit, layer, created when a home has it. */
void remote_look_up(struct build *build, struct step_run *run);
/* A target of --cache-to wants the layers of all stages. */
bool remote_takes_all(const struct build *build);
/* The layers of a stage, whether it was run in this build or not: base first. */
void remote_stage_layers(struct build *build, const struct stage_run *run, struct stack *ret);
/*
 * The digest of what a COPY --from selects, told by the tables of contents of layers that are not
 * here; *ret stays unknown where these do not tell, or where the files are here anyway.
 */
FALLIBLE remote_content(struct build *build, struct step_run *run, struct digest *ret);
/* A record was distrusted since the last call of remote_begin(): worth another try. */
void remote_begin(struct build *build);
bool remote_failed(const struct build *build);

/* What homes brought and the build has by now is remembered in the store. */
FALLIBLE remote_keep(struct build *build);
/*
 * Bring this build's steps, and cache mounts, to the homes of --cache-to. A home that fails is a
 * warning, mostly.
 */
FALLIBLE remote_export(struct build *build);
/* What it remembers for the platforms that come after, before build->homes is freed. */
void remote_brought_free(struct build *build);
/* The document for type=inline, of the steps whose layers the image has; NULL: not wanted. New. */
char *remote_inline(struct build *build);
