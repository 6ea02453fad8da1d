/*
 * state: one build under way. Private to build/.
 *
 *	plan stage  -> stage_run: its stack so far, who reads it, its steps
 *	plan step   -> step_run: its key, whether the cache has it, its result
 *
 * resolve.c computes keys and looks them up before anything runs; execute.c then runs, stage by
 * stage, what the target needs and the cache does not have; result.c makes the image.
 *
 * Floor: build. A stage_run belongs to the thread that runs its stage, and is read-only afterwards.
 */
#pragma once
#include "build/context.h"
#include "build/exports.h"
#include "build/fetched.h"
#include "build/select.h"
#include "build/stack.h"
#include "build/view.h"
#include "dockerfile/lint.h"
#include "graph/key.h"
#include "sandbox/user.h"
#include "stream/pool.h"
#include <stdatomic.h>

struct step_mounts;

struct step_run {
	const struct plan_step *step;
	unsigned vertex;
	bool is_keyed; /* key is known */
	struct digest key;
	char *record;             /* what the key was made of, JSON */
	struct digest definition; /* the key without the digest of the files that a COPY or a RUN's
				   * bind mounts bring; known or not */
	bool is_hit;
	struct build_layer *layer; /* result; NULL: nothing changed */
	int64_t created;
	struct fetched *fetched;     /* ADD: what comes from elsewhere, by source; or NULL */
	struct selection *selection; /* COPY: once its source was looked at */
	struct step_mounts *mounts;  /* RUN: once its mounts were looked at (mounts.h) */
	struct digest content;       /* COPY: of selection, once it was hashed */
	/* For the history (history.h). */
	uint64_t took_ns;
	bool is_done, is_failed;
	bool is_trial;            /* run to be compared, not to be kept */
	char kept[LAYER_ID_TEXT]; /* what it had written when it failed (keep_failed.h); or "" */
	const struct cached_step *cached; /* what a cache home said, where the hit came from one */
	const char *home; /* its name; NULL: the store. Lives as long as build->homes */
	struct step_verified *verified; /* a hit that was run again (verify.h) */
};

struct stage_run {
	const struct plan_stage *stage;
	struct stage_run *base; /* FROM an earlier stage */
	struct step_run *steps;
	unsigned vertex; /* its FROM */
	bool is_keyed;
	struct digest key; /* of the file system at its end */
	/*
	 * A RUN of it, or of what it stands on, runs in this build. It need not make what it made
	 * before, so nothing that an earlier build ran on top of that is good any more.
	 */
	bool is_fresh;
	struct store_lock *turn; /* of the RUN that it came to last: turns.h */
	bool is_needed;          /* it is run: the target needs its files */
	/* late.h: it waits for a base that is not there yet; it was run; progress knows it. */
	bool is_blocked, is_finished, is_told;
	struct digest image_id;    /* as result_save_stages() saved it; or unknown */
	bool is_exported;          /* its layers become part of the image */
	bool is_packed;            /* they become blobs, of the image or of a cache alone */
	bool is_read;              /* somebody reads its files: FROM with steps, COPY --from */
	struct stack stack;        /* layers so far */
	struct view_names **names; /* of the streamed layers at the top of stack */
	size_t name_count;
	bool is_named;              /* the step under way added to names */
	const struct plan_step *at; /* the step under way */
	struct flat *flat; /* its root as a plain directory, where nothing can be mounted */
	size_t dirs;       /* how many layers from the bottom are known to have directories */
	/* A merged view of the finished stage for COPY --from, made once. */
	pthread_mutex_t view_lock;
	int view_fd; /* guarded by view_lock; -1 */
	/* The last USER look-up, good while the stack's height is user_height. */
	struct user user;
	char *user_spec;
	size_t user_height;
};

struct image_run {
	struct plan_image *image;
	struct stack stack;
	unsigned vertex;
	pthread_mutex_t view_lock;
	int view_fd; /* guarded by view_lock; -1 */
};

/* A cache mount that steps of this build have, or asked homes for: mount_travel.h. */
struct traveller {
	char *path, *id;     /* as store/cache_mount.h has them */
	struct digest mount; /* mount_travel_name() */
	bool is_asked, is_used, is_distrusted;
};

struct mount_travel {
	pthread_mutex_t lock;
	struct traveller *p; /* guarded by lock, as all below */
	size_t n, capacity;
};

