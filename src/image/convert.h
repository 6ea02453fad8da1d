/*
 * convert: the same image in another form: layers compressed, names of media types of the other
 * family. Config and diffIDs stay, so the image ID does too; the manifest is another.
 *
 * Floor: image.
 */
#pragma once
#include "image/image.h"

struct image_form {
	enum image_format format;     /* 0: as it is */
	enum compression compression; /* of layers that have none; 0: they stay as they are */
	int level;                    /* CODEC_LEVEL_DEFAULT … */
	bool force;                   /* of all layers */
	bool leaves_plain;            /* not for us: see destination_send() */
};

/*
 * *ret is new; its blobs are in the store. pool (may be NULL) compresses. A layer that the store
 * has in the wanted compression is not made again. ERR_UNSUPPORTED: Docker's format has no zstd.
 */
FALLIBLE image_convert(const struct image *image, struct store *store,
		const struct image_form *form, struct pool *pool, struct cancel *cancel,
		struct image **ret);
