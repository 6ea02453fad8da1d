/*
 * build_result_files: what a build writes about itself for scripts, in docker's and buildx's forms.
 *
 * Floor: ui.
 */
#pragma once
#include "build/build.h"

/* --iidfile: "sha256:…" without a line end. */
FALLIBLE build_result_write_id(const struct build_result *result, const char *path);
/* --metadata-file: containerimage.digest, .config.digest, .descriptor and image.name. */
FALLIBLE build_result_write_metadata(const struct build_result *result, const char *path);
