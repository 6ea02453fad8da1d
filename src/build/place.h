/*
 * place: where what was selected goes. Turns groups and items into entries of a layer: the
 * destination is followed through links inside the stage, missing parents are made, existing ones
 * come along as they are (so that the layer stands alone), owners and modes are what --chown and
 * --chmod say.
 *
 * Floor: build. One thread at a time. Spec: Dockerfile reference, "COPY"; features.md 3.8.
 */
#pragma once
#include "build/made.h"

struct place_rules {
	bool has_owner; /* --chown */
	uint32_t uid, gid;
	const char *chmod; /* octal or symbolic, or NULL */
	int64_t made_time; /* of directories and files that have no source */
	bool fixes_times;  /* SOURCE_DATE_EPOCH: made_time for those that have one, too */
	bool replaces;     /* as in Buildah: a directory what is none, and that a directory */
};

struct place {
	struct build *build;
	struct made *made;
	const struct view *view; /* what is there already */
	struct place_rules rules;
	struct map *dirs;             /* directories sent so far -> &was_there or &is_new */
	struct map *sent;             /* path -> item; NULL: no two items have one path */
	size_t replaced;              /* files of a pattern that another one took the name of */
	struct view_names *names;     /* if not NULL: learns what was sent */
	struct file_digests *digests; /* remembers contents hashed on the way; may be NULL */
};

void place_init(struct place *place, struct build *build, struct made *made,
		const struct view *view);
void place_done(struct place *place);
/*
 * Send the directory and its parents, unless sent. What is missing gets owner and mode 0755 changed
 * by the rules. What is there and is no directory is ERR_INVALID. path is resolved.
 */
FALLIBLE place_dirs(struct place *place, const char *path);
/* Everything selected, to dest (absolute as the plan has it). Fills the digests of items. */
FALLIBLE place_selection(
		struct place *place, struct selection *selection, const struct plan_copy *copy);

/* Would ADD unpack it, if it is an archive? Downloads only with --unpack. */
bool place_may_unpack(const struct plan_copy *copy, const struct select_item *item);
/* True for a regular file that is a tar by its header's checksum, compressed or not. */
FALLIBLE place_is_archive(
		const struct selection *selection, const struct select_item *item, bool *ret);

/* --chmod: ERR_INVALID unless octal (0..07777) or symbolic ("u=rwX,go-w"). */
FALLIBLE mode_check(const char *text);
/* The permission bits of mode after it; text was checked. */
uint32_t mode_apply(const char *text, uint32_t mode);

DEFINE_AUTO_VALUE(place)
