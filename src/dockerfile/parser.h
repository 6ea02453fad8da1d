/*
 * parser: a whole Dockerfile, from text to instructions and stages.
 *
 * A struct dockerfile owns one arena that holds everything in it; dockerfile_free() frees the
 * whole. It is read-only after parsing and may be shared by threads.
 *
 * Every error is at file:line:column. Time and space are linear in the text, which is bounded by
 * LIMIT_DOCKERFILE_BYTES and LIMIT_DOCKERFILE_LINES.
 *
 * Floor: dockerfile (pure). Spec: Dockerfile reference; features.md 3.
 */
#pragma once
#include "base/auto.h"
#include "base/map.h"
#include "dockerfile/instruction.h"
#include "dockerfile/lines.h"

struct stage;

struct dockerfile {
	struct arena *arena;
	const char *name; /* as given, for messages */
	struct str text;  /* a copy, byte order mark included, NUL behind */
	struct directives directives;
	const struct instruction *instructions;
	size_t instruction_count;
	size_t global_count; /* the ARGs before the first FROM are instructions[0, global_count) */
	const struct stage *stages; /* stage.h */
	size_t stage_count;
	struct map *stage_names; /* the last stage of each name; for stage.c */
};

/* text and name are copied. *ret is new, free with dockerfile_free(). */
FALLIBLE dockerfile_parse(struct str text, const char *name, struct dockerfile **ret);
/*
 * The same, but when it fails *ret holds what stands before the mistake, or NULL where that is no
 * stage yet. For telling what else is wrong. any_names: a stage may be called as it likes, as for
 * Buildah.
 */
FALLIBLE dockerfile_parse_before(
		struct str text, const char *name, bool any_names, struct dockerfile **ret);
void dockerfile_free(struct dockerfile *file);

/* Line number (from 1) without its end; empty beyond the last. For showing where an error is. */
struct str dockerfile_line(struct str text, unsigned number);

DEFINE_AUTO_PTR(dockerfile, dockerfile_free)
