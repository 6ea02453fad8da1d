/*
 * working_inner: what the files of a working container share. Private to working*.c.
 *
 * Floor: build.
 */
#pragma once
#include "build/place.h"
#include "build/working.h"

struct working {
	struct working_with with;
	struct container *container;
	struct build_options options;
	struct build build; /* options, pool and layers only */
	struct image *base; /* NULL: scratch */
	struct stack stack; /* of its image and of sealed steps */
	int dir_fd;         /* containers/<id> */
	int upper_fd;
	/*
	 * While a step becomes a layer of its own the two above are the draft's, and these the
	 * container's; else -1.
	 */
	int own_dir_fd, own_upper_fd;
	struct layer_draft draft;
};

/*
 * name in dir_fd, a work directory and empty: a second overlay cannot have the leftovers of a
 * first. Those are set aside, as name.old, for working_drop_old(), since to remove them takes most
 * of a millisecond; they are harmless where it never comes to that.
 */
FALLIBLE working_fresh_work(struct working *working, const char *name, int *ret_fd);
void working_drop_old(struct working *working, const char *name);
/* All as it is now, to be written to; closing the fd unmounts. */
FALLIBLE working_merge(struct working *working, int *ret_fd);
/* Directories for an overlay, topmost first: without the upper, or with it. New; free(). */
struct mount_dir *working_dirs(const struct working *working, bool with_upper, size_t *ret_n);
/* The container's upper looks like the root below, once. */
FALLIBLE working_begin(struct working *working);

/* --- working_layers.c: steps that are layers --- */

/* The key of what stands below the next step; unknown, and why, when it has none. */
FALLIBLE working_parent(struct working *working, struct digest *ret, const char **ret_why);
/* The layer of that key becomes the container's, if the cache has it. */
FALLIBLE working_take(struct working *working, const struct digest *key, const char *created_by,
		bool *ret_taken);
/* From here on what is written goes into a new layer ... */
FALLIBLE working_layer_begin(struct working *working);
/* ... on top of a copy of what the container's own upper has ... */
FALLIBLE working_layer_fill(struct working *working);
/* ... and is then the container's and in the cache; nothing is mounted on it any more ... */
FALLIBLE working_layer_seal(struct working *working, const struct digest *key, const char *record,
		const struct digest *content, const char *created_by);
/*
 * ... or it is no layer, and all of it is the container's own upper, in the place of what that was
 * (nothing, unless working_layer_fill() brought it in) ...
 */
FALLIBLE working_layer_spill(struct working *working);
/* What the container changed so far becomes a layer, without a key, and its upper is empty again.
 */
FALLIBLE working_layer_settle(struct working *working, const char *created_by);
/* Back to the container's own directory; what was neither sealed nor spilled is dropped. */
void working_layer_end(struct working *working);

/* --- working_files.c --- */

struct working_files {
	const struct working_file *p;
	size_t n;
	int64_t created;
};

/* In the order of a layer; two of one path are ERR_INVALID. */
FALLIBLE working_files_send(const struct working_files *files, struct entry_sink *sink);
/* All that they do not replace goes on to below (borrowed, as files). ERR_UNSUPPORTED: of what they
 * replace something else is a hard link. */
struct entry_sink *working_files_over(const struct working_files *files, struct entry_sink *below);

/* --- working_keys.c --- */

/* Why the command's result cannot be remembered by its key alone; or NULL. */
const char *working_run_unseen(const struct working_run *run);
/* step: the RUN that it would be. */
void working_run_key(struct working *working, const struct working_run *run,
		const struct plan_step *step, const struct digest *parent, struct digest *ret,
		char **ret_record);
