/*
 * attested: what is said of a build's result goes with it: beside images in their index, beside
 * files as a file.
 *
 * Floor: build, private.
 */
#pragma once
#include "build/output.h"

#define ATTESTED_OTHER_NAME \
	"the provenance takes another name: '--attest type=provenance,filename=NAME'"

/* One thing that is said: as struct attestation. */
struct attested_one {
	char *type, *predicate, *subjects;
	char *file_name; /* beside files */
};

/* All of one build: the SBOM's first, then the provenance. */
struct attested {
	struct attested_one *p;
	size_t n, capacity;
};

void attested_done(struct attested *attested);

/* Whether images get statements beside them, and so an index. */
bool attested_is_image(const struct build_options *options);
/* The same of outputs that are files; and whether the generator is to be run for them. */
bool attested_is_files(const struct build_options *options);
bool attested_has_sbom(const struct build_options *options);
/* Docker's format has no place for it: OCI's, with a warning. */
void attested_fill(struct build_options *options);

/*
 * What is said of each of the builds, once for all its outputs; they are made. images: as builds,
 * or NULL where outputs are files alone. *ret is new, one for each, or NULL where nothing is asked
 * for; result->provenances has the provenance, instead of what it had. attested_free(), also after
 * a failure.
 */
FALLIBLE attested_tell(struct build *builds, struct image *const *images, size_t n,
		struct attested **ret, struct build_result *result);
void attested_free(struct attested *all, size_t n);

/* The entries of an index: what all[i] says of images[i]. */
struct attested_entries {
	struct descriptor *p;
	size_t n, capacity;
};
FALLIBLE attested_keep(const struct build *build, struct image *const *images, size_t n,
		const struct attested *all, struct attested_entries *ret);
void attested_entries_done(struct attested_entries *entries);

/*
 * sbom.c: what the generator wrote, each file a statement of its own. ERR_INVALID names the file
 * that is none.
 */
FALLIBLE sbom_read(struct build *build, struct attested *ret);

DEFINE_AUTO_VALUE(attested)
DEFINE_AUTO_VALUE(attested_entries)
