/*
 * verify: --cache=verify. A step that the cache has is run all the same, on what it would have
 * stood on, and what it makes is compared with what the cache has, file by file. The build goes on
 * with the cached result; what was made again is dropped.
 *
 * A step that makes something else is not reproducible: a fresh machine gets another image. One
 * that differs in the times of its files alone is counted apart: SOURCE_DATE_EPOCH takes care of
 * those.
 *
 * Floor: build. A step is verified by the thread that runs its stage.
 */
#pragma once
#include "build/state.h"

struct step_verified {
	uint64_t files, times; /* as struct inventory_difference */
	struct list texts;
	uint64_t took_ns;
};

/* Run a hit again and compare: run->verified. Fails only when it was canceled or kiln failed. */
FALLIBLE verify_step(struct build *build, struct stage_run *stage, struct step_run *run);
void step_verified_free(struct step_verified *verified);
/* Sum up for the caller. */
void verify_collect(const struct build *build, struct build_verified *ret);

/* It is run, whether the cache has it or not. */
bool step_must_run(const struct build *build, const struct step_run *run);
