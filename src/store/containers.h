/*
 * containers: working containers of the store: a row each, and a directory
 *
 *	containers/<id>/upper, work	what was changed, as overlayfs keeps it
 *
 * What a container is stands in its state, a text that this floor does not read. A row names the
 * image that the container stands on, whose rows and layers are then kept by everybody, and the
 * layers of the store that lie on it.
 *
 * A name belongs to one container. Row and directory come and go in one transaction; a kill between
 * the two leaves a directory without a row, which prune takes.
 *
 * Floor: store. Any thread. Who changes a container holds store_lock_take("container:<id>").
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "oci/digest.h"
#include "store/store.h"

enum { CONTAINER_ID_TEXT = 64 + 1 };

struct container_row {
	char id[CONTAINER_ID_TEXT]; /* 64 hex digits */
	char *name;
	struct digest image; /* of an image of the store, as in tag_record.manifest; or unknown */
	char *state;
	int64_t created;
	bool is_foreign; /* another kind of user made it: its files' owners mean nothing to us */
};

struct container_rows {
	struct container_row *p;
	size_t n, capacity;
};

/*
 * Make one; row->id is filled. ERR_EXISTS when the name is another's (its id is in the message),
 * ERR_NOT_FOUND when the image is gone.
 */
FALLIBLE container_row_add(struct store *store, struct container_row *row);
/*
 * By name, id, or leading digits of one. ERR_NOT_FOUND; ERR_INVALID when several begin so.
 */
FALLIBLE container_row_find(struct store *store, const char *text, struct container_row *ret);
FALLIBLE container_row_list(struct store *store, struct container_rows *ret); /* oldest first */
/* Name, state and the layers (ids) that lie on the image; ERR_EXISTS, ERR_NOT_FOUND. */
FALLIBLE container_row_save(
		struct store *store, const struct container_row *row, const struct list *layers);
/* Row and directory. ERR_NOT_FOUND. */
FALLIBLE container_row_remove(struct store *store, const char *id);
/* "containers/<id>", opened O_RDONLY: it holds upper and work. */
FALLIBLE container_open_dir(struct store *store, const char *id, int *ret_fd);
/* Ids of the containers that stand on an image. */
FALLIBLE container_users(struct store *store, const struct digest *image, struct list *ret);

void container_row_done(struct container_row *row);
void container_rows_done(struct container_rows *rows);

DEFINE_AUTO_VALUE(container_row)
DEFINE_AUTO_VALUE(container_rows)
