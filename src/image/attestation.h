/*
 * attestation: what is said of an image beside it. A statement says of the image's manifest, by its
 * digest, what a predicate says; the statements of an image are the layers of a manifest of their
 * own, which an index lists behind the image for the platform unknown/unknown.
 *
 * Floor: image.
 * Spec: in-toto attestation framework, Statement v1; BuildKit, "Image Attestation Storage".
 */
#pragma once
#include "image/image.h"

struct attestation {
	const char *predicate_type; /* "https://slsa.dev/provenance/v1" */
	const char *predicate;      /* JSON */
	const char *subjects;       /* a JSON array, in the place of what the image is; or NULL */
};

struct attestation_subject {
	char *name;
	struct digest digest;
};

struct attestation_subjects {
	struct attestation_subject *p;
	size_t n, capacity;
};

void attestation_subjects_done(struct attestation_subjects *subjects);
/* Copies name. */
void attestation_subjects_add(struct attestation_subjects *subjects, const char *name,
		const struct digest *digest);
/*
 * The image under each of these names (references as typed), as package URLs; one without a name is
 * "_".
 */
FALLIBLE attestation_subjects_of_image(const struct image *image, const struct list *names,
		struct attestation_subjects *ret);

/* JSON, new; free(). */
char *attestation_statement(
		const struct attestation *attestation, const struct attestation_subjects *subjects);
/*
 * The statements' manifest into the store, with all that it lists. ret: the entry for the index.
 */
FALLIBLE attestation_keep(struct store *store, const struct image *image,
		const struct attestation *attestations, size_t n,
		const struct attestation_subjects *subjects, struct descriptor *ret);

DEFINE_AUTO_VALUE(attestation_subjects)
