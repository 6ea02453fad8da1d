/*
 * stack: the layers that a stage stands on at some point, lowest first, each in whatever state it
 * was brought to: described (digests), present (a blob), unpacked (a directory). Nothing is
 * fetched, unpacked or compressed before somebody calls stack_need_dirs() or layer_need_blob().
 *
 * A build_layer is shared by all stacks that hold it and lives as long as its layer_set. Its own
 * lock makes "bring to a state" happen once, whichever threads ask.
 *
 * Floor: build. Any thread.
 */
#pragma once
#include "build/ahead.h"
#include "build/build.h"
#include "layer/layer.h"
#include "oci/digest.h"
#include "store/layers.h"
#include "sys/mounts.h"
#include <pthread.h>

struct cache_home;
struct cache_homes;
struct cached_step;
struct podman_tree;
struct view_names;

struct build_layer {
	pthread_mutex_t lock;
	struct build_layer *next;
	char id[LAYER_ID_TEXT]; /* of the store; "" when the store has nothing of it */
	char *dir;              /* below the store, when unpacked; else NULL */
	/* 0, or "layers" of the lower store that dir (absolute) is in, or tree's own. */
	int lower_fd;
	struct podman_tree *tree; /* dir is Podman's; or NULL */
	/* A blob of the store that holds the same, maybe in another compression: to be unpacked or
	 * written anew; source.here tells. */
	struct layer_blob source;
	struct digest source_diff_id; /* of the store's layer: known or not */
	/* As the image has it. */
	struct digest diff_id;  /* known or not */
	struct layer_blob blob; /* blob.here tells */
	bool is_empty;          /* found to hold nothing, when it was exported */
	bool is_exact;          /* dir holds changes only: layer/diff.h */
	/*
	 * Of a COPY, ADD or WORKDIR: all of dir is the layer, as what is streamed is, whether it is
	 * below as well or not. Else the bytes would tell what was built before, or by --link on
	 * what.
	 */
	bool is_placed;
	struct ahead *ahead; /* its blob on the way to the registry, or NULL */
	/*
	 * Made by a RUN, in a build with SOURCE_DATE_EPOCH: the files keep their times in the store
	 * (another epoch finds the same layer) and have others in the image. So blob and diff_id
	 * are not the store's word on this layer, but on one of its own, found by form_name().
	 */
	bool is_timed;
	int64_t created;
	/* A layer of an image: where it can be fetched, and how it is described there. */
	const struct image *image;
	size_t image_index;
	/* A layer that a cache home has, and the store has not or not yet. */
	const struct cached_step *cached;
	struct cache_home *home;
	struct view_names *names; /* once somebody asked; read-only from then on */
	bool has_no_names;        /* there is none */
	/* Of an image's layer: the blob of its table of contents, made while it was poured; or
	 * unknown. Guarded by the set's lock. */
	struct digest toc;
	uint64_t toc_bytes;
};

/* What bringing layers to a state needs. Borrowed. */
struct layer_set {
	const struct build_options *options;
	struct pool *pool;
	pthread_mutex_t lock;
	struct build_layer *all;               /* guarded by lock */
	struct flat *views;                    /* guarded by lock; where nothing can be mounted */
	struct cache_homes *homes;             /* or NULL */
	int *lower_fds;                        /* the same of each of options->lowers */
	bool uses_trees;                       /* directories of Podman's serve where they lie */
	VEC(const struct podman_tree *) trees; /* those in use, borrowed; guarded by lock */
	int layers_fd; /* "layers" of the store: a step's namespace cannot pass its root */
	const struct reference *push; /* where new layers of the image are sent ahead, or NULL */
};

struct stack {
	struct build_layer **p;
	size_t n, capacity;
};

void layer_set_init(struct layer_set *set, const struct build_options *options, struct pool *pool);
FALLIBLE layer_set_open(struct layer_set *set);
void layer_set_done(struct layer_set *set);
/*
 * ERR_NOT_FOUND: a directory of Podman's that something was read of is gone. To be asked before
 * what came of that is kept, and before a step's own failure is told.
 */
FALLIBLE layer_set_check_trees(struct layer_set *set);
/* New, all unknown; owned by the set. */
struct build_layer *layer_new(struct layer_set *set);
/* What a record of the store knows. */
struct build_layer *layer_from_record(
		struct layer_set *set, const struct layer_record *record, bool is_timed);
