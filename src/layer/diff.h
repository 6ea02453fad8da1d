/*
 * diff: what an overlay upper changed, as entries in a fixed order (tree_walk's, sorted).
 *
 * Parents come with their real metadata, so a layer made of this stands alone. Left out: a file
 * that was copied up but has the metadata and content of the lower one; a directory of which
 * nothing but its time changed and nothing below it; sockets (a lower file under one is whited
 * out). The first path of a file with several in the upper is the file, later ones are hard links
 * to it. The root itself is an entry only when its owner, mode or xattrs changed.
 *
 * Floor: layer. The upper and lowers must not change meanwhile.
 */
#pragma once
#include "layer/apply.h"
#include "layer/entry.h"
#include "sys/cancel.h"
#include <stdint.h>

struct list;

struct diff_options {
	struct owner_policy policy;
	struct lowers lowers;
	/* The upper holds changes and their parents only: all of it is sent, lowers are not asked.
	 */
	bool is_exact;
	/* With is_exact: the upper was filled by hand, and says what its root is unless it is the
	 * usual one (root's, 0755). */
	bool has_root;
	struct cancel *cancel;
	/* Paths to leave out with all below them, cleaned; what the sandbox put there. May be NULL.
	 */
	const struct list *ignore;
};

struct diff_counts {
	uint64_t entries, whiteouts; /* opaque marks count as whiteouts */
	/* snapshot_changes(): sent files that differ in nothing that stat tells of a layer's file;
	 * it takes a look at what was there before to know. */
	uint64_t suspects;
};

/*
 * Sends the changes to sink (borrows it; does not close it). No change sends nothing: *ret counts
 * are 0 and the caller makes no layer.
 */
FALLIBLE diff_upper(int upper_fd, const struct diff_options *options, struct entry_sink *sink,
		struct diff_counts *ret);
/* True when diff_upper() would send nothing; stops at the first change. */
FALLIBLE diff_is_empty(int upper_fd, const struct diff_options *options, bool *ret);
