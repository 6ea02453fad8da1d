/*
 * output: where the result of a build goes.
 *
 * Floor: build, private.
 */
#pragma once
#include "build/state.h"
#include "image/set.h"

struct attested;

/* What outputs take: one build, or one for each platform. */
struct made {
	struct build *builds;
	size_t n;
	bool is_index; /* the images are listed by an index, also where there is one */
	bool is_split; /* files go into a folder for each platform */
	const struct attested *attested; /* what is said of each (attested.h); or NULL */
	struct image *image;             /* NULL where is_index, or where outputs are files alone */
	struct image_set *set;           /* the same of an index */
};

/* Names that outputs will push to, parsed and checked before anything runs. */
FALLIBLE output_pushes(struct build *build);
/* An index has no place in a docker archive or in Podman's store: ERR_UNSUPPORTED, before. */
FALLIBLE output_check_index(const struct build_options *options);
FALLIBLE output_all(const struct made *made, struct build_result *ret);
