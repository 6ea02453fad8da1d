/*
 * bakefile: which stage of a Dockerfile each image is built from and where it is pushed, as
 * Kaniko's 'executor bake' reads it. The part of HCL that such a file needs:
 *
 *   # comments as in HCL
 *   target "app" {
 *     target      = "app"                       the stage; by default the name
 *     destination = ["registry.example/app:1"]
 *   }
 *
 * Floor: kaniko.
 */
#pragma once
#include "base/error.h"
#include "base/str.h"
#include "base/vec.h"

struct bake_target {
	char *name, *stage;
	struct list destinations;
};

struct bakefile {
	VEC(struct bake_target) targets; /* in the order of the file */
};

/* Errors begin with "NAME:LINE:COLUMN: ". A file without a target is one. ret starts as { 0 }. */
FALLIBLE bakefile_parse(struct str text, const char *name, struct bakefile *ret);
void bakefile_done(struct bakefile *file);
/* NULL: there is none. */
struct bake_target *bakefile_find(const struct bakefile *file, const char *name);
/* "TARGET.destination=NAME": the first of a target takes the place of the file's destinations. */
FALLIBLE bakefile_set(struct bakefile *file, const struct list *sets);

DEFINE_AUTO_VALUE(bakefile)
