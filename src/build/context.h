/*
 * context: the files a build may COPY, and the Dockerfile that says what to do with them.
 *
 * A context is a directory and an ignore list. The Dockerfile need not lie inside it: a path is
 * looked up from where the user stands, "-" is standard input, and none given means "Dockerfile"
 * (or "Containerfile") at the context's root. NAME.dockerignore beside the Dockerfile wins over
 * .dockerignore at the root.
 *
 * Floor: build. Read-only once opened; any thread.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "dockerfile/ignore.h"

struct context {
	int fd;                /* the directory, O_PATH */
	char *path;            /* as typed, for messages */
	struct ignore *ignore; /* NULL: nothing is left out */
	char *ignore_name;     /* which file it came from, or NULL */
	char *dockerfile;      /* its text */
	size_t dockerfile_bytes;
	char *dockerfile_name; /* for messages */
};

/* path: a directory. dockerfile: a path, "-" (reads stdin_fd), or NULL. */
FALLIBLE context_open(const char *path, const char *dockerfile, int stdin_fd, struct context **ret);
void context_free(struct context *context);

DEFINE_AUTO_PTR(context, context_free)
