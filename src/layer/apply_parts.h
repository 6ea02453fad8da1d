/*
 * apply_parts: what the files of apply share.
 *
 * Floor: layer (private to apply*.c).
 */
#pragma once
#include "base/map.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "layer/apply.h"
#include "layer/lower.h"

/* The code of an ERR_UNSUPPORTED that means: unpack again, with the lowers. */
enum { APPLY_NEEDS_LOWERS = 1 };

/* A directory whose times (and owner, if it would shut us out) wait for close. */
struct apply_dir {
	char *path;
	int64_t mtime;
	uint32_t mtime_ns;
	bool owner_waits;
	struct owner owner;
};

struct apply {
	struct entry_sink sink;
	int root_fd;
	struct apply_options options;

	/* The parent of the last entry: entries of one directory come in a row. */
	char *parent; /* as written; NULL: none */
	int parent_fd;

	struct {
		struct apply_dir *p;
		size_t n, capacity;
	} dirs;
	bool has_replaced; /* a directory of dirs may be something else now */
	bool has_again;    /* a directory of dirs is there twice */
	struct map *added; /* APPLY_ROOTFS: paths of this layer, which its whiteouts spare */
	/* APPLY_LAYER: names that stand here for what is below, no entry made them; and, as
	   written, directories below which nothing of the lowers shows. */
	struct map *implied, *opaque;
	char *buf; /* for contents */
};

/* No such path, or one of its parents is no directory. */
bool apply_is_missing(const struct error *error);
bool apply_is_alone(const struct apply *apply);
struct error *apply_alone_error(const char *path, const char *what);

/*
 * The directory that holds path (apply's own fd, valid until the next call) and path's name in it.
 * What is missing is made, or fails as apply.h says.
 */
FALLIBLE apply_parent(struct apply *apply, const char *path, int *ret_fd, const char **ret_name);
/* The same without making anything: *ret_fd (new) is -1 when this layer has no such directory. */
FALLIBLE apply_find_parent(struct apply *apply, const char *path, int *ret_fd);
/* A directory or link was taken away: the next entry looks for its parent anew. */
void apply_forget(struct apply *apply);
/* Keep the directory of that name for the entries that follow (takes both). */
void apply_remember(struct apply *apply, char *parent, int fd);

/* apply_file.c: one entry into its parent directory. */
FALLIBLE apply_put(struct apply *apply, int dir_fd, const char *name, const struct entry *entry,
		struct reader *content);
FALLIBLE apply_root(struct apply *apply, const struct entry *entry);
/* Hand out times and owners of directories. */
FALLIBLE apply_finish_dirs(struct apply *apply);

/* apply_hide.c: what a layer hides of those below. */

/* A whiteout of path; and of all that directory path has below. */
FALLIBLE apply_hide(struct apply *apply, const char *path);
FALLIBLE apply_hide_all(struct apply *apply, const char *path);
/* The name in an open directory was made for the sake of others, or is an entry's own from now on.
 */
void apply_imply(struct apply *apply, int dir_fd, const char *name);
void apply_own(struct apply *apply, int dir_fd, const char *name);

/* apply_lower.c: with lowers. */

/*
 * Open the directory path, following links through this layer and those below. Directories that
 * only the lowers have are made here with their metadata (make), others with root's 0755. Without
 * make, *ret_fd is -1 when nobody has the directory or this layer has not.
 */
FALLIBLE apply_merged_dir(struct apply *apply, const char *path, bool make, int *ret_fd,
		struct lower_dir *ret_lower);
/*
 * See that this layer has the file that path means, copied from the lowers if need be: *ret_fd is
 * the directory that holds path's last component, -1 when nobody has it.
 */
FALLIBLE apply_copy_up(struct apply *apply, const char *path, int *ret_fd);
