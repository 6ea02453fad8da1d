/*
 * image: one interface, many homes. An image is a manifest, a config and layers that can be opened;
 * where they lie (registry, OCI layout, archive, the store, the fresh results of a build) is the
 * business of its source.
 *
 * An opened image holds the raw bytes of manifest and config, whose digests were checked, beside
 * their parsed forms. Layers are not touched by opening: image_open_layer() reads one when somebody
 * needs it, verified on the way.
 *
 * Floor: image. An image may be used from several threads once opened (open_blob is thread-safe).
 * Spec: OCI image-spec v1.1; Docker image spec 1.2 (docker save archives).
 */
#pragma once
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "oci/reference.h"

#include "stream/pool.h"
#include "stream/reader.h"
#include "sys/cancel.h"

struct podman_settings;
struct podman_tree;
struct registry_client;
struct seal_keys;
struct signer;
struct store;
struct trust;
struct writer;
struct image_source;

struct image_source_ops {
	/*
	 * The bytes of a blob or nested manifest, verified against digest and size while they are
	 * read (ERR_DIGEST). ERR_NOT_FOUND when this source does not have it.
	 */
	struct error *(*open_blob)(struct image_source *source, const struct descriptor *blob,
			struct reader **ret);
	/*
	 * The same from offset on and without verifying, for a receiver that verifies the whole
	 * itself (a registry does). ERR_UNSUPPORTED: use open_blob. NULL: never offered.
	 */
	struct error *(*open_raw)(struct image_source *source, const struct descriptor *blob,
			uint64_t offset, struct reader **ret);
	/*
	 * host/repository when blobs lie in a registry (so that a push to the same host can mount
	 * them), else NULL. Borrowed.
	 */
	const char *(*repository)(const struct image_source *source);
	/*
	 * The same for one blob, where they lie in several. *ret_sure: it is known to be there.
	 * NULL: as repository.
	 */
	const char *(*repository_of)(const struct image_source *source, const struct digest *digest,
			bool *ret_sure);
	/*
	 * What was said of this blob, though nobody read it, is wrong: whoever said so is not
	 * believed again. Borrows why. NULL: nothing was said that is not certain.
	 */
	void (*doubt)(struct image_source *source, const struct descriptor *blob,
			const struct error *why);
	/*
	 * The directory of a layer where the image lies, for overlayfs to stack (podman/tree.h).
	 * New; *ret stays NULL when there is none that serves. NULL: never.
	 */
	struct error *(*tree)(struct image_source *source, const struct digest *diff_id,
			struct podman_tree **ret);
	void (*free)(struct image_source *source);
};

struct image_source {
	const struct image_source_ops *ops;
	unsigned refs; /* image_source_ref, image_source_unref */
};

struct image {
	char *name; /* how the user would name it, for messages */
	char *manifest_json;
	size_t manifest_bytes;
	struct digest digest;       /* of manifest_json */
	struct digest index_digest; /* of the index it was chosen from; known or not */
	struct manifest manifest;
	char *config_json;
	size_t config_bytes;
	struct image_config config;
	struct list entry_annotations; /* "key=value", for the index that will list the image */
	char *fetched_as;              /* the name that a registry was asked for; or NULL */
	bool is_decrypted;             /* here, just now: the home that it is of has another */
	struct image_source *source;
};

/* What opening needs. Everything is borrowed and must outlive the images opened. */
struct image_homes {
	struct store *store;              /* never NULL */
	struct registry_client *registry; /* NULL: no network */
	const struct platform *platform;  /* which manifest of an index; NULL is the host's */
	struct cancel *cancel;
	const char *cache_dir; /* layouts by manifest digest, looked into before a registry; or NULL
				*/
	/*
	 * Asked before an image is handed out. NULL: only what is in the store, whatever it is, and
	 * nothing from elsewhere.
	 */
	struct trust *trust;
	/*
	 * A name without a registry is what registries.conf says (aliases, search registries), as
	 * for Podman and Buildah; else docker.io's.
	 */
	bool short_names;
	const struct podman_settings *podman; /* NULL: Podman's store is not looked into */
	/*
	 * What opens encrypted layers (image/decrypt.h): the image is as if they had never been
	 * encrypted, or it is ERR_DENIED. NULL: it is as it is.
	 */
	const struct seal_keys *decryption;
};

/* NEWER asks the registry, too, and makes do with what is here when that fails. */
enum pull_policy { PULL_MISSING = 1, PULL_ALWAYS, PULL_NEVER, PULL_NEWER };

/*
 * Open by name: a reference of the store or of a registry (policy says which is asked; always asks
 * the registry for the tag, missing asks the store first), or a transport: "oci:DIR[:TAG|@DIGEST]",
 * "oci-archive:FILE[:TAG]", "docker-archive:FILE[:REF]", "dir:DIR", "rootfs:FILE" (a tar of a root
 * file system, compressed or not: an image of one layer and an empty config), "docker://REF",
 * "store:REF", "containers-storage:[[DRIVER@GRAPHROOT+RUNROOT]]REF" (Podman's). Errors:
 * ERR_NOT_FOUND naming where was looked; ERR_UNSUPPORTED for daemons with what to use; no manifest
 * for the platform is ERR_NOT_FOUND listing those there are; what the signature policy does not
 * allow is ERR_DENIED.
 */
