/*
 * manifest_list: an index under a name of the store, as 'manifest create' makes it and 'manifest
 * add' changes it. What it lists is in the store whole. Each change makes a new index; the name
 * moves to it and the old one goes.
 *
 * Floor: verbs. Changes of one list by two processes at once: the later one wins.
 * Spec: OCI image-spec v1.1, image-index.md.
 */
#pragma once
#include "image/set.h"
#include "oci/manifest.h"
#include "ui/session.h"

struct manifest_list {
	char *name; /* complete reference */
	struct digest digest;
	struct image_index index;
};

/* What a descriptor of the list says instead of what its image says; NULL members stay. */
struct list_change {
	const char *os, *architecture, *variant, *os_version;
	const struct list *annotations; /* "key=value" */
	const struct list *os_features; /* "NAME,...": instead of those there are, if any */
	const struct list *features;    /* the same */
};

/* By name or digest. ERR_NOT_FOUND; ERR_INVALID when it is an image and no list. */
FALLIBLE manifest_list_open(struct session *session, const char *program, const char *text,
		struct manifest_list *ret);
/*
 * *ret_is: text is a list of the store, and all that it lists is there as well (of one that was
 * pulled only the host's image may be): then *ret is it. Nothing else is an error.
 */
FALLIBLE manifest_list_find_whole(struct session *session, const char *program, const char *text,
		struct manifest_list *ret, bool *ret_is);
/* The list of that name, or an empty one for it. ERR_INVALID: the name is an image's. */
FALLIBLE manifest_list_begin(struct session *session, const char *program, const char *text,
		struct manifest_list *ret);
void manifest_list_done(struct manifest_list *list);
/*
 * Add what text stands for: an image; of an index the host's image, or with all every one. What is
 * listed already is replaced. *ret: digest of what was added last.
 */
FALLIBLE manifest_list_add(struct session *session, struct manifest_list *list, const char *program,
		const char *text, bool all, const struct list_change *change, bool quiet,
		struct digest *ret);
/* In the place of the entry of that digest, else at the end: zeroed, to be filled. Borrowed. */
struct descriptor *manifest_list_place(struct manifest_list *list, const struct digest *digest);
/*
 * The entry of that digest ("sha256:…"), or of the image of the store that has the name.
 * ERR_NOT_FOUND. Borrowed.
 */
FALLIBLE manifest_list_find(struct session *session, const char *program,
		struct manifest_list *list, const char *text, struct descriptor **ret);
/* What says that something is about this image, list or artifact. descriptor_done(). */
FALLIBLE manifest_list_subject(struct session *session, const char *program, const char *text,
		struct descriptor *ret);
FALLIBLE manifest_list_change(struct descriptor *entry, const struct list_change *change);
/* Write it; list->digest is the new one. */
FALLIBLE manifest_list_save(struct session *session, struct manifest_list *list);
/* 'manifest rm': the list goes, what it lists stays. What went is added to told, a line each. */
FALLIBLE manifest_list_drop(
		struct session *session, const char *program, const char *text, struct list *told);
/*
 * --manifest of what makes an image: add that image of the store, or all of an index, to the list
 * of that name.
 */
FALLIBLE manifest_list_take_in(struct session *session, const char *program, const char *text,
		const struct digest *manifest, bool quiet);

DEFINE_AUTO_VALUE(manifest_list)