struct build {
	const struct build_options *options;
	/*
	 * Of several platforms, one after the other. before: the one before this, whose context and
	 * Dockerfile it uses, or NULL.
	 */
	const struct build *before;
	bool is_one_of_many, is_last;
	struct context *context;
	struct dockerfile *file;
	struct plan *plan;
	VEC(struct image *) images_before; /* late.h: of earlier plans alone; layers know them */
	struct platform platform;
	struct pool *pool;
	struct layer_set layers;
	struct stage_run *stages; /* as plan->stages */
	struct image_run *images; /* as plan->images */
	struct sources sources;   /* what contexts and remote files are fetched with */
	struct context **trees;   /* named contexts, as options->contexts; NULL: not read */
	struct exports *exports;  /* layers of the image on their way into blobs */
	struct reference *pushes; /* where the image will be pushed */
	size_t push_count;
	uint64_t began_ns;      /* Unix time */
	struct digest image_id; /* once it is made */
	int empty_fd;
	struct key_agent **key_agents; /* as options->agents; NULL: no key files were given */
	struct inplace *inplace;       /* --isolation inplace; else NULL */
	char *epoch_name, *epoch;      /* epoch.h */
	/* Cache homes: remote.h. */
	struct cache_homes *homes; /* or NULL */
	char *index_name;
	VEC(struct digest) wanted; /* keys to ask for in the next round */
	bool is_resolving;
	struct mount_travel travel;
	struct cached_steps *brought; /* unless is_last: what it has for the index of each home to
					 write to */
	/* A context was seen to change under a step: none is shown alive any more. */
	atomic_bool is_restless;
	unsigned distrusted; /* records of homes that were found wrong, when this try began */
};

/* Some paths come into no layer (--ignore-path). */
static inline bool build_ignores(const struct build *build)
{
	return build->options->ignore && build->options->ignore->n;
}

/* Open base images side by side, but for those that wait for a stage, for plan_new(); user is the
 * struct build. */
struct error *build_open_images(void *user, struct plan_image *const *images, size_t n);
struct stage_run *build_stage(struct build *build, const struct plan_stage *stage);
const char *stage_run_name(const struct stage_run *run);

/* trees.c: which context an ORIGIN_CONTEXT is; the memory of its files' digests, or NULL. */
struct context *origin_context(const struct build *build, const struct plan_origin *origin);
struct file_digests *origin_digests(const struct build *build, const struct plan_origin *origin);

/* build_options.c */

/* What contexts and remote files are fetched with. */
struct sources build_sources(const struct build_options *options);
/* A build argument that is "1" or "true". */
bool build_arg_is_set(const struct build_options *options, const char *name);
/* BUILDKIT_SANDBOX_HOSTNAME, or NULL. */
const char *build_hostname(const struct build_options *options);

/* keys.c */

/* The same for a step, with what ADD fetches (make_view: fetched by now). */
FALLIBLE step_copy_origin(struct build *build, struct step_run *run, bool make_view,
		struct select_origin *ret);
/* What a COPY reads from. For stages and images the files must be there (view made). */
FALLIBLE step_origin(struct build *build, const struct plan_copy *copy, bool make_view,
		struct select_origin *ret);
/* Key of RUN and WORKDIR. content: of what bind mounts show (mounts_content), NULL without. */
void step_key(struct build *build, const struct plan_step *step, const struct digest *parent,
		const struct digest *content, struct digest *ret, char **ret_record);
/*
 * COPY: the definition (origin: digest of where it reads from, or unknown for the context), and the
 * key (content: select_digest).
 */
struct digest copy_definition(const struct build *build, const struct plan_step *step,
		const struct digest *parent, const struct digest *origin);
void copy_key(const struct build *build, const struct plan_step *step, const struct digest *parent,
		const struct digest *content, struct digest *ret, char **ret_record);
/*
 * What the step behind this one has as its parent: the key, and for a layer that is keyed alone
 * (--link) also what it lies on.
 */
struct digest step_after(const struct plan_step *step, const struct digest *parent,
		const struct digest *key_of_step);
/* --chown speaks of names, which are looked up in the stage. */
bool copy_has_names(const struct plan_copy *copy);

/* resolve.c */

/* Keys of every stage that the target reads, and what the cache has. Marks is_needed. */
FALLIBLE build_resolve(struct build *build);
/* COPY from the context or of heredocs; leaves it unkeyed when no look-up could hit. */
FALLIBLE step_key_context_copy(
		struct build *build, struct step_run *run, const struct digest *parent);
/*
 * Key of RUN or WORKDIR, and whether the cache has it; sets is_fresh of the stage. is_late: what
 * it reads from is finished.
 */
FALLIBLE step_key_look_up(struct build *build, struct stage_run *stage, struct step_run *run,
		const struct digest *parent, bool is_late);
