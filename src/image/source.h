/*
 * source: the homes an image can be opened from. Private to image/; image.c picks one by the name.
 *
 * Each opener finds the manifest for the wanted platform, reads and checks manifest and config, and
 * hands over an image whose source opens its blobs.
 *
 * Floor: image.
 */
#pragma once
#include "image/vouch.h"

/* A document and what it says it is. */
struct document {
	char *json;
	size_t n;
	char *media_type; /* or NULL */
	struct digest digest;
};

void document_done(struct document *document);

/*
 * From a manifest or index to an image: picks the platform's manifest out of an index (read through
 * the source), asks whether it may be used, then reads the config. Takes document and source, also
 * when it fails.
 */
FALLIBLE image_from_document(const struct image_homes *homes, const struct image_origin *origin,
		const char *name, struct document *document, struct image_source *source,
		struct image **ret);

/*
 * The document that a name stands for, manifest or index, and where its blobs are. *ret_source is
 * new. document_done() and image_source_unref(), also after a failure.
 */
FALLIBLE source_registry_document(const struct image_homes *homes,
		const struct reference *reference, struct document *ret,
		struct image_source **ret_source);
FALLIBLE source_store_document(const struct image_homes *homes, const char *name, bool is_id,
		struct document *ret, struct image_source **ret_source);
FALLIBLE source_layout_document(const struct image_homes *homes, const char *where,
		struct document *ret, struct image_source **ret_source,
		struct image_origin *ret_origin);
FALLIBLE source_dir_document(const char *path, struct document *ret,
		struct image_source **ret_source, struct image_origin *ret_origin);

FALLIBLE source_registry_open(const struct image_homes *homes, const struct reference *reference,
		struct image **ret);
/* By a name in the store, or by digest or a part of one (id). ERR_NOT_FOUND. */
FALLIBLE source_store_open(
		const struct image_homes *homes, const char *name, bool is_id, struct image **ret);
/*
 * An image that source_store_open() gave: what the store has lost of it (a damaged blob was put
 * away) comes from the registry of its name. Digests say that it is the same.
 */
void source_store_refill(struct image *image, struct registry_client *client,
		const struct reference *reference);
/*
 * What a name of the store stands for, when its manifest (or index) or config is not there any
 * more; *ret is unknown when nothing is lost, or there is no such name.
 */
FALLIBLE source_store_lost(const struct image_homes *homes, const char *name, struct digest *ret);
FALLIBLE source_store_open_digest(const struct image_homes *homes,
		const struct image_origin *origin, const char *name, const struct digest *manifest,
		struct image **ret);
/*
 * "DIR", "DIR:TAG" or "DIR@sha256:…". A directory's name and a tag may hold colons; what exists
 * wins. *ret_dir and *ret_tag (NULL: none) are new.
 */
void layout_split(const char *where, char **ret_dir, char **ret_tag, struct digest *ret_digest);
/* path[:tag|@digest] of an OCI layout directory. */
FALLIBLE source_layout_open(const struct image_homes *homes, const char *where, struct image **ret);

/* What skopeo and containers/image write as dir: one file a blob beside manifest.json. */
FALLIBLE source_dir_open(const struct image_homes *homes, const char *path, struct image **ret);

/* Blobs of the layouts in dir, else of below (takes it). */
struct image_source *source_cached(const char *dir, struct image_source *below);

/* text is what stands behind "containers-storage:". */
FALLIBLE source_podman_document(const struct image_homes *homes, const char *text,
		struct document *ret, struct image_source **ret_source,
		struct image_origin *ret_origin);
/*
 * What a plain name means there. *ret stays NULL when there is no such image, or no store that we
 * can read.
 */
FALLIBLE source_podman_shared(
		const struct image_homes *homes, const char *name, struct image **ret);
FALLIBLE source_podman_open(const struct image_homes *homes, const char *text, struct image **ret);

/*
 * Archives are brought into the store once and opened from there; an unchanged file is not read
 * again. kind tells what is expected.
 */
enum archive_kind { IMPORT_OCI = 1, IMPORT_DOCKER, IMPORT_ROOTFS };
FALLIBLE source_archive_open(const struct image_homes *homes, enum archive_kind kind,
		const char *where, struct image **ret);
/* The same for what the name stands for, manifest or index; see source_registry_document(). */
FALLIBLE source_archive_document(const struct image_homes *homes, enum archive_kind kind,
		const char *where, struct document *ret, struct image_source **ret_source,
		struct image_origin *ret_origin);
/* What the archive itself calls that image; it may be nothing. */
FALLIBLE source_archive_names(enum archive_kind kind, const char *where, struct list *ret);

DEFINE_AUTO_VALUE(document)
