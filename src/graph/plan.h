/*
 * plan: what a build will do, as a value.
 *
 * A Dockerfile plus build arguments, a target, a platform and the configs of its base images give a
 * plan: the stages that the target needs, each with its base, its steps (what touches the file
 * system) and its image config with history. All variables are expanded, all names looked up, every
 * step says which stages and images it reads. It can be printed (--dry-run) and keyed without
 * running anything.
 *
 * Everything lives in the plan's arena; plan_free() frees all of it. Read-only once made, so any
 * thread may read it.
 *
 * Floor: graph. Spec: Dockerfile reference; features.md 3.
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "dockerfile/parser.h"
#include "dockerfile/run_mount.h"
#include "image/image.h"
#include "oci/image_config.h"
#include "oci/platform.h"

struct ignore;
struct lint;

struct texts {
	const char *const *p;
	size_t n;
};

/* An image that a stage stands on or a step reads. */
struct plan_image {
	size_t index;
	const char *name; /* expanded, as the user would write it */
	struct platform platform;
	struct source_range at;
	struct image *image; /* opened; owned by the plan unless is_lent */
	bool is_lent;
	/*
	 * Not 0: the base of that stage alone (its index plus 1), which waits for others that may
	 * make the image: it is opened when plan_stage_waits() says so of none that still runs.
	 */
	size_t late_of;
};

enum origin_kind {
	ORIGIN_NONE = 0, /* FROM scratch; or no source at all (heredocs only) */
	ORIGIN_CONTEXT,
	ORIGIN_STAGE,
	ORIGIN_IMAGE,
};

/* Where a stage starts or a COPY reads. */
struct plan_origin {
	enum origin_kind kind;
	struct plan_stage *stage; /* ORIGIN_STAGE */
	struct plan_image *image; /* ORIGIN_IMAGE */
	size_t tree; /* ORIGIN_CONTEXT: 0 is the build context, others are plan_context.tree */
};

/* --build-context: what stands in for the stage or image of that name. */
struct plan_context {
	const char *name;  /* as plan_context_name() has it */
	const char *image; /* as image_open() takes it; NULL: a tree of files */
	size_t tree;       /* which one of the caller's, from 1 */
	bool is_scratch;   /* neither: nothing at all */
};

/*
 * Who looks through what was made: an image whose command finds it below PLAN_SCAN_CORE, writes
 * statements into PLAN_SCAN_OUT and is told so by variables (BuildKit's SBOM scanning protocol).
 */
struct plan_scanner {
	const char *image;
	const struct list *params; /* "NAME=value", which it sees as BUILDKIT_SCAN_NAME */
};

#define PLAN_SCAN_OUT  "/run/out"
#define PLAN_SCAN_CORE "/run/src/core/sbom"

enum plan_network { NETWORK_DEFAULT = 0, NETWORK_NONE, NETWORK_HOST };

/* A RUN --mount, expanded and looked up; what it says of paths is absolute and clean. */
struct plan_mount {
	struct run_mount as;       /* type, ids, modes; target and source as below */
	const char *target;        /* NULL: a secret that is offered in the environment only; ssh */
	const char *source;        /* bind, cache: below the root of origin, "" is that root */
	struct plan_origin origin; /* bind, cache with from; else ORIGIN_NONE */
};

struct plan_run {
	struct texts argv;  /* complete: the shell in front where the shell form was used */
	const char *script; /* body of an interpreter-line heredoc, run as argv[0]; or NULL */
	struct texts env;   /* NAME=value that the step sees, ENV and ARG; no proxies, no HOME */
	enum plan_network network;
	bool is_insecure;                /* --security=insecure */
	const struct plan_mount *mounts; /* as written */
	size_t mount_count;
	struct texts kept; /* paths that it must not change, outer ones first; usually none */
};

struct plan_source {
	const char *path; /* relative to the origin's root, may be a pattern; heredoc: file name */
	const char *content; /* heredoc body, expanded; NULL for a path */
	size_t content_bytes;
	/* ADD: as written, which may hold a password, while path does not; NULL: not that */
	const char *url; /* an http(s) address */
	const char *git; /* a git repository, which git_url_parse() accepts */
};

struct plan_copy {
	bool is_add;
	struct plan_origin origin;
	const struct plan_source *sources;
	size_t source_count;
	const char *dest;  /* absolute, cleaned */
	bool dest_is_dir;  /* written with a trailing slash, or ".", or plan_input says so */
	const char *chown; /* expanded text or NULL */
	const char *chmod; /* expanded text or NULL */
	bool link, parents;
	enum tristate unpack;
	const char *checksum; /* expanded and checked, or NULL */
	enum tristate keep_git_dir;
	struct texts excludes;
};

struct plan_workdir {
	const char *const *paths; /* absolute, cleaned; several of a VOLUME */
	size_t count;
	bool is_volume; /* what is there may be a file */
};

enum step_kind { STEP_RUN = 1, STEP_COPY, STEP_WORKDIR };

struct plan_step {
	enum step_kind kind;
	struct plan_stage *stage;
	size_t number;    /* i of "[name i/n]", from 1; FROM is 1 */
	const char *name; /* "RUN make": instruction with variables expanded, one line */
	struct source_range at;
	size_t history;      /* index into stage->config.history */
	const char *user;    /* in effect, "" is root */
	const char *workdir; /* in effect, absolute */
	union {
		struct plan_run run;
		struct plan_copy copy;
		struct plan_workdir workdir_step;
	};
};

