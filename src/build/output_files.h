/*
 * output_files: outputs that are files: one that becomes visible when it is whole, and the root
 * file system of a target as a tar or a directory.
 *
 * Floor: build, private.
 */
#pragma once
#include "build/output.h"

/*
 * A file beside dest that becomes dest when it is whole; "-" is standard output. What is there and
 * is no file (a pipe, /dev/null) is written to as it is.
 */
struct out_file {
	const char *dest;
	char *draft;
	struct writer *writer;
};

FALLIBLE out_open(const char *dest, struct out_file *ret);
/* The writer is closed already. */
FALLIBLE out_close(struct out_file *out);
void out_file_done(struct out_file *out);

/* Of an index each platform's files are in a folder of its own, "linux_amd64". */
FALLIBLE output_tar(const struct made *made, const char *dest);
FALLIBLE output_local(const struct made *made, const char *dest);

DEFINE_AUTO_VALUE(out_file)
