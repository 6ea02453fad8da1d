/*
 * mounts: what the --mount flags of a RUN show to it. From the plan's word to what the sandbox
 * mounts, and for bind mounts to what counts in the step's key.
 *
 *	mounts_content()   digest of what the bind mounts show (mount_select.c)
 *	mounts_prepare()   everything at hand and listed for the sandbox (mounts.c)
 *	mounts_finish()    after the step: is what was shown alive still what it was?
 *	mounts_start_over() if it is not: the step's next try sees copies
 *
 * A bind shows the context as COPY would take it: without what is ignored, everything 0:0's. Where
 * the files on disk are just that they are mounted as they are; else a copy of them is. Stages and
 * images are shown by an overlay of their layers. Whatever is written to a bind is thrown away.
 * Caches are directories of the store that the step has locked while it runs.
 *
 * Floor: build. One thread at a time.
 */
#pragma once
#include "build/state.h"
#include "sandbox/sandbox.h"
#include "store/cache_mount.h"

struct step_mount {
	const struct plan_mount *plan;
	struct selection *selection; /* bind, cache with from: what there is, once looked at */
	bool is_live;                /* the context's own files are mounted */
	struct layer_draft draft;    /* a copy of them, or where writes go */
	int draft_fd;                /* its directory, or the part of a cache; -1 */
	struct agent *agent;         /* ssh: agent.h */
	char *ssh_target;
	size_t cache; /* index of step_mounts.caches */
	struct mount_dir *layers;
	int context_fd; /* the context with the step's ids; -1 */
};

/* A directory of the store that the step has locked. */
struct step_cache {
	char *id;
	char *path;          /* NULL: private, one of several */
	struct digest mount; /* mount_travel_name() */
	bool alone;
	bool is_spare; /* private, and not the first: it does not travel */
	size_t maker;  /* the mount that says what it holds at first */
	struct cache_mount held;
};

/* In the order of mounting: outer targets first. */
struct ready_mounts {
	struct sandbox_mount *p;
	size_t n, capacity;
};

struct step_mounts {
	struct step_mount *p; /* as the plan's, one by one */
	size_t n;
	/* Filled by mounts_prepare(). */
	struct {
		struct step_cache *p;
		size_t n, capacity;
	} caches;
	struct ready_mounts ready;
	struct list env;         /* "NAME=value" for the step alone, never for key or log; wiped */
	const struct user *user; /* of the step; borrowed */
	size_t agents;           /* that the step sees */
	struct secrets *secrets; /* those that the step sees; NULL: none (secrets.h) */
};

/* True when files of the context, a stage or an image are part of what the step sees. */
bool run_reads_files(const struct plan_step *step);
/* The mounts of a RUN, made at the first call; NULL without any. */
struct step_mounts *step_mounts(struct step_run *run);
void step_mounts_free(struct step_mounts *mounts);

/* mount_select.c */
/* Look at what mount i shows: fills its selection. The stage it reads is finished. */
FALLIBLE mount_look(struct build *build, struct step_run *run, size_t i);
/* Digest of what one bind mount shows, and of all of them. */
FALLIBLE mount_content(struct build *build, struct step_run *run, size_t i, struct digest *ret);
FALLIBLE mounts_content(struct build *build, struct step_run *run, struct digest *ret);
/*
 * A directory with what mount i shows, owned as the image would have it, or all by owner (or NULL):
 * its draft. Where files changed since they were looked at, they are looked at again, and the step
 * is unkeyed: remember() (execute.c) makes the key of what was copied.
 */
FALLIBLE mount_copy(struct build *build, struct step_run *run, size_t i, const struct user *owner);

/* mount_live.c */
/* *ret_shown: false where only a copy would be what the step is to see. */
FALLIBLE mount_show_live(struct build *build, struct step_run *run, size_t i,
		struct sandbox_mount *out, bool *ret_shown);
/*
 * The digests of what was shown alive, and whether it is what it was when the key was made, or
 * looked at. *ret_changed: a path that is not, in memory of the mounts; or NULL. Then the step is
 * to run again, after mounts_start_over().
 */
FALLIBLE mounts_finish(struct build *build, struct step_run *run, const char **ret_changed);
/* The step is unkeyed, and it and later ones get copies. */
void mounts_start_over(struct build *build, struct step_run *run);

/* mount_keys.c */
/*
 * The key of a RUN that reads files, and whether the cache has it. is_late: every stage that it
 * reads is finished. Leaves it unkeyed where no look-up could hit yet.
 */
FALLIBLE mounts_key_look_up(struct build *build, struct stage_run *stage, struct step_run *run,
		const struct digest *parent, bool is_late);
/* No key that speaks of the files' content is good any more. */
void mounts_unkey(struct step_run *run);

/* mount_cache.c */
/* The store's name of a cache that steps share: cache_mount_path(). New; free(). */
char *mount_cache_path(struct build *build, const struct plan_mount *plan);
/* Lock every cache of the step, and make those that are new. */
FALLIBLE mount_caches_take(struct build *build, struct step_run *run);
FALLIBLE mount_cache_show(struct build *build, struct step_mounts *mounts, size_t i,
		struct sandbox_mount *out);
void mount_caches_done(struct step_mounts *mounts);

/* mount_secret.c */
/* out->kind stays 0 when there is nothing to mount. */
FALLIBLE mount_secret_show(struct build *build, struct step_mounts *mounts, size_t i,
		struct sandbox_mount *out);

/* mount_ssh.c: the same */
FALLIBLE mount_ssh_show(struct build *build, struct step_mounts *mounts, size_t i,
		struct sandbox_mount *out);

/* mounts.c */
/* What is mounted on a directory would hide what was mounted below it before. */
void mounts_add_ready(struct ready_mounts *ready, const struct sandbox_mount *mount);
/*
 * An upper directory, in draft, for writes that go nowhere, owned as root, which is what it will
 * lie on. *ret_fd is what out refers to; close it behind the step.
 */
FALLIBLE mount_scratch(const struct build_options *options, const struct owner *root,
		struct layer_draft *draft, int *ret_fd, struct sandbox_mount *out);
FALLIBLE mounts_prepare(struct build *build, struct step_run *run, const struct user *user);
/* The step is over, however it went: caches are let go, agents end. */
void mounts_release(struct step_run *run);
