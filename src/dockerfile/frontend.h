/*
 * frontend: which language a file asks to be read as, with "# syntax=" or the build argument
 * BUILDKIT_SYNTAX.
 *
 * kiln knows one, and has it built in: docker/dockerfile and docker/dockerfile-upstream of any 1.x
 * (labs included), with or without a digest, and BuildKit's word for what is built in,
 * "dockerfile.v0". Any other image is a program that kiln will not run.
 *
 * Floor: dockerfile (pure). Spec: Dockerfile reference, "syntax"; features.md 3.1.
 */
#pragma once
#include "base/error.h"
#include "base/str.h"
#include "base/vec.h"

/* ERR_UNSUPPORTED at the line that asks for another one. build_args: "NAME=value", or NULL. */
FALLIBLE frontend_check(struct str text, const char *name, const struct list *build_args);
