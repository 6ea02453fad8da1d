/*
 * attested: what is said of a build's result goes with it: beside images in their index, beside
 * files as a file.
 *
 * Floor: build, private.
 */
#pragma once
#include "build/output.h"

/* Whether images get statements beside them, and so an index. */
bool attested_is_image(const struct build_options *options);
/* The same of outputs that are files. */
bool attested_is_files(const struct build_options *options);
/* Docker's format has no place for it: OCI's, with a warning. */
void attested_fill(struct build_options *options);

/*
 * How each of the builds came to be, once for all its outputs. images: as builds, or NULL where
 * outputs are files alone. ret->provenances has it, in the order of the builds, instead of what it
 * had; nothing where none is asked for.
 */
void attested_tell(struct build *builds, struct image *const *images, size_t n,
		struct build_result *ret);
/* The entries of an index: what predicates[i] says of images[i]. */
struct attested_entries {
	struct descriptor *p;
	size_t n, capacity;
};
FALLIBLE attested_keep(const struct build *build, struct image *const *images,
		const struct list *predicates, struct attested_entries *ret);
void attested_entries_done(struct attested_entries *entries);

DEFINE_AUTO_VALUE(attested_entries)
