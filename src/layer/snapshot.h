/*
 * snapshot: what a directory tree looked like at one moment, and what changed between two moments:
 * how a RUN's layer is found where there is no overlay.
 *
 * A snapshot holds for each file what stat tells and nothing of its content. A file has changed
 * when any of inode, birth, change time, modification time, size, mode, owner, number of names or
 * device differ: not "is newer", so a clock that is set back or forth hides nothing. What happens
 * to a file within one tick of the file system's clock would leave no trace in its change time;
 * snapshot_settle() lets that tick pass before anybody may write again. (Only a clock that is set
 * back so that it shows, at the very moment of a change, a file's old change time to the
 * nanosecond could hide one; for that, what changed "after" snapshot_settle() counts as changed
 * too.)
 *
 * Changes come as an overlay's upper would have them: whiteouts, opaque directories where one was
 * replaced, parents with their real metadata, hard links kept. Directories count as changed for
 * owner, mode and xattrs, never for times alone. A file that is as before in all but its change
 * time is sent; layer/diff.h leaves such files out when it compares contents.
 *
 * Floor: layer. Nobody changes the tree while it is taken. About 100 bytes a file.
 */
#pragma once
#include "base/auto.h"
#include "layer/diff.h"
#include "layer/entry.h"
#include "sys/cancel.h"
#include <stdint.h>

struct list;
struct snapshot;

/*
 * Walks the tree below root_fd on as many threads as there are CPUs, in one pass. What lies below
 * the directories in skip (cleaned paths, may be NULL) is not looked at; nor is what lies on
 * another file system, when one_device says so.
 */
struct snapshot_options {
	const struct list *skip;
	bool one_device;
	/* What shuts us out is opened up on the way (owner_open_up()). NULL: it is an error. */
	const struct owner_policy *opens_up;
	struct cancel *cancel;
};

FALLIBLE snapshot_take(int root_fd, const struct snapshot_options *options, struct snapshot **ret);
void snapshot_free(struct snapshot *snapshot);
uint64_t snapshot_files(const struct snapshot *snapshot);
/* Wait until a change made from now on has another change time than anything in the snapshot. */
FALLIBLE snapshot_settle(struct snapshot *snapshot, int root_fd);

/* ignore: paths that are left out with all below them. */
FALLIBLE snapshot_changes(const struct snapshot *before, const struct snapshot *after, int root_fd,
		const struct diff_options *options, struct entry_sink *sink,
		struct diff_counts *ret);

DEFINE_AUTO_PTR(snapshot, snapshot_free)
