/*
 * archive: tars as users hand them in: told from other files by their first block, and unpacked
 * where a directory is wanted. Nothing in one is believed: names are cleaned and end inside, links
 * are not followed out, devices are refused, sizes and counts are bounded (layer/tar_read.h,
 * layer/apply.h, base/limits.h).
 *
 * Floor: build.
 */
#pragma once
#include "stream/reader.h"
#include "sys/cancel.h"

enum { ARCHIVE_BLOCK = 512 };

/* True for the header of a tar's first entry, by its checksum. */
bool archive_is_header(const unsigned char block[static ARCHIVE_BLOCK]);

/*
 * Decompress (takes below) and look: *ret reads everything from the start. An empty tar (zeros)
 * counts as one.
 */
FALLIBLE archive_open(struct reader *below, struct reader **ret, bool *ret_is_archive);
/*
 * Unpack the tar (takes it, decompressed) into an empty directory. Every file is 0:0's, whatever
 * the tar says. what is for messages. *ret_newest is when the newest entry was changed (Unix
 * seconds), 0 where none says so.
 */
FALLIBLE archive_unpack(struct reader *tar, int dir_fd, const char *what, struct cancel *cancel,
		int64_t *ret_newest);
