/*
 * git_url: how a git repository is named by ADD and as a build context.
 *
 *	https://host/path.git#ref:subdir          http(s) only when the path ends in ".git"
 *	https://host/path.git?branch=b&subdir=d   the query form; both may be mixed if they agree
 *	ssh://git@host/path  git@host:path  git://host/path
 *	github.com/owner/repo                     a context only
 *
 * Query: ref, tag, branch, commit or checksum, subdir, keep-git-dir, submodules, mtime
 * (commit or checkout), fetch-by-commit. Anything else is ERR_INVALID with the nearest name.
 *
 * What comes out is safe to give to git: no part that could be taken for an option, no control
 * characters, a ref that git itself would accept, a subdir inside the repository. A name and
 * password in an http(s) address are taken out of it, so that they appear in no message, argument
 * or recorded source.
 *
 * Floor: dockerfile (pure). Spec: Dockerfile reference, "Adding files from a Git repository";
 * docs.docker.com/build/concepts/context, "Git repositories"; git-check-ref-format(1).
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "dockerfile/instruction.h"

struct git_url {
	char *remote;   /* as git takes it: without query, fragment, name and password */
	char *user;     /* "name:password" or "name" of an http(s) address, decoded; or NULL */
	char *ref;      /* branch, tag, full ref or commit; NULL is the default branch */
	char *subdir;   /* cleaned; NULL is the top */
	char *checksum; /* lower-case hex, maybe only the beginning of the commit; or NULL */
	enum tristate keep_git_dir, submodules;
	bool keeps_checkout_times; /* mtime=checkout: files are as old as the checkout */
};

/* Does the text name a git repository? is_context: github.com/… does, too. */
bool git_url_matches(const char *text, bool is_context);
/* Of a text that matches. ERR_INVALID says what is wrong; never quotes a password. */
FALLIBLE git_url_parse(const char *text, struct git_url *ret);
void git_url_done(struct git_url *url);
/* A commit's name, whole or its first characters (at least 4): hex. */
bool git_is_commit(const char *text);
/* A whole one: SHA-1 or SHA-256. */
bool git_is_whole_commit(const char *text);
/* The address without name and password, whatever it is; for messages and records. New. */
char *git_url_shown(const char *text);

DEFINE_AUTO_VALUE(git_url)
