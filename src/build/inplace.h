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
 * Floor: build. One thread: stages are built one after the other.
 */
#pragma once
#include "build/inplace_files.h"
#include "build/stack.h"

struct flat;
struct inplace;

/* Checks, and finds what is kept. Nothing is changed before inplace_hold(). */
FALLIBLE inplace_new(struct layer_set *set, const char *context, struct inplace **ret);
void inplace_free(struct inplace *inplace);
/* Cleaned paths that are not the image's, with all below them. */
const struct list *inplace_kept(const struct inplace *inplace);

/* Whose files are in "/". NULL: nobody's that anyone asks for. */
struct flat *inplace_holder(const struct inplace *inplace);
/* Remove them, and it is this one's. */
FALLIBLE inplace_hold(struct inplace *inplace, struct store *store, struct flat *flat);
/* They are nobody's, if they were this one's. */
void inplace_drop(struct inplace *inplace, const struct flat *flat);
/* After a step: ERR_DENIED when it has removed what kiln lives in. */
FALLIBLE inplace_check(const struct inplace *inplace);
