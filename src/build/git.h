/*
 * git: repositories as sources, by the git program. docs/security.md says what it may do.
 *
 * It runs without the system's and the user's configuration but for what finds credentials and
 * reaches the server (credential.*, http.*, url.*.insteadOf, core.sshCommand): no hooks, filters,
 * templates or aliases; over https, http, ssh and git only, submodules included; without asking
 * anything; within GIT_TIMEOUT_MS. Names and passwords go to it through its environment, never as
 * arguments, and appear in no message.
 *
 * Floor: build. Any thread; a struct git belongs to one.
 */
#pragma once
#include "base/auto.h"
#include "build/sources.h"
#include "dockerfile/git_url.h"

enum { GIT_TIMEOUT_MS = 15 * 60 * 1000 };

struct git {
	const struct sources *sources;
	const struct git_url *url;
	struct git_url *judged; /* what the source policy puts in its place; or NULL */
	struct scratch scratch; /* an empty repository at first */
	struct scratch trust;   /* the authorities that only variables name, where there are any */
	struct list environment;
	char *commit; /* whole, once found */
	char *tag;    /* the tag object that stands for it, by which it was found; or NULL */
	int64_t time; /* of the commit, once it is checked out */
	char *ref;    /* what it was found by: "refs/heads/main"; NULL: by its own name */
};

/*
 * Find the commit that the address means. ERR_NOT_FOUND: no such ref. ERR_DIGEST: it is not the
 * checksum's (which may be NULL; the address's own is looked at, too). ERR_DENIED: credentials.
 */
FALLIBLE git_find(const struct sources *sources, const struct git_url *url, const char *checksum,
		struct git *ret);
/*
 * The files of the commit into git->scratch: 0644 or 0755, as old as the commit unless the address
 * says otherwise, submodules included unless it says otherwise. *ret_fd is the directory that the
 * address means (new, close it).
 */
FALLIBLE git_check_out(struct git *git, bool keep_git_dir, int *ret_fd);
void git_done(struct git *git);

/* git_run.c */

/* The environment for git->url. */
FALLIBLE git_environment(struct git *git);
/* Run git with these arguments in the repository. What fails says what git said. */
FALLIBLE git_run(struct git *git, const char *const *args, struct strbuf *out);
#define git_call(git, out, ...) git_run((git), (const char *const[]){ __VA_ARGS__, NULL }, (out))

DEFINE_AUTO_VALUE(git)
