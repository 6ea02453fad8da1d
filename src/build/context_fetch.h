/*
 * context_fetch: contexts that must be brought here first. Private to build/: context.c chooses.
 *
 * Floor: build.
 */
#pragma once
#include "build/context.h"
#include "stream/reader.h"

/*
 * The bytes (takes them) of a tar or of a Dockerfile become the context's files or its Dockerfile's
 * text. Needs a fresh context.
 */
FALLIBLE context_unpack(
		struct context *context, const struct sources *sources, struct reader *bytes);
FALLIBLE context_fetch_git(const struct context_input *input, struct context *context);
/* The Dockerfile alone, of an address; context->dockerfile_name is set. */
FALLIBLE context_fetch_dockerfile(const struct context_input *input, struct context *context);
FALLIBLE context_fetch_http(const struct context_input *input, struct context *context);
