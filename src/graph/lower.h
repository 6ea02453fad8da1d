/*
 * lower: from the AST of one stage to steps and config. Private to graph/: plan.c drives it.
 *
 * A scope is what variables mean at one point: ENV and ARG write into one ordered list, the later
 * wins; only ENV reaches the image config.
 *
 * Floor: graph.
 */
#pragma once
#include "base/limits.h"
#include "dockerfile/run_mount.h"
#include "dockerfile/stage.h"
#include "dockerfile/words.h"
#include "graph/named.h"
#include "graph/plan.h"

struct scope {
	struct list visible; /* "NAME=value": ENV and ARG in effect */
	/* "NAME=value": ARGs in effect, for history; "" where an ENV hides one */
	struct list args;
	struct named visible_at, args_at;
	size_t budget; /* what expansion may still produce */
	char escape;
	/* For checks: names of ARGs without a value, and whether the base image's ENV is known. */
	struct list declared;
	struct named declared_at;
	bool has_unknown_env;
};

/* ARG lines so far. */
struct lowered_args {
	struct plan_arg *p;
	size_t n, capacity;
};

/* One stage while it is lowered, and what a stage standing on it inherits. */
struct lowered {
	const struct stage *stage;
	struct plan_stage *out;
	const struct stage *after; /* FROM --after; or NULL */
	struct scope scope;
	bool cmd_is_set; /* CMD was given in this stage */
	const char *workdir;
	VEC(struct plan_step) steps;
	struct lowered_args args;
	struct named env_at, labels_at, volumes_at; /* of out->config */
	unsigned char *ports;                       /* a bit for each that is exposed; or NULL */
};

struct lower {
	const struct plan_input *input;
	struct arena *arena;
	struct scope globals; /* what FROM lines see */
	struct lowered_args global_args;
	struct lowered *stages; /* one per stage of the file, by index; out is NULL when not needed
				 */
	VEC(struct plan_image *) images;
	struct map *images_at; /* "name platform" */
	struct map *names_at;  /* lower_names.c */
	size_t steps, entries; /* so far, against LIMIT_STEPS and LIMIT_PLAN_ENTRIES */
	VEC(const struct stage *) order;
	bool *marks;                /* per stage: it was entered */
	struct list reported;       /* variables that the instruction at hand was warned of */
	struct plan_image *scanner; /* lower_scan.c */
	size_t guesses;             /* how often a name was compared with all others */
};

/* One word or body that is being expanded, and where it stands. */
struct expansion {
	struct lower *lower;
	struct scope *scope;
	struct source_range at;
	const struct stage *from; /* as in Buildah, ARGs of stages above this one's FROM count; or
				     NULL */
};

void scope_done(struct scope *scope);
/* Expand one word; errors are placed at `at`. Result in the arena. */
FALLIBLE scope_word(struct lower *lower, struct scope *scope, const char *word,
		struct source_range at, const char **ret);
/* Expand a word of this stage's FROM. */
FALLIBLE scope_from(struct lower *lower, const struct stage *stage, const char *word,
		struct source_range at, const char **ret);
/* Expand a heredoc body: quotes mean nothing. */
FALLIBLE scope_body(struct lower *lower, struct scope *scope, const char *body,
		struct source_range at, const char **ret);
/* Expand into words, appended to ret. */
FALLIBLE scope_words(struct lower *lower, struct scope *scope, const char *word,
		struct source_range at, struct list *ret);
/* What a scope means to whoever expands by himself (run_mount.h). flags: enum words_flags. */
struct words_env scope_env(struct expansion *expansion, unsigned flags);
/* The global ARGs of the file and the automatic platform ones. */
FALLIBLE scope_globals(struct lower *lower);
/* What an ARG of a stage comes to: as told, by its default, or from before the first FROM; NULL:
 * unset. */
FALLIBLE scope_value(struct lower *lower, struct scope *scope, const struct pair *pair,
		const char **ret);
/* An ARG line inside a stage. */
FALLIBLE scope_arg(struct lower *lower, struct lowered *stage, const struct pair *pair);
/* What was recorded of them, into the arena. */
struct plan_args scope_args(struct lower *lower, const struct lowered_args *args);
/* An automatic argument (TARGETOS …) as --build-arg or the platform has it, or NULL. New; free().
 */
char *scope_automatic(const struct lower *lower, const char *name);

/* lower_from.c: FROM of a stage, expanded: its image name ("" never) and platform. */
FALLIBLE lower_from(struct lower *lower, const struct stage *stage, const char **ret_name,
		struct platform *ret_platform);
/* Count entries that are copied; ERR_LIMIT at the place when there are too many. */
FALLIBLE lower_charge(struct lower *lower, size_t entries, struct source_range at);
/* The image of that name and platform, asked for once; opened later. */
struct plan_image *lower_image(struct lower *lower, const char *name,
		const struct platform *platform, struct source_range at);
/* The same of one stage alone, with plan_image.late_of. */
struct plan_image *lower_late_image(struct lower *lower, const char *name,
		const struct platform *platform, struct source_range at, size_t late_of);
