/*
 * root: one graph root of Podman's: its lists of layers and images, its locks, its directories.
 *
 *	overlay-layers/layers.json (volatile-layers.json)   overlay-layers/layers.lock
 *	overlay-images/images.json                          overlay-images/images.lock
 *	overlay/ID/{diff,link,lower,work,merged,empty}      overlay/l/SHORT -> ../ID/diff
 *	overlay-layers/ID.tar-split.gz                      overlay-images/ID/…
 *
 * Lists are read and changed as they are: members that a newer Podman put there stay. The locks are
 * fcntl's, layers before images; a writer leaves 64 new bytes in the lock file, by which every
 * other process sees that it has to read the list again.
 *
 * Floor: podman. One thread at a time. Spec: containers/storage 1.43, layers.go, images.go,
 * pkg/lockfile (what Podman 4.3 and Buildah 1.28 are made of).
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "sys/cancel.h"
#include <jansson.h>
#include <stdbool.h>

#define PODMAN_INCOMPLETE "incomplete"

struct podman_root {
	char *path;
	int fd;
	bool is_additional;           /* only read */
	json_t *layers, *images;      /* lists of objects; of the last root_load() */
	int layers_lock, images_lock; /* held, or -1 */
};

/* ERR_NOT_FOUND when there is no store of images there. *ret owns path's copy. */
FALLIBLE root_open(const char *path, bool is_additional, struct podman_root *ret);
/*
 * The same for writing: what is missing is made, as Podman makes it, and layers can be renamed into
 * their places.
 */
FALLIBLE root_make(const char *path, struct podman_root *ret);
void root_close(struct podman_root *root);

/*
 * Read both lists under both locks, which are let go again. A list that does not read is
 * ERR_INVALID naming the file.
 */
FALLIBLE root_load(struct podman_root *root, struct cancel *cancel);
/*
 * The layers alone and without a lock, as they were at some moment: whoever writes puts a new list
 * in the place of the old.
 */
FALLIBLE root_peek_layers(struct podman_root *root);
/* The same for writing: both locks stay taken, alone, until root_unlock(). */
FALLIBLE root_lock(struct podman_root *root, struct cancel *cancel);
void root_unlock(struct podman_root *root);
/* A shared hold of the layers, while one is read: *ret_fd, closed by the caller; -1 without locks.
 */
FALLIBLE root_hold_layers(const struct podman_root *root, struct cancel *cancel, int *ret_fd);
/* Write a list anew and tell the others. With the locks. */
FALLIBLE root_save_layers(struct podman_root *root);
FALLIBLE root_save_images(struct podman_root *root);

/* By ID; NULL. Borrowed. */
json_t *root_layer(const struct podman_root *root, const char *id);
json_t *root_image(const struct podman_root *root, const char *id);
/* A member that is text, or NULL. */
const char *member_text(const json_t *object, const char *key);
/* A layer that is only half there: its maker died, or is still at it. */
bool layer_is_incomplete(const json_t *layer);
/* 64 lower-case hex digits: what may become a name of a file. */
bool podman_is_id(const char *id);
/* The name of the file that holds a datum of an image: itself, or "=" and base64. New; free(). */
char *podman_data_name(const char *key);
