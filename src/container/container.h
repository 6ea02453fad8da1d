/*
 * container: a working container: an image that is being made by hand. It outlives the process:
 * what it is stands in a row of the store, what was changed in it lies in containers/<id>/upper.
 *
 *	layers of the image it came from | layers that steps sealed | upper, still changing
 *
 * A struct container is what the row says, to be changed and saved; container_open() locks it until
 * container_free(), so two commands that change one container take turns, and a killed one leaves
 * it as it was last saved.
 *
 * Floor: container. One thread at a time. What is done in it (run, copy, commit) is
 * build/working.h.
 */
#pragma once
#include "base/auto.h"
#include "oci/image_config.h"
#include "oci/mediatype.h"
#include "store/containers.h"
#include "sys/cancel.h"

struct store_lock;

struct container {
	char id[CONTAINER_ID_TEXT];
	char *name;
	int64_t created;
	char *image_name;       /* as it is shown: a reference, or "" for scratch */
	struct digest image;    /* of the store: manifest or index; unknown for scratch */
	struct digest manifest; /* the one that was chosen; unknown for scratch */
	struct digest image_id; /* digest of its config */
	enum image_format format;
	struct image_config config; /* as the committed image will have it; base history included */
	size_t base_history;        /* entries that came with the base */
	struct list annotations;    /* "key=value" */
	struct list base_annotations;
	struct list layer_annotations; /* of the newest layer that a commit makes */
	char *comment;                 /* Docker's */
	char *created_by;      /* of the history entry that a commit adds; NULL: its default */
	char *history_comment; /* of the same entry */
	struct list settings;  /* what 'from' was told about runs: "volume=/a:/b" */
	struct list layers;    /* sealed, lowest first: ids of the store */
	bool is_begun;         /* upper has the root's owner and mode */
	char *mount_point;     /* where it is mounted for its user, or NULL */
	/* With --layers: the key of all that was done so far; unknown: something had none. */
	struct digest key;

	/* Not part of the row. */
	bool is_foreign; /* see container_row */
	struct store *store;
	struct store_lock *lock;
};

/*
 * Make one: image_name, image … settings are set by the caller. name: of the container; with
 * may_number a name that is taken gets "-1", "-2" … behind it, else it is ERR_EXISTS. Not locked.
 */
FALLIBLE container_create(struct store *store, struct container *container, const char *name,
		bool may_number);
/* By name, id or the beginning of one, locked. ERR_NOT_FOUND, ERR_INVALID. Waits for others. */
FALLIBLE container_open(struct store *store, const char *text, struct cancel *cancel,
		struct container **ret);
/* The same without the lock: to look at. */
FALLIBLE container_look(struct store *store, const char *text, struct container **ret);
struct container_set {
	struct container **p;
	size_t n, capacity;
};
/* All, oldest first, not locked. */
FALLIBLE container_all(struct store *store, struct container_set *ret);
FALLIBLE container_save(struct container *container);
/* Remove the container with its files (not what is mounted). */
FALLIBLE container_remove(struct container *container);
void container_free(struct container *container); /* unlocks; NULL is fine */
void container_set_done(struct container_set *set);

/* "debian-working-container" for "docker.io/library/debian:12", "working-container" for "". */
char *container_name_for(const char *image_name, const char *suffix);
/* ERR_INVALID unless letters, digits and "_.-", the first not one of these three. */
FALLIBLE container_check_name(const char *name);

/* state.c: the row's text and back. */
char *container_print(const struct container *container);
FALLIBLE container_parse(const char *text, struct container *ret);

DEFINE_AUTO_PTR(container, container_free)
DEFINE_AUTO_VALUE(container_set)
