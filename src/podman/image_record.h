/*
 * image_record: an image in the list of Podman's images, as it is changed: the data beside it and
 * its names. The caller has the locks, and saves the list.
 *
 * Floor: podman. Spec: containers/storage 1.43, images.go.
 */
#pragma once
#include "base/str.h"
#include "base/vec.h"
#include "oci/digest.h"
#include "podman/root.h"

/* An image made now, without data, layer or names. New. */
json_t *image_record_new(const char *id, const struct digest *manifest);
/* The time, as Podman writes it. New. */
json_t *image_record_now(void);
void image_record_set_digest(json_t *object, const char *key, const struct digest *digest);
/* The directory of its data. */
FALLIBLE image_record_make_place(const struct podman_root *root, const json_t *record);
/* Write a datum, in the place of one of that name. */
FALLIBLE image_record_put(const struct podman_root *root, json_t *record, const char *key,
		struct str bytes, const struct digest *digest);
/* A name is one image's: it leaves the one that had it. */
void image_record_move_names(struct podman_root *root, json_t *record, const struct list *names);
