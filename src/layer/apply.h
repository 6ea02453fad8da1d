/*
 * apply: a sink that puts entries into a directory, through sys/rootfs and sys/owner only.
 *
 *	APPLY_ROOTFS   into a file system that is used as it is (flattening, ADD of an archive): an
 *	               entry replaces what is there unless both are directories, a whiteout removes,
 *	               missing parents are made (0755, root)
 *	APPLY_LAYER    into an empty directory that overlayfs will stack: whiteouts are device 0:0,
 *	               opaque directories carry user.overlay.opaque
 *
 * A layer may speak of what only the layers below have: a parent directory without an entry, a
 * parent that is a link there, a hard link to a file there. Alone (lowers NULL) that fails with an
 * error for which apply_needs_lowers() is true: drop the directory, and unpack again with the
 * lowers, which copies what is spoken of into this layer. Such a directory is right on that chain
 * only.
 *
 * Links are followed inside the directory, never out of it. Directories get their times when the
 * sink is closed; until then the tree is not finished. Devices that may not be made are recorded
 * (owner.h). xattrs that the file system refuses are left out. Zeros are written as holes.
 *
 * Floor: layer. One thread per sink.
 */
#pragma once
#include "layer/entry.h"

/* Unpacked layers below, topmost first. Borrows the fds. n 0: there is nothing below. */
struct lowers {
	const int *fds;
	size_t n;
	/* The topmost says nothing of "/", which is 0:0's and 0755, whatever its directory has. */
	bool has_plain_root;
};

struct apply_options {
	enum apply_mode { APPLY_ROOTFS = 1, APPLY_LAYER } mode;
	struct owner_policy policy;
	const struct lowers
			*lowers; /* APPLY_LAYER: NULL is "alone"; borrowed for the sink's life */
	bool is_trusted; /* opaque directories carry trusted.overlay.opaque: for Podman's root */
};

/* Borrows dir_fd (opened for reading, not O_PATH) for the sink's life. */
struct entry_sink *apply_sink(int dir_fd, const struct apply_options *options);
/* True when error (of the sink, wrapped or not) says that the layer cannot stand alone. */
bool apply_needs_lowers(const struct error *error);
