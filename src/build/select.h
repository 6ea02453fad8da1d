/*
 * select: which files a COPY or ADD brings, told from its source alone: patterns matched, ignore
 * rules applied, links at the top followed, directories walked in byte order. Where the files go is
 * the business of place.h.
 *
 * A group is what one source argument (or one match of its pattern) named: a file, or a directory
 * whose contents are copied. Items hold metadata as the image will have it: files of the build
 * context belong to 0:0, others keep their owner.
 *
 * Floor: build. Immutable once made but for the digests; any thread may read.
 * Spec: Dockerfile reference, "COPY"; features.md 3.8.
 */
#pragma once
#include "base/arena.h"
#include "build/stack.h"
#include "dockerfile/ignore.h"
#include "graph/plan.h"
#include "store/file_digests.h"
#include "stream/pool.h"
#include "sys/xattrs.h"
#include <sys/stat.h>

struct select_item {
	int fd;           /* root that path is read from; borrowed */
	const char *path; /* from there on */
	const char *rel;  /* below the group's top; "" is the top itself */
	struct owner owner;
	int64_t mtime;
	uint32_t mtime_ns;
	uint64_t size;
	const char *link;    /* of a symlink */
	const char *content; /* of a heredoc */
	bool is_download;    /* an archive that is unpacked only where ADD says so */
	struct xattrs xattrs;
	bool is_bare;         /* no attribute that counts, and it could get none unseen */
	struct file_key key;  /* identity on disk */
	uint64_t links;       /* st_nlink */
	size_t twin;          /* index of the first item that is the same inode; SIZE_MAX: none */
	struct digest digest; /* of a regular file's content, once select_hash() ran */
};

struct select_group {
	const char *name; /* last component as the source named it: the file's name at the dest */
	bool is_dir;
	bool is_root;        /* the whole origin: its own mode is not the user's choice */
	size_t first, count; /* items */
};

struct selection {
	struct arena *arena;
	int fd; /* root of the origin, borrowed; -1: heredocs only */
	/*
	 * A context's files as they lie on disk are just what was selected, but for their owner,
	 * who is one for all: nothing left out, only files, directories and links, no attribute
	 * that kiln or overlayfs would read.
	 */
	bool is_whole;
	uid_t disk_uid; /* of the first */
	gid_t disk_gid;
	struct {
		struct select_item *p;
		size_t n, capacity;
	} items;
	struct {
		struct select_group *p;
		size_t n, capacity;
	} groups;
};

struct fetched;

struct select_origin {
	int fd;                            /* -1 when there is none */
	const char *name;                  /* "the build context", "stage 'build'": for messages */
	const struct ignore *ignore;       /* or NULL */
	const struct ignore *includes;     /* files that it does not have are left out; or NULL */
	const char *ignore_name;           /* for hints */
	const char *ignore_path;           /* for messages, where needs_match is */
	const struct owner_policy *policy; /* NULL: everything belongs to 0:0 */
	bool keeps_links;                  /* a source that is a link is copied as one */
	bool needs_match;                  /* sources that match nothing at all are an error */
	bool globs_deep;                   /* source_glob() */
	const struct fetched *fetched;     /* by source of the step; NULL: none is */
	struct file_digests *digests;      /* what is known of its files; NULL: nothing */
};

FALLIBLE select_make(const struct select_origin *origin, const struct plan_copy *copy,
		struct cancel *cancel, struct selection **ret);
void select_free(struct selection *selection);

/*
 * Hash every regular file, from the memory of digests (may be NULL) where it is unchanged, else by
 * reading, on the pool.
 */
FALLIBLE select_hash(struct selection *selection, struct file_digests *digests, struct pool *pool,
		struct cancel *cancel);
/*
 * ERR_INVALID with this code: a file is not what it was when it was selected. What is selected and
 * read anew may be as it is by then.
 */
enum { SELECT_CHANGED = 1, SELECT_TRIES = 5 };
struct error *select_changed(const char *path);
/* Such an error, or one of a file that is gone. */
bool select_is_changed(const struct error *error);
/* The digest of all that was selected: names, types, modes, owners, contents, links, xattrs. */
struct digest select_digest(const struct selection *selection);

static inline void selection_auto_(struct selection **selection)
{
	select_free(*selection);
}

/*
 * What select_digest() would say of a COPY from view, whose layers are all known by tables of
 * contents. *ret stays unknown where that takes the files (patterns, hard links, what is not
 * there).
 */
struct view;
FALLIBLE select_content_of_view(
		const struct view *view, const struct plan_copy *copy, struct digest *ret);
