/*
 * set: what a name stands for, whole: one manifest, or an index with every manifest that it lists,
 * for whatever platform, images and artifacts alike. It goes from home to home with the bytes that
 * it has, so digests stay.
 *
 * Floor: image. A set belongs to one thread.
 */
#pragma once
#include "image/image.h"

struct image_origin;

struct image_set {
	char *name; /* for messages */
	char *json; /* the document */
	size_t n;
	char *media_type;
	struct digest digest;
	bool is_index;
	struct image_source *source;
	struct list entry_annotations; /* "key=value", for the index.json that will list it */
	/*
	 * Of a set from elsewhere: its manifests are asked about, one by one where their index
	 * alone is not vouched for, when the set is copied and before anything is.
	 */
	char *fetched_as;            /* as image.fetched_as */
	struct digest index_digest;  /* of one image: as image.index_digest */
	struct image_origin *origin; /* NULL: made here, or was asked about */
	struct trust *trust;         /* borrowed, as store is */
	struct store *store;
};

/*
 * As image_open(), but all of it: an index with each of its images. What homes has must outlive the
 * set.
 */
FALLIBLE image_set_open(const struct image_homes *homes, const char *name, enum pull_policy policy,
		struct image_set *ret);
/* Of an index that was made here: json is copied, blobs come from source (a reference is taken). */
FALLIBLE image_set_make(const char *name, const char *json, struct image_source *source,
		struct image_set *ret);
/* Of one image, which was asked about when it was opened. */
FALLIBLE image_set_of(const struct image *image, struct image_set *ret);
/* What an index is made of. All borrowed; the images must outlive the set. */
struct image_set_parts {
	struct image *const *images; /* for several platforms, in their order; at least one */
	size_t n;
	const struct descriptor *more; /* listed behind them: attestations */
	size_t more_n;
	struct image_source *beside; /* has what more speaks of; NULL without more */
	const struct list *annotations;
};

FALLIBLE image_set_join(
		const char *name, const struct image_set_parts *parts, struct image_set *ret);
void image_set_done(struct image_set *set);

/*
 * Where it goes: blobs first, several at a time, then the manifests, then the document under its
 * name. A manifest that the source does not have (an index of the store may have some only) is
 * ERR_NOT_FOUND. signer (may be NULL) signs the document and each manifest below it.
 */
FALLIBLE image_set_push(const struct image_set *set, struct registry_client *registry,
		const struct reference *to, struct signer *signer, struct cancel *cancel,
		const struct image_progress *progress);
/* Blobs and documents alone: something else must name them before the next prune. */
FALLIBLE image_set_keep(const struct image_set *set, struct store *store, struct cancel *cancel,
		const struct image_progress *progress);
/* name may be NULL: kept by digest only. */
FALLIBLE image_set_save_store(const struct image_set *set, struct store *store, const char *name,
		struct cancel *cancel, const struct image_progress *progress);
FALLIBLE image_set_save_layout(const struct image_set *set, const char *dir,
		const struct layout_names *names, struct cancel *cancel,
		const struct image_progress *progress);
/* An OCI layout as one tar to out (takes it, closes it): the same set is the same tar. */
FALLIBLE image_set_save_archive(const struct image_set *set, const struct layout_names *names,
		struct writer *out, struct cancel *cancel, const struct image_progress *progress);
/* dir is made, and must be empty of another image. */
FALLIBLE image_set_save_dir(const struct image_set *set, const char *dir, struct cancel *cancel,
		const struct image_progress *progress);
/*
 * As image_save_podman(), and the same for one image. An index is there as a list of Podman's, its
 * images without names. What is no image stays where it is, in the registry that the set is from
 * (else ERR_UNSUPPORTED).
 */
FALLIBLE image_set_save_podman(const struct image_set *set, const struct podman_settings *settings,
		const char *where, const struct list *names, struct cancel *cancel,
		const struct image_progress *progress);

DEFINE_AUTO_VALUE(image_set)
