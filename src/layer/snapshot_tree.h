/*
 * snapshot_tree: the inside of a snapshot, shared by taking and comparing.
 *
 * Floor: layer (private to snapshot*.c).
 */
#pragma once
#include "base/strbuf.h"
#include "layer/snapshot.h"

/* Names of one directory, sorted by bytes. */
struct snap_dir {
	struct snap_node *p;
	size_t n;
	char *names;
};

struct snap_node {
	const char *name; /* in the names of its directory */
	uint64_t dev, ino, size;
	int64_t birth_ns, change_ns, modify_ns;
	uint32_t mode, uid, gid, links, major, minor;
	uint64_t xattrs;      /* directories: a hash of them */
	struct snap_dir *dir; /* directories that were entered */
};

struct snapshot {
	struct snap_node root;
	uint64_t files;
	int64_t latest_ns;  /* the latest change time in it */
	int64_t settled_ns; /* what the clock showed in snapshot_settle(); 0: not called */
};
