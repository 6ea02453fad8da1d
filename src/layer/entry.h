/*
 * entry: one file of a layer, and the sinks that take entries.
 *
 * A struct entry is a value that borrows everything it points to: a sink copies what it keeps. It
 * says what an image would say (image ids, not disk ids), whoever made it: a tar, a directory, a
 * Dockerfile.
 *
 * A sink takes entries in order, parents before children, a file before its hard links. Content is
 * exactly entry->size bytes; a sink may leave some unread. Errors are sticky.
 *
 * Floor: layer. One thread at a time. Spec: OCI image-spec v1.1, layer.md.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "stream/reader.h"
#include "sys/owner.h"
#include "sys/xattrs.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct entry {
	const char *path;   /* cleaned: relative, no "/" at the ends, no "." or ".."; "" is the root
			     */
	struct owner owner; /* the type is in its mode; of the file that is meant for a hard link */
	int64_t mtime;      /* seconds */
	uint32_t mtime_ns;
	uint64_t size;    /* regular files only, else 0 */
	const char *link; /* target as written (symlink) or path as above (hard link), else NULL */
	bool is_hardlink; /* the file is the one at link; owner, mtime, xattrs count for nothing */
	const struct xattr *xattrs; /* sorted by name */
	size_t n_xattrs;
};

struct entry_sink;

struct entry_sink_ops {
	struct error *(*add)(
			struct entry_sink *sink, const struct entry *entry, struct reader *content);
	struct error *(*whiteout)(struct entry_sink *sink, const char *path);
	struct error *(*opaque)(struct entry_sink *sink, const char *path);
	struct error *(*close)(struct entry_sink *sink);
	void (*free)(struct entry_sink *sink);
};

/* Embedded first in each kind's own struct. */
struct entry_sink {
	const struct entry_sink_ops *ops;
	bool failed; /* sticky: later calls are ERR_CANCELED, the first error was returned */
};

/* content: of a regular file that is not a hard link (borrowed), else NULL. */
FALLIBLE entry_sink_add(struct entry_sink *sink, const struct entry *entry, struct reader *content);
/* path of the layers below is gone. */
FALLIBLE entry_sink_whiteout(struct entry_sink *sink, const char *path);
/* What the layers below have in directory path is gone; comes behind the directory's own entry. */
FALLIBLE entry_sink_opaque(struct entry_sink *sink, const char *path);
/* Finish, report the first error, and free (takes sink). */
FALLIBLE entry_sink_close(struct entry_sink *sink);
/* Abandon. NULL is fine. */
void entry_sink_free(struct entry_sink *sink);

/*
 * To both (takes both). One read of the content serves them: small files through memory, others
 * with b on a thread of its own behind a pipe.
 */
struct entry_sink *entry_sink_tee(struct entry_sink *a, struct entry_sink *b);

/*
 * True for an xattr that belongs to the content of a layer: user.*, trusted.* and
 * security.capability, but not what overlayfs or owner.h keep there, nor labels of the host
 * (security.selinux, security.ima, POSIX ACLs).
 */
bool entry_keeps_xattr(const char *name);

/*
 * The content of a regular file on disk as entry_sink_add() wants it: size bytes of fd (takes),
 * holes not read; a file that became shorter is ERR_INVALID naming path.
 */
struct reader *entry_content(int fd, uint64_t size, const char *path);
/* The file of such a reader that nothing was read of yet, to be cloned from; else -1. */
int entry_content_fd(const struct reader *reader);

DEFINE_AUTO_PTR(entry_sink, entry_sink_free)
