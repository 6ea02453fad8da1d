/*
 * provenance: how a result was made, of what and when, as the predicate of an attestation.
 *
 *	min   what the build stands on (images, addresses, repositories, by digest), Dockerfile,
 *	      target, times
 *	max   also build arguments, labels, the names of secrets and agents, the Dockerfile's text
 *	      and every step, with the layer that it made
 *
 * The words are BuildKit's, so that what reads its provenance reads ours; a step is told as the
 * operation of BuildKit's that does the same. No value of a secret is ever in it. Addresses are
 * without name, password and query, and files of this machine without their folders.
 *
 * Floor: build, private. Spec: SLSA Provenance v1.1 and v0.2; BuildKit, "SLSA definitions".
 */
#pragma once
#include "build/state.h"
#include "oci/json.h"

struct provenance {
	const struct build *build;
	const struct image *image; /* what was made of it; NULL: files alone */
	const char *invocation;    /* what the builds of all platforms have in common */
	uint64_t finished_ns;      /* Unix time */
};

/* "https://slsa.dev/provenance/v1" */
const char *provenance_type(const struct build_attest *attest);
/* JSON, new; free(). */
char *provenance_print(const struct provenance *provenance);

/* provenance_sources.c: what the build stands on. */

struct provenance_source {
	char *uri;
	const char *algorithm; /* "sha256"; NULL: the digest is not known */
	char *hex;
};

struct provenance_sources {
	struct provenance_source *p;
	size_t n, capacity;
};

void provenance_sources_find(const struct build *build, struct provenance_sources *ret);
void provenance_sources_done(struct provenance_sources *sources);
/* The build context, a named one, the Dockerfile, if it was brought from elsewhere; else false. */
bool provenance_context(const struct build *build, struct provenance_source *ret);
bool provenance_tree(const struct build *build, size_t i, struct provenance_source *ret);
bool provenance_dockerfile(const struct build *build, struct provenance_source *ret);
/* "docker-image://…" of an image; uri of what ADD fetches. New. */
char *provenance_image_uri(const struct plan_image *image);
bool provenance_fetched(const struct fetched *fetched, struct provenance_source *ret);
void provenance_source_done(struct provenance_source *source);

/* provenance_steps.c: every step, for max. */

struct provenance_steps {
	struct json_out definition; /* items of llbDefinition */
	struct json_out locations;  /* "stepN": where in the Dockerfile */
	struct json_out layers;     /* "stepN:0": [[descriptors]] */
};

void provenance_steps_make(
		const struct build *build, const struct image *image, struct provenance_steps *ret);
void provenance_steps_done(struct provenance_steps *steps);

DEFINE_AUTO_VALUE(provenance_sources)
DEFINE_AUTO_VALUE(provenance_source)
DEFINE_AUTO_VALUE(provenance_steps)
