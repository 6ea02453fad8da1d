/*
 * inplace: the container's own "/" as the root of steps (--isolation inplace), for steps that need
 * a real /proc and a real mount table. One stage at a time has it: another's files are removed and
 * its own layers put in their place. What is kept whoever has it:
 *
 *	kiln's directory (the one that its executable is in) and the store
 *	the build context and named ones, outputs, folders of caches and of base images, agents
 *	every mount (volumes, /proc, /sys, /dev), and what build_options.inplace_keep says
 *	/etc/resolv.conf, /etc/hosts, /etc/hostname
 *
 * So it is for a container that is made for one build and thrown away. kiln must lie in a
 * directory of its own, which is checked before anything is removed.
 *
 * Floor: build. Any thread.
 */
#pragma once
#include "base/vec.h"
#include "build/stack.h"
#include "layer/entry.h"

struct inplace;

/* Checks, and finds what is kept. Nothing is changed before inplace_take(). */
FALLIBLE inplace_new(struct layer_set *set, const char *context, struct inplace **ret);
void inplace_free(struct inplace *inplace);
/* Wait for "/" and have it; *ret_is_other: somebody else had it since, and it is empty now. */
FALLIBLE inplace_take(struct inplace *inplace, const void *who, bool *ret_is_other);
/* Give it back. After a step: ERR_DENIED when the step has removed what kiln lives in. */
FALLIBLE inplace_give(struct inplace *inplace);
/* Cleaned paths that are not the image's, with all below them. */
const struct list *inplace_kept(const struct inplace *inplace);
/* A sink in front of below (taken) that leaves alone what is kept. */
struct entry_sink *inplace_sink(const struct inplace *inplace, struct entry_sink *below);

/* The pure part, for tests: what a cleaned path is beside the kept ones. */
enum inplace_place { INPLACE_FREE = 0, INPLACE_KEPT, INPLACE_ABOVE /* something kept is in it */ };
enum inplace_place inplace_place(const struct list *kept, const char *path);
