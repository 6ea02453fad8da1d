/*
 * trees: the named contexts of a build (--build-context NAME=VALUE). A value that is an image goes
 * into the plan as one; anything else is a tree of files, opened once the plan says that it is
 * read.
 *
 *	docker-image://REF container-image://REF docker://REF    an image of the store or a registry
 *	oci-layout://DIR[:TAG|@DIGEST]                           an image of an OCI layout
 *	whatever context.h takes, but for "-"                    files
 *
 * Floor: build, private. Read-only once opened.
 */
#pragma once
#include "build/state.h"

/* For the plan: *ret is new, its texts and it are freed by trees_plan_free(). */
FALLIBLE trees_plan(const struct build_options *options, struct plan_context **ret);
/* What --build-context names is an image, and no files. */
bool trees_is_image(const char *value);
void trees_plan_free(struct plan_context *contexts, size_t n);
/* Open those that the plan reads and that are not open yet. */
FALLIBLE trees_open(struct build *build);
void trees_free(struct build *build);