/* --no-cache, or --no-cache-filter names the step's stage. */
bool step_ignores_cache(const struct build *build, const struct plan_step *step);
/* A step of it does, or of a stage that it stands on: what it brings is not what it brought. */
bool stage_runs_anew(const struct build *build, const struct stage_run *run);
/* Look a keyed step up; sets is_hit, layer, created. Nothing where the cache is ignored. */
FALLIBLE step_look_up(struct build *build, struct step_run *run);
/* Write down what a step made. */
FALLIBLE step_remember(struct build *build, struct step_run *run, const struct digest *content);

/* nodes.c: stages that are needed, and neither finished nor blocked. */
FALLIBLE build_execute(struct build *build);

/* execute.c */

/* All steps of a stage, whatever it reads being done. */
FALLIBLE stage_operate(struct build *build, struct stage_run *run);
/* Merged view of a stage or image, made once; borrowed. */
FALLIBLE stage_view(struct build *build, struct stage_run *run, int *ret_fd);
FALLIBLE image_view(struct build *build, struct image_run *run, int *ret_fd);
/* All files of the stage so far, for stage_look() and RUN. */
FALLIBLE stage_need_files(struct build *build, struct stage_run *run, unsigned vertex);
/* Files of the stage so far, by path; *ret_fd is what view->fd is to be closed with (or -1). */
FALLIBLE stage_look(struct build *build, struct stage_run *run, unsigned vertex, struct view *ret);
void stage_look_done(struct view *view);
/* The layer that comes next is streamed, and this is what it holds (takes names). */
void stage_add_names(struct stage_run *run, struct view_names *names);
/* Somebody after this step reads the stage's files. */
bool stage_reads_after(const struct stage_run *run, const struct plan_step *step);
/* Who runs as USER in the stage so far. */
FALLIBLE stage_user(struct build *build, struct stage_run *run, const char *spec,
		const struct user **ret);
/* Whose a file is, as --chown and WORKDIR have it (user_lookup_owner()). */
FALLIBLE stage_owner(struct build *build, struct stage_run *run, const char *spec,
		uint32_t *ret_uid, uint32_t *ret_gid);

/* Owner and mode of "/" in the stage so far; needs files. */
FALLIBLE stage_root_owner(struct build *build, const struct stage_run *run, struct owner *ret);
/*
 * Its root as a plain directory, made on demand: where nothing can be mounted. for_step: a RUN is
 * next, which in place has it in "/".
 */
struct flat *stage_flat(struct build *build, struct stage_run *run, bool for_step);

/*
 * flat_run.c: the step (borrowed) where nothing can be mounted, in the stage's plain directory.
 * What it changed goes into tree_fd as an overlay's upper.
 */
struct sandbox_step;
struct sandbox_result;
FALLIBLE flat_run(struct build *build, struct stage_run *stage, const struct sandbox_step *wanted,
		int tree_fd, struct sandbox_result *ret);

/* Run a step, whatever kind it is. */
FALLIBLE step_operate(struct build *build, struct stage_run *stage, struct step_run *run);
/* op_*.c: run a step; the result is in run->layer (NULL: nothing changed). */
FALLIBLE op_run(struct build *build, struct stage_run *stage, struct step_run *run);
FALLIBLE op_workdir(struct build *build, struct stage_run *stage, struct step_run *run);
FALLIBLE op_copy(struct build *build, struct stage_run *stage, struct step_run *run);

/* check.c */

/* What "# check=" and BUILDKIT_DOCKERFILE_CHECK say. */
FALLIBLE check_config(const struct dockerfile *file, const struct list *build_args,
		struct lint_config *ret);

/* result.c */
FALLIBLE result_image(struct build *build, struct image **ret);
/* A step's result that the image has no layer of; NULL is one. */
bool result_layer_is_empty(const struct build_layer *layer);
/* build_image_options.saves_stages; sets their image_id. */
FALLIBLE result_save_stages(struct build *build);
/* Those of one kind that are for the target's platform; the last of one name counts. */
void result_annotations(const struct build *build, enum annotation_kind kind, struct list *to);
/* result_edit.c: build_image_options, of the image that run is. Annotations: before the build's
 * own, and after them. */
void result_label(const struct build *build, const struct stage_run *run,
		struct image_config *config);
/* Says in Buildah's words which step it was. Takes error. */
struct error *step_at(const struct plan_step *step, struct error *error);
void result_edit_config(const struct build *build, struct image_config *config);
/* The target's alone. */
void result_say_platform(const struct build *build, struct image_config *config);
void result_inherit_annotations(
		const struct build *build, const struct stage_run *run, struct list *to);
void result_finish_annotations(
		const struct build *build, const struct image_config *config, struct list *to);
