/*
 * source_glob: what a source of COPY and ADD that is a pattern names, name by name of the path.
 *
 * Floor: build. Thread-safe.
 */
#pragma once
#include "base/error.h"
#include "base/vec.h"
#include "sys/cancel.h"

/*
 * Append the paths below root_fd that match, in the order of their names; links to folders are
 * followed inside the root. Where is_deep, "**" with more behind it stands for any number of
 * folders, none too, none of them a link, and all paths are in bytewise order.
 */
FALLIBLE source_glob(int root_fd, const char *pattern, bool is_deep, struct cancel *cancel,
		struct list *ret);
