/*
 * fetched: what ADD brings from elsewhere, http(s) addresses and git repositories, one for each
 * source of the step.
 *
 *	identify   what would be brought, asked of the server: the digest of a file, a commit
 *	need       the files themselves, in a directory of this build
 *
 * A file is asked for with what its server said last time (ETag, Last-Modified), so that one that
 * did not change is not sent again; a checksum in the Dockerfile saves even the question. Where the
 * step is in the cache, nothing is fetched.
 *
 * Floor: build, private. A step's thread.
 */
#pragma once
#include "build/fetch_file.h"
#include "build/git.h"
#include "graph/plan.h"
#include "oci/digest.h"

struct build;
struct step_run;

struct fetched {
	const struct plan_source *source;
	bool is_identified, is_here;
	struct scratch scratch;
	int fd;               /* the directory that holds it; borrowed from scratch or top_fd */
	char *name;           /* of a file: what it is called at the destination; NULL is unknown */
	struct digest digest; /* of a file */
	int64_t mtime;        /* of a file */
	struct git_url address; /* of a repository */
	struct git git;
	int top_fd; /* its directory that is meant, or -1 */
};

bool copy_is_fetched(const struct plan_copy *copy);
/* Nothing but fetched sources and heredocs: what they are says what the step brings. */
bool copy_is_only_fetched(const struct plan_copy *copy);
/* What decides the result of the sources, as one digest. */
FALLIBLE fetched_identify(struct build *build, struct step_run *run, struct digest *ret);
FALLIBLE fetched_need(struct build *build, struct step_run *run);
void fetched_free(struct step_run *run);

/* The last part of an address that can be a file's name, or NULL. New. */
char *fetched_url_name(const char *url);
/* The file name that a Content-Disposition gives, or NULL. New. */
char *fetched_disposition_name(const char *header);
