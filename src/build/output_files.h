/*
 * output_files: outputs that are files: the root file system of a target as a tar or a directory.
 *
 * Floor: build, private.
 */
#pragma once
#include "build/output.h"

/* Of an index each platform's files are in a folder of its own, "linux_amd64". */
FALLIBLE output_tar(const struct made *made, const char *dest);
FALLIBLE output_local(const struct made *made, const char *dest);
