/*
 * out_file: a file that the user named, and that is there as a whole or as it was before.
 *
 * A draft beside it becomes it. "-" is standard output. What is there and is no file of its own
 * (a pipe, /dev/null, a link such as /dev/stdout, a file that is mounted over), or is in a
 * directory that cannot be written, stays what it is and is written to.
 *
 *	AUTO(out_file) struct out_file out = { 0 };
 *
 *	TRY(out_file_open(path, &out));
 *	TRY(save(TAKE(out.writer)));	closes it
 *	return out_file_commit(&out);
 *
 * Floor: stream.
 */
#pragma once
#include "base/auto.h"
#include "stream/writer.h"

struct out_file {
	const char *dest; /* borrowed */
	char *draft;      /* NULL: written to as it is */
	struct writer *writer;
};

FALLIBLE out_file_open(const char *dest, struct out_file *ret);
/* The writer was closed: from now on it has its name. */
FALLIBLE out_file_commit(struct out_file *out);
/* A draft that was not committed goes. */
void out_file_done(struct out_file *out);

DEFINE_AUTO_VALUE(out_file)
