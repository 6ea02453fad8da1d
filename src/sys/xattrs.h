/*
 * xattrs: extended attributes of a name in an open directory (never through a symlink) or of an
 * open file. name "" is the directory itself.
 *
 * Linux 6.13 has calls that take a directory fd; before, names go through /proc/self/fd, which
 * takes four times as long. A file system without xattrs has none: reading says "not there",
 * setting says so.
 *
 * The file is not called xattr: <sys/xattr.h> would find it instead of the C library's.
 *
 * Floor: sys.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct xattr {
	char *name; /* "user.x", "security.capability" */
	char *value;
	size_t n;
};

/* Owned; sorted by name, bytewise. */
struct xattrs {
	struct xattr *p;
	size_t n, capacity;
};

/* *ret_n is -1 when there is no such attribute; longer than size is ERR_LIMIT. */
FALLIBLE xattr_get(int dir_fd, const char *name, const char *attribute, void *buf, size_t size,
		ssize_t *ret_n);
FALLIBLE xattr_get_fd(int fd, const char *attribute, void *buf, size_t size, ssize_t *ret_n);
FALLIBLE xattr_set(
		int dir_fd, const char *name, const char *attribute, const void *value, size_t n);
FALLIBLE xattr_set_fd(int fd, const char *attribute, const void *value, size_t n);
/* Not there is fine. */
FALLIBLE xattr_remove(int dir_fd, const char *name, const char *attribute);

/* All of them, within LIMIT_XATTRS and LIMIT_XATTR_BYTES. */
FALLIBLE xattr_list(int dir_fd, const char *name, struct xattrs *ret);
FALLIBLE xattr_list_fd(int fd, struct xattrs *ret);
/* Put one in its place (copies); one of that name is replaced. */
void xattrs_set(struct xattrs *xattrs, const char *name, const void *value, size_t n);
const struct xattr *xattrs_find(const struct xattrs *xattrs, const char *name);
bool xattrs_equal(const struct xattrs *a, const struct xattrs *b);
void xattrs_clear(struct xattrs *xattrs); /* empty, memory of the list kept */
void xattrs_done(struct xattrs *xattrs);

DEFINE_AUTO_VALUE(xattrs)