FALLIBLE image_open(const struct image_homes *homes, const char *name, enum pull_policy policy,
		struct image **ret);
/* A transport, of those above: not a name. */
bool image_is_transport(const char *name);
/* "sha256:…", or hexadecimal digits that could begin one: Buildah takes these for images, too. */
bool image_may_be_id(const char *name);
/*
 * What a plain name, or an ID, means in Podman's store, where names are shared with it
 * (podman_settings.is_shared); image_open() looks there, too, before it asks a registry. *ret is
 * NULL when there is no such image, or no store that we can read.
 */
FALLIBLE image_open_shared(const struct image_homes *homes, const char *name, struct image **ret);
/*
 * What "docker-archive:…" or "oci-archive:…" itself calls the image that is meant: complete
 * references, or words alone. Nothing for other names.
 */
FALLIBLE image_names_inside(const char *name, struct list *ret);
void image_free(struct image *image);

/* Make an image of fresh bytes (copied); its blobs come from source (a reference is taken). */
FALLIBLE image_make(const char *name, const char *manifest_json, const char *config_json,
		struct image_source *source, struct image **ret);

/* See image_source_ops.tree. */
FALLIBLE image_source_tree(struct image_source *source, const struct digest *diff_id,
		struct podman_tree **ret);
/* Layer i, compressed as its descriptor says, verified while it is read. */
FALLIBLE image_open_layer(const struct image *image, size_t i, struct reader **ret);

/* Blobs that are in the store, else in below (may be NULL; a reference is taken). */
struct image_source *image_source_store(struct store *store, struct image_source *below);
/* Blobs of a repository; nothing is asked before one is opened. client is borrowed. */
struct image_source *image_source_registry(
		struct registry_client *client, const struct reference *reference);
struct image_source *image_source_ref(struct image_source *source);
void image_source_unref(struct image_source *source); /* NULL is fine */
/*
 * Where a blob could be mounted from: host/repository, or NULL. Borrowed. *ret_sure: it is known to
 * be there.
 */
const char *image_source_repository(
		const struct image_source *source, const struct digest *digest, bool *ret_sure);

/*
 * A blob that is there has so many bytes: ERR_DIGEST when something else is said of it, and whoever
 * said so is doubted.
 */
FALLIBLE image_source_check_size(
		struct image_source *source, const struct descriptor *blob, uint64_t bytes);
/* See image_source_ops.doubt. Borrows why. */
void image_source_doubt(struct image_source *source, const struct descriptor *blob,
		const struct error *why);

/* Progress of copies: called from several threads. what: "layer sha256:1234… ", bytes so far. */
struct image_progress {
	void (*report)(void *user, const char *what, uint64_t done_bytes, uint64_t total_bytes,
			bool finished);
	void *user;
};

/*
 * Where an image goes. Blobs first, all at once on a few threads, then config, then manifest: what
 * is visible is whole. signer (may be NULL) signs it behind that.
 */
FALLIBLE image_push(const struct image *image, struct registry_client *registry,
		const struct reference *to, struct signer *signer, struct cancel *cancel,
		const struct image_progress *progress);
/*
 * Send one blob of an image that is still being made; image_push() then finds it there. It is
 * invisible in the registry until a manifest names it.
 */
FALLIBLE image_push_ahead(struct image_source *source, const struct descriptor *blob,
		struct registry_client *registry, const struct reference *to);
/* Put every blob into the store and the name on it (name may be NULL: kept by digest only). */
FALLIBLE image_save_store(const struct image *image, struct store *store, const char *name,
		struct cancel *cancel, const struct image_progress *progress);
/* What index.json of a layout calls an image: an entry for each name, one entry where there is
 * none. */
struct layout_names {
	const char *word;          /* its tag, as it is; or NULL */
	const struct list *images; /* names of images, as their tag and whole; or NULL */
};

enum layout_entry_kind {
	LAYOUT_ADD = 0, /* an entry of the same name is replaced, others stay */
	LAYOUT_ALONE,   /* the layout lists nothing else then */
};

/* An OCI layout directory, made or added to. names may be NULL. */
FALLIBLE image_save_layout(const struct image *image, const char *dir,
		const struct layout_names *names, enum layout_entry_kind kind,
		struct cancel *cancel, const struct image_progress *progress);
/*
 * Podman's store, which is made when there is none. where: "[DRIVER@GRAPHROOT+RUNROOT]" or NULL,
 * the usual one. A name without a registry is localhost's, as Podman names what it builds. *ret_id
 * (new) is the image's ID there. ERR_UNSUPPORTED: what that store cannot hold or this user cannot
 * write.
 */
FALLIBLE image_save_podman(const struct image *image, const struct podman_settings *settings,
		const char *where, const struct list *names, struct cancel *cancel,
		const struct image_progress *progress, char **ret_id);
/*
 * One tar to out (takes it, closes it): an OCI layout, or what docker save writes (and an OCI
 * layout in one, as Docker 25 does).
 */
enum archive_format { ARCHIVE_OCI = 1, ARCHIVE_DOCKER };
FALLIBLE image_save_archive(const struct image *image, enum archive_format format,
		const struct list *names, struct writer *out, struct cancel *cancel);

DEFINE_AUTO_PTR(image, image_free)