/* What a cache home has; its blob stays there until somebody needs the bytes. */
struct build_layer *layer_from_home(
		struct layer_set *set, const struct cached_step *step, struct cache_home *home);
/* It is this blob, in the store and in the image. */
void layer_is_blob(struct build_layer *layer, const struct layer_result *result,
		const struct layer_format *format);

void stack_done(struct stack *stack);
void stack_copy(const struct stack *from, struct stack *ret);
void stack_push(struct stack *stack, struct build_layer *layer);
/* All layers of an image, described. */
void stack_of_image(struct layer_set *set, const struct image *image, struct stack *ret);
/* chainID of the lowest n layers; unknown when they are not all layers of an image. */
struct digest stack_chain(const struct stack *stack, size_t n);

/* Every layer unpacked; those missing are fetched and unpacked side by side. */
FALLIBLE stack_need_dirs(struct layer_set *set, const struct stack *stack, unsigned vertex);
/* How many layers from the bottom are directories. */
size_t stack_dirs(const struct stack *stack);
/*
 * What is in layers [from, n) by their tables of contents, where homes have these: true when
 * layer->names of each is there (and tells what is in the files: for_content).
 */
bool stack_need_names(
		struct layer_set *set, const struct stack *stack, size_t from, bool for_content);
/*
 * The same by the entries of the layers, on their way into the store as blobs; no file is made.
 * Nothing happens, and *ret_all is false, if the store has one of them already: then
 * stack_need_dirs() does more for the builds that come. A layer that says too little is
 * found while it is fetched: then what was fetched by then is kept, and *ret_all is false.
 */
FALLIBLE stack_list_names(
		struct layer_set *set, const struct stack *stack, unsigned vertex, bool *ret_all);
/*
 * The directories for an overlay, topmost first: new, free(). A layer that an image has twice (an
 * empty one, often) counts where it is topmost: there it decides, and overlayfs takes a directory
 * only once.
 */
struct mount_dir *stack_mount_dirs(
		const struct layer_set *set, const struct stack *stack, size_t *ret_n);
/*
 * A read-only view of the whole; an empty directory for an empty stack. Needs dirs. Where nothing
 * can be mounted it is for one layer only: flat_view() is for more.
 */
FALLIBLE stack_view(struct layer_set *set, const struct stack *stack, int *ret_fd);

/*
 * Layer i with a blob in the wanted compression (layers of an image keep theirs and need nothing).
 * The layers below tell what was copied up and not changed, where that can be.
 */
FALLIBLE stack_need_blob(struct layer_set *set, const struct stack *stack, size_t i);

/* Puts a sink above the one that makes a blob (takes that). */
typedef struct entry_sink *stack_filter_fn(void *user, struct entry_sink *below);
/* A blob that no layer has yet. */
struct stack_blob;

/*
 * What tree_fd (an overlay's upper on below) changed, as a blob of layer, which nobody shares and
 * the store does not know yet. Nothing of it is sent ahead. stack_blob_keep() once the layer has
 * its id and directory (takes blob); stack_blob_free() drops it.
 */
FALLIBLE stack_blob_make(struct layer_set *set, const struct stack *below,
		struct build_layer *layer, int tree_fd, stack_filter_fn *filter, void *user,
		struct stack_blob **ret);
FALLIBLE stack_blob_keep(struct stack_blob *blob);
void stack_blob_free(struct stack_blob *blob);

/* How the build writes layers. */
struct layer_format stack_format(const struct build_options *options);
/*
 * One layer that does what layers from `from` on do, as a blob; *ret is NULL when that is nothing.
 */
FALLIBLE stack_squash(struct layer_set *set, const struct stack *stack, size_t from,
		struct build_layer **ret);

/* Owner and mode of the root directory as the topmost layer has it (0:0, 0755 without layers). */
FALLIBLE stack_root_owner(
		const struct layer_set *set, const struct stack *stack, struct owner *ret);

/*
 * Does an upper directory change anything: has it entries, or a root of another owner or mode than
 * the root below?
 */
FALLIBLE upper_is_changed(const struct owner_policy *policy, const struct owner *root, int upper_fd,
		bool *ret);

DEFINE_AUTO_VALUE(stack)
DEFINE_AUTO_PTR(stack_blob, stack_blob_free)
