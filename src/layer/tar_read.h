/*
 * tar_read: entries of a tar, one after the other. Reads ustar, v7, pax (global and local), GNU
 * long names, GNU and pax sparse files (old, 0.0, 0.1, 1.0) and base-256 numbers.
 *
 * Everything in it is hostile: names are cleaned as containerd does (absolute becomes relative,
 * ".." stops at the root, and tar_reader_climbs() tells), sizes, counts and lengths are bounded by
 * base/limits.h, and each failure is ERR_INVALID, ERR_LIMIT or ERR_UNSUPPORTED naming the entry.
 * Whiteouts are ordinary files here.
 *
 * Floor: layer. One thread at a time. Spec: POSIX.1-2017 pax; GNU tar manual, "Tar Internals".
 */
#pragma once
#include "layer/entry.h"

struct tar_reader;

/* Takes below. */
struct tar_reader *tar_reader_new(struct reader *below);
void tar_reader_free(struct tar_reader *tar);
/*
 * The next entry (*ret, and *ret_content of a regular file, else NULL; both borrowed until the next
 * call, unread content is skipped), or *ret = NULL at the end. What follows the end is read and
 * dropped, so that a hash below sees it all.
 */
FALLIBLE tar_reader_next(
		struct tar_reader *tar, const struct entry **ret, struct reader **ret_content);

/* Whether the name of the entry, or of what it is a hard link to, led above the root. */
bool tar_reader_climbs(const struct tar_reader *tar);

DEFINE_AUTO_PTR(tar_reader, tar_reader_free)
