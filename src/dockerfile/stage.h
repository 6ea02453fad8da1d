/*
 * stage: the stages of a Dockerfile, and how they are named by FROM, --from and --target.
 *
 * Names compare without case. Two stages may share a name: the later one hides the earlier. A
 * number names a stage by position for --from and --target, never for FROM.
 *
 * Stages are part of struct dockerfile. Floor: dockerfile (pure). Spec: features.md 3.2, 3.4.
 */
#pragma once
#include "dockerfile/parser.h"

struct stage {
	size_t index;
	const struct instruction
			*from; /* its FROM; from->from has image, platform, name, comment */
	const struct instruction *instructions; /* those below it, without FROM */
	size_t instruction_count;
	const struct stage *base;  /* the earlier stage that FROM names literally, or NULL */
	const struct stage *hides; /* the earlier stage of the same name, or NULL */
};

/* Set up file->stages and file->global_count from file->instructions (dockerfile_parse does). */
FALLIBLE stages_init(struct dockerfile *file);

/* The last stage of that name among the first before stages, or NULL. */
const struct stage *stage_by_name(const struct dockerfile *file, const char *name, size_t before);

/*
 * What --from=NAME or --target=NAME means: a stage's name, else a stage's number. NULL when it is
 * neither (an image or a named context, or an error: the caller knows). A number beyond the last
 * stage is ERR_NOT_FOUND.
 */
FALLIBLE stage_find(const struct dockerfile *file, const char *name, const struct stage **ret);

/* The name of the stage nearest in spelling, for "did you mean", or NULL. */
const char *stage_suggest(const struct dockerfile *file, const char *name);

/* True for names that mean something else: "scratch", "context". */
bool stage_name_is_reserved(const char *name);
