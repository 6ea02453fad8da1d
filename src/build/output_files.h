/*
 * output_files: outputs that are files: the root file system of a target as a tar or a directory.
 *
 * Floor: build, private.
 */
#pragma once
#include "build/output.h"

/*
 * Of several platforms (or where output->split says so) each one's files are in a folder of its
 * own, "linux_amd64"; else two that have the same file, which is no directory, are ERR_EXISTS.
 */
FALLIBLE output_tar(const struct made *made, const struct build_output *output);
FALLIBLE output_local(const struct made *made, const struct build_output *output);
