/*
 * context: the files a build may COPY, and the Dockerfile that says what to do with them.
 *
 * A context is a directory and an ignore list. The directory is the user's own, or one below the
 * store that an archive, a download or a git repository was unpacked into for this build:
 *
 *	DIR                          as it is
 *	FILE                         a tar, compressed or not
 *	-                            standard input: a tar, or a Dockerfile without a context
 *	http(s)://…                  the same, downloaded
 *	https://….git#ref:dir …      a git repository (dockerfile/git_url.h)
 *
 * For a directory the Dockerfile need not lie inside: a path is looked up from where the user
 * stands. In what is unpacked it is looked up inside. An address is fetched, "-" is standard input,
 * and none given means
 * "Dockerfile" (or "Containerfile") at the context's root, which no link leads out of. So it is
 * with .dockerignore; NAME.dockerignore beside the Dockerfile wins over it. A named context
 * (--build-context) has no Dockerfile, and its own .dockerignore.
 *
 * Floor: build. Read-only once opened; any thread.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "build/sources.h"
#include "dockerfile/ignore.h"
#include "oci/digest.h"
#include "store/file_digests.h"

struct context {
	int fd;     /* the directory */
	char *path; /* as typed, without a password, for messages */
	/* "the build context", "the context 'name'" */
	char *name;
	bool is_inside; /* everything is in the directory: nothing of the host belongs to it */
	struct ignore *ignore; /* NULL: nothing is left out */
	char *ignore_name;     /* which file it came from, or NULL */
	char *ignore_path;     /* the same with its whole path */
	char *dockerfile;      /* its text; NULL in a named context */
	size_t dockerfile_bytes;
	char *dockerfile_name;           /* for messages */
	struct file_digests *digests;    /* of a user's directory; NULL for what was unpacked */
	struct scratch scratch;          /* what it was unpacked into */
	int dir_fd;                      /* opened for this context alone, or -1 */
	char *vcs_source, *vcs_revision; /* a git repository and its commit; else NULL */
	char *vcs_ref;                   /* what was asked for: "refs/heads/main", or NULL */
	struct digest digest;            /* of what an address brought; else unknown */
	/*
	 * When it was made, in Unix seconds: the commit, what an http server says, else the newest
	 * entry of a tar. 0: not known, as of a directory.
	 */
	int64_t time;
};

struct context_input {
	const char *path;        /* as above */
	const char *dir;         /* the folder of what is unpacked; NULL: its top */
	const char *name;        /* of a named context; NULL: the build context */
	const char *ignore_file; /* on the host; NULL: what the context has */
	const char *dockerfile;  /* a path, an address, "-", or NULL */
	int stdin_fd;
	bool keep_git_dir; /* of a git repository: BUILDKIT_CONTEXT_KEEP_GIT_DIR */
	/* Containerfile and .containerignore first, with Buildah's exceptions. */
	bool as_buildah;
	const struct sources *sources;
};

/* An address or git repository: it has to be brought here. */
bool context_is_remote(const char *path);
/* A directory of this machine: nothing is brought or unpacked for it. "-" is none. */
bool context_is_directory(const char *path);
FALLIBLE context_open(const struct context_input *input, struct context **ret);
/* An address without a password, and without the query of a download, which may be one; a path as
 * it is. New; free(). */
char *context_shown(const char *path);
/* Its time as SOURCE_DATE_EPOCH has it, or NULL. New; free(). */
char *context_epoch(const struct context *context);
void context_free(struct context *context);

DEFINE_AUTO_PTR(context, context_free)
