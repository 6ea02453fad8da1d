/*
 * secrets_inner: what secrets.c and secrets_scan.c share.
 *
 * Floor: build, inside.
 */
#pragma once
#include "build/secrets.h"

/* The error that a find in bytes is; where: "" or "the name of ". */
struct error *secrets_look(const struct secrets *secrets, const void *bytes, size_t n,
		const char *path, const char *where);
size_t secrets_overlap(const struct secrets *secrets);
