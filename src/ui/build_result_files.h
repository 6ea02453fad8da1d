/*
 * build_result_files: what a build writes about itself for scripts, in docker's and buildx's forms.
 *
 * Floor: ui.
 */
#pragma once
#include "build/build.h"

/* Whether the two can be written at the end; NULL: not asked for. Every failure is error_usage. */
FALLIBLE build_result_files_check(const char *iid_file, const char *metadata_file);
/* --iidfile: "sha256:…" without a line end. */
FALLIBLE build_result_write_id(const struct build_result *result, const char *path);
/* --metadata-file: containerimage.digest, .config.digest, .descriptor and image.name. */
FALLIBLE build_result_write_metadata(const struct build_result *result, const char *path);
