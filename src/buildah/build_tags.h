/*
 * build_tags: -t of 'build', which is a name for the store or any transport that a build can write.
 *
 * Floor: buildah.
 */
#pragma once
#include "base/error.h"
#include "ui/output_flag.h"

/* To tags, or an output. texts keeps what outputs point to. Usage errors name --tag. */
FALLIBLE build_tags_add(const char *program, const char *text, struct list *texts,
		struct list *tags, struct output_flags *out);
