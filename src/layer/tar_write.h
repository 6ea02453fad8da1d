/*
 * tar_write: a sink that writes a tar. The bytes are a function of the entries alone.
 *
 * ustar, with a pax header only where ustar cannot say it: a path or link over its fields or not
 * ASCII, ids over 2,097,151, a size of 8 GiB or more, a time before 1970, xattrs (SCHILY.xattr.,
 * "=" and "%" in names as GNU tar writes them). Records are sorted by key. Times are whole seconds,
 * rounded down, as containerd and Docker write them; no access or change times, no user and group
 * names. Whiteouts in their AUFS form, mode 0, time 0. Two zero blocks end it.
 *
 * Floor: layer. Spec: POSIX.1-2017 pax; OCI image-spec v1.1, layer.md.
 */
#pragma once
#include "layer/entry.h"
#include "stream/writer.h"

/* What becomes of modification times. */
struct entry_times {
	enum entry_times_kind {
		TIMES_KEEP = 0,
		TIMES_CLAMP, /* later than seconds becomes seconds (SOURCE_DATE_EPOCH) */
		TIMES_FIX,   /* all become seconds (--timestamp) */
	} kind;
	int64_t seconds;
};

/* Takes out; closing the sink closes it. A path that reads as a whiteout is ERR_UNSUPPORTED. */
struct entry_sink *tar_writer(struct writer *out, const struct entry_times *times);