/* A NAME=value of an ARG line, and what became of it. */
struct plan_arg {
	const struct pair *pair; /* as written */
	const char *value;       /* expanded; NULL: none */
	bool is_given;           /* by a build argument */
	bool is_inherited;       /* from the ARGs before the first FROM, or automatic */
};

struct plan_args {
	const struct plan_arg *p;
	size_t n;
};

struct plan_stage {
	size_t index;     /* position in the Dockerfile */
	const char *name; /* AS name, or "stage-N" */
	bool has_name;
	bool is_wanted; /* by plan_input.also or up_to_target */
	struct source_range at;
	struct platform platform;
	struct plan_origin base;
	const char *base_name;          /* as shown: image name or stage name */
	const struct plan_stage *after; /* FROM --after: begun when that is done; or NULL */
	bool is_after_all; /* begun when all of those above it are done that are built */
	const struct plan_step *steps;
	size_t step_count;
	/* n of "[name i/n]"; FROM is number 1 where it is an image, else it has none, as in
	 * BuildKit. */
	size_t number_count;
	bool has_base_number;
	struct plan_args args;
	/*
	 * The image this stage would be: the base's config and history, then ours. created times
	 * are NULL and empty_layer false for the entries of steps; whoever ran them fills them in.
	 */
	struct image_config config;
	size_t base_history; /* entries that came with the base image */
};

struct plan {
	struct arena *arena;
	struct platform platform;
	/* Stages that the target needs, in an order that puts every stage behind those it reads. */
	struct plan_stage *const *stages;
	size_t stage_count;
	struct plan_stage *target;
	/* What the scanner does, the last of the stages and of no Dockerfile; or NULL. Its index is
	 * the one behind those of the file. */
	struct plan_stage *scan;
	struct plan_image *const *images;
	size_t image_count;
	struct plan_args global_args; /* before the first FROM */
	const char *epoch;            /* what SOURCE_DATE_EPOCH is before the first FROM, or NULL */
};

struct plan_input {
	const struct dockerfile *file;
	const char *target;             /* name or number; NULL is the last stage */
	const struct list *also;        /* further stages that are to be built, or NULL */
	const struct list *build_args;  /* "NAME=value" */
	const struct list *labels;      /* "key=value", put on the target */
	const struct list *run_mounts;  /* values of a --mount that each RUN has, or NULL */
	bool drops_labels;              /* stages start without those of what they stand on */
	struct platform platform;       /* target */
	struct platform build_platform; /* of the machine */
	const struct plan_context *contexts;
	size_t context_count;
	/*
	 * Open all these images (the field image of each), side by side. Called once or more with
	 * the images that are new; ownership passes to the plan. One that stays NULL is unknown:
	 * it counts as empty, which will do for a stage that nobody runs.
	 */
	struct error *(*open_images)(void *user, struct plan_image *const *images, size_t n);
	void *user;
	/* Checks that need a plan (UndefinedVar, CopyIgnoredFile, …) report here; or NULL. */
	struct lint *lint;
	const struct ignore *ignore; /* of the context, for those checks; or NULL */
	const char *epoch_name;      /* SOURCE_DATE_EPOCH=this stands for a time */
	const char *epoch;           /* that time; NULL: unset */
	bool all_stages;             /* plan the stages that the target does not need as well */
	bool up_to_target;           /* stages above the target are wanted, too, needed or not */
	bool from_variables;         /* variables in --from and from=, as in Buildah */
	bool makes_volumes;          /* VOLUME makes what is missing of its path, as in Buildah */
	bool keeps_volumes;          /* a RUN changes nothing in volumes, as in older Buildahs */
	bool sources_need_dir;       /* several of a COPY go into a directory, as in Buildah */
	/* A base that is a file (oci-archive: …) may be one that stages above it make, as in
	 * Buildah, which takes stages in turn. */
	bool files_are_late;
	/* An empty build argument leaves a global ARG as it is, as in Kaniko. */
	bool keeps_defaults;
	const struct plan_scanner *scanner; /* or NULL */
};

/*
 * Where a step reads from: origin i of it, or NULL behind the last. Some may be ORIGIN_NONE.
 */
const struct plan_origin *plan_step_origin(const struct plan_step *step, size_t i);

FALLIBLE plan_new(const struct plan_input *input, struct plan **ret);
void plan_free(struct plan *plan);

/* The form of a name in which named contexts are compared. New; free(). */
char *plan_context_name(const char *text);

/* What a stage stands on, however many stages are between; NULL: no image. */
const struct plan_image *plan_stage_image(const struct plan_stage *stage);

/* Whether stage is begun only when other is done, whatever it reads of it. */
bool plan_stage_waits(const struct plan_stage *stage, const struct plan_stage *other);

/*
 * For --dry-run and for tests: one line a stage, one a step, then the config. The values of
 * build_args ("NAME=value"; NULL: none) are left out behind their names, since a log is read by
 * more people than who builds.
 */
void plan_show(const struct plan *plan, const struct list *build_args, struct strbuf *out);

/* The PATH a step gets when its image sets none. */
#define PLAN_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What SOURCE_DATE_EPOCH says is a time, or meant to be one, and no name. */
bool plan_epoch_is_number(const char *text);
/* SOURCE_DATE_EPOCH=context: the build context's */
#define PLAN_EPOCH_OF_CONTEXT "context"

/* True for HTTP_PROXY and its kin, which need no ARG and never enter a key. */
bool plan_is_proxy_arg(const char *name);

DEFINE_AUTO_PTR(plan, plan_free)
