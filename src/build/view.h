/*
 * view: the file system as a stage has it at some point, asked by path. It is the merged unpacked
 * layers below, and above them what streamed COPYs brought, which exists as a list of names only:
 * such a layer is never unpacked unless somebody must read a file in it. Layers of a cache home are
 * known by their tables of contents in the same way, without being fetched.
 *
 * Paths are clean and relative ("a/b", "" is the root). Links are followed inside the root, here
 * component by component since the kernel cannot see the names above.
 *
 * Floor: build. One thread at a time.
 */
#pragma once
#include "base/map.h"
#include "build/stack.h"
#include "sys/owner.h"
#include "sys/xattrs.h"

struct entry;
struct entry_sink;
struct toc;
struct view_names; /* what one streamed layer holds */

struct view {
	int fd; /* merged directories; -1: nothing below */
	const struct owner_policy *policy;
	struct view_names **names; /* lowest first; borrowed */
	size_t name_count;
	struct view_names **owned; /* the array of names, when it was made for this view */
	/* Paths that kept_fd shows instead of fd, with all below them; or NULL. Borrowed. */
	const struct list *kept;
	int kept_fd;
};

struct view_entry {
	bool exists;
	struct owner owner;
	int64_t mtime;
	char *link; /* target of a symlink, owned */
	/* Where it is a name. */
	const struct xattrs *xattrs; /* borrowed; else NULL */
	uint64_t size;
	struct digest digest; /* of a regular file, where view_names_tell_content() */
	bool is_hardlink;
};

/* The directory that a path is to be looked for in, when no names say anything. */
int view_fd_of(const struct view *view, const char *path);

/* is_alone: made without a look at what is below, whose links its directories may replace. */
struct view_names *view_names_new(bool is_alone);
void view_names_free(struct view_names *names);
void view_names_add(struct view_names *names, const struct entry *entry);
/*
 * What a layer's table of contents says: whiteouts and opaque directories hide what is below. NULL:
 * the layer speaks of parents that it does not have itself, so it takes the files to know.
 */
struct view_names *view_names_of_toc(const struct toc *toc);
/*
 * The same from the entries of the layer itself, whose contents are not read: *ret is set when the
 * sink is closed. NULL: as above, or there are more than LIMIT_VIEW_NAMES.
 */
struct entry_sink *view_names_sink(struct view_names **ret);
/* Whether they know what is in the files: a table of contents does. */
bool view_names_tell_content(const struct view_names *names);
/* Add the paths below dir ("" is the root), in no order; whiteouts too. */
void view_names_below(const struct view_names *names, const char *dir, struct list *ret);
bool view_names_has(const struct view_names *names, const char *path);

/* What is at path itself; links in the parents are not followed: resolve first. */
FALLIBLE view_lookup(const struct view *view, const char *path, struct view_entry *ret);
void view_entry_done(struct view_entry *entry);
/*
 * Where path leads with every link followed; missing tails are kept as written. More than 40 links
 * are ERR_INVALID. New; free().
 */
FALLIBLE view_resolve(const struct view *view, const char *path, char **ret);

DEFINE_AUTO_VALUE(view_entry)