/* lower_after.c: what FROM --after names, also kept in lower->stages; NULL: nothing. */
FALLIBLE lower_after(struct lower *lower, const struct stage *stage, const struct stage **ret);
/* The base of a stage that is an image, as lower_image(): one that waits is of that stage alone. */
struct plan_image *lower_base_image(struct lower *lower, const struct stage *stage,
		const char *name, const struct platform *platform);
/* What --from=NAME means. */
FALLIBLE lower_origin(struct lower *lower, const char *name, struct source_range at,
		struct plan_origin *ret);

/* Of a stage that has no FROM, or whose FROM was looked at: config and scope of its base; NULL:
 * scratch. */
void lower_start_from_image(struct lower *lower, struct lowered *stage, const struct image *image);
/* Where a stage begins: its platform, the config of its base, the scope that this makes. */
FALLIBLE lower_start(struct lower *lower, struct lowered *stage);
/* The triggers of a base image or stage, parsed; *ret in the arena. */
FALLIBLE lower_triggers(struct lower *lower, const struct stage *stage,
		const struct instruction ***ret, size_t *ret_count);

/* lower_names.c: names that have variables are refused, where the caller takes none. */
FALLIBLE lower_check_names(const struct lower *lower);
/*
 * What --from of a COPY or ADD, or from= of a mount, names; NULL: nothing. scope is for the first
 * call with a flag; NULL: what FROM lines see.
 */
FALLIBLE lower_name(struct lower *lower, struct scope *scope, const struct flag *flag,
		bool is_mount, const char **ret);
/* The same of a mount that every RUN has, which stands in no Dockerfile: it has no variables. */
FALLIBLE lower_told_name(const struct lower *lower, const struct flag *flag, const char **ret);
/* The scope of such names in a stage, {0} before; scope_done(). False: none of them has variables.
 */
bool lower_names_begin(struct lower *lower, const struct stage *stage, struct scope *ret);
/* Its ARG lines, one after the other; another instruction is nothing. */
FALLIBLE lower_names_arg(struct lower *lower, struct scope *scope, const struct instruction *in);

/* lower_context.c: the named context that stands in for a name, or for a stage; or NULL. */
const struct plan_context *lower_context(const struct lower *lower, const char *name);
const struct plan_context *lower_replaced(const struct lower *lower, const struct stage *stage);
void lower_context_origin(struct lower *lower, const struct plan_context *context,
		const struct platform *platform, struct source_range at, struct plan_origin *ret);
/* A stage that stands on a tree begins with a copy of it. */
void lower_from_tree(
		struct lower *lower, struct lowered *stage, const struct plan_context *context);

/* All instructions of a stage, its base being lowered or opened. */
FALLIBLE lower_stage(struct lower *lower, struct lowered *stage);
/* lower_lint.c: the checks that need a plan; all do nothing without input->lint. */
void lower_lint_variable(
		struct lower *lower, struct scope *scope, const char *name, struct source_range at);
void lower_lint_base(struct lower *lower, const struct lowered *stage);
const char *lower_meant_global(const struct lower *lower, const char *word);
void lower_lint_copy(struct lower *lower, const struct instruction *in, const char *path,
		struct source_range at);

/* lower_ops.c: RUN, COPY, ADD, WORKDIR. */
/* What SHELL says, else the shell of the platform; borrowed. */
struct texts lower_shell(const struct lowered *stage);
FALLIBLE lower_run(struct lower *lower, struct lowered *stage, const struct instruction *in);
/* lower_mount.c: --mount of a RUN. */
FALLIBLE lower_mounts(struct lower *lower, struct lowered *stage, const struct instruction *in,
		struct plan_run *run);
FALLIBLE lower_copy(struct lower *lower, struct lowered *stage, const struct instruction *in);
/* lower_remote.c: sources of ADD that are no files of the context. */
bool lower_is_remote(const char *path);
/* source->path is such: sets url or git, and takes a password out of path. */
FALLIBLE lower_remote(struct lower *lower, const struct plan_copy *copy, struct source_range at,
		struct plan_source *source);
/* copy->checksum against its sources. */
FALLIBLE lower_checksum(const struct plan_copy *copy, struct source_range at);
FALLIBLE lower_workdir(struct lower *lower, struct lowered *stage, const struct instruction *in);

/* lower_scan.c: input->scanner, all stages being lowered. To be asked for before images are opened;
 * the stage of it, NULL without one. */
struct plan_image *lower_scan_image(struct lower *lower);
FALLIBLE lower_scan(struct lower *lower, const struct stage *target, struct plan_stage **ret);

/* lower_expose.c */
FALLIBLE lower_expose(struct lower *lower, struct lowered *stage, const struct instruction *in);

/* Into the arena. */
struct texts lower_texts(struct arena *arena, const struct list *list);
/* A line of history without a layer, or with one that is to come. */
void lower_add_history(struct lowered *stage, const char *text, bool is_empty);
/* Add a step with its history entry; the caller fills the union. */
struct plan_step *lower_add_step(struct lower *lower, struct lowered *stage, enum step_kind kind,
		const struct instruction *in, const char *name, const char *history);

/* Absolute, cleaned: "." and ".." resolved lexically, no trailing slash, at least "/". */
const char *lower_path(struct arena *arena, const char *base, const char *path);
/* "a", "b c" -> ["a","b c"] as history shows it. */
const char *lower_json_words(struct arena *arena, const char *const *words, size_t n);
