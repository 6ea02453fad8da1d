/*
 * flat: a stage's root file system as one plain directory, for steps where nothing can be mounted
 * (sys/userns.h, userns_is_bare()). It is made of the stage's layers once, stays between the
 * steps, and gets each layer that was made outside of it (COPY, a cached RUN) put on top when
 * somebody needs it. A layer that the store has no directory of is unpacked right here, on its
 * way from its home. What a RUN changed is found by comparing snapshots, and becomes a layer's
 * directory as an overlay would have left it; so everything else in build/ sees no difference.
 *
 * In place (USERNS_INPLACE, inplace.h) the directory is "/" itself, from flat_raise() on until
 * another flat wants that, or somebody reads the stage: then the files move to the store.
 *
 * Floor: build. A flat belongs to the thread that runs its stage; those in place to one thread.
 */
#pragma once
#include "build/stack.h"
#include "layer/snapshot.h"

struct inplace;

struct flat {
	struct layer_draft draft;
	int root_fd;               /* -1: not made yet */
	size_t height;             /* how many layers of the stage's stack are in it */
	struct snapshot *snapshot; /* of it as it is now, or NULL */
	bool is_exact;             /* what flat_end() found is all that the layer is */
	bool is_told;              /* that steps work in what is the container's */
	struct flat *next;         /* flat_view(): owned */
	/* Its root is "/", or will be; borrowed. Then draft.tree_fd has what the image has where
	 * files of the container are kept. NULL: its root is draft.tree_fd. */
	struct inplace *inplace;
};

struct flat *flat_new(struct inplace *inplace);
void flat_free(struct flat *flat); /* NULL is fine */

/* Bring it to the top of the stack; vertex is told of downloads. */
FALLIBLE flat_raise(struct layer_set *set, struct flat *flat, const struct stack *stack,
		unsigned vertex);
/* Out of "/", if it is there: root_fd is another one, or -1 until flat_raise(). */
FALLIBLE flat_leave(struct layer_set *set, struct flat *flat);
/* Before a step: what it looks like is known. */
FALLIBLE flat_begin(struct layer_set *set, struct flat *flat);
/*
 * After a step: what it changed goes into tree_fd, an empty directory, in the form of an overlay's
 * upper; *ret_any tells whether there is anything. Paths in ignore are not the step's.
 */
FALLIBLE flat_end(struct layer_set *set, struct flat *flat, const struct list *ignore, int tree_fd,
		bool *ret_any);
/* The directory that the root is in, beside which the sandbox may put things aside. */
FALLIBLE flat_dir(struct layer_set *set, struct flat *flat, int *ret_fd);

/* A merged copy of the layers for reading, in a directory that goes away with the build. */
FALLIBLE flat_view(struct layer_set *set, const struct stack *stack, unsigned vertex, int *ret_fd);

DEFINE_AUTO_PTR(flat, flat_free)
