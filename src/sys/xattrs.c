#include "sys/xattrs.h"
#include "base/limits.h"
#include "base/vec.h"
#include "base/xalloc.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { PLACE_BYTES = 32 + LIMIT_NAME_BYTES + 1 };

/* The calls of Linux 6.13 by number, the same everywhere: Debian 12's headers do not have them. */
enum { NR_SETXATTRAT = 463, NR_GETXATTRAT = 464, NR_LISTXATTRAT = 465 };

/* The kernel's struct xattr_args. */
struct value_args {
	uint64_t value;
	uint32_t size, flags;
};

/* "/proc/self/fd/7/name": its last component is the name, so the l* calls do not follow it. */
static const char *place(int dir_fd, const char *name, char buf[static PLACE_BYTES])
{
	int n = snprintf(buf, PLACE_BYTES, "/proc/self/fd/%d/%s", dir_fd, *name ? name : ".");

	if (n < PLACE_BYTES)
		return buf;
	errno = ENAMETOOLONG;
	return NULL;
}

/* An old kernel, or a seccomp profile that does not know the new calls: ask the old way. */
static bool ask_again(long result)
{
	return result < 0 && (errno == ENOSYS || errno == EPERM);
}

static ssize_t get_at(int dir_fd, const char *name, const char *attribute, void *buf, size_t size)
{
	struct value_args args = { (uint64_t)(uintptr_t)buf, (uint32_t)size, 0 };
	char path[PLACE_BYTES];
	long n = syscall(NR_GETXATTRAT, dir_fd, *name ? name : ".", AT_SYMLINK_NOFOLLOW, attribute,
			&args, sizeof(args));

	if (!ask_again(n))
		return n;
	return place(dir_fd, name, path) ? lgetxattr(path, attribute, buf, size) : -1;
}

static int set_at(int dir_fd, const char *name, const char *attribute, const void *value, size_t n)
{
	struct value_args args = { (uint64_t)(uintptr_t)value, (uint32_t)n, 0 };
	char path[PLACE_BYTES];
	long result = syscall(NR_SETXATTRAT, dir_fd, *name ? name : ".", AT_SYMLINK_NOFOLLOW,
			attribute, &args, sizeof(args));

	if (!ask_again(result))
		return (int)result;
	return place(dir_fd, name, path) ? lsetxattr(path, attribute, value, n, 0) : -1;
}

static ssize_t list_at(int dir_fd, const char *name, char *buf, size_t size)
{
	char path[PLACE_BYTES];
	long n = syscall(
			NR_LISTXATTRAT, dir_fd, *name ? name : ".", AT_SYMLINK_NOFOLLOW, buf, size);

	if (!ask_again(n))
		return n;
	return place(dir_fd, name, path) ? llistxattr(path, buf, size) : -1;
}

/* EOVERFLOW: file capabilities of a user namespace that is not ours; without effect for us. */
static bool is_absent(int number)
{
	return number == ENODATA || number == ENOTSUP || number == EOVERFLOW;
}

static FALLIBLE got(ssize_t n, const char *attribute, ssize_t *ret_n)
{
	if (n < 0 && errno == ERANGE)
		return error_new(ERR_LIMIT, "attribute '%s' is too long", attribute);
	if (n < 0 && !is_absent(errno))
		return error_sys("read attribute '%s'", attribute);
	*ret_n = n;
	return NULL;
}

FALLIBLE xattr_get(int dir_fd, const char *name, const char *attribute, void *buf, size_t size,
		ssize_t *ret_n)
{
	TRY_WRAP(got(get_at(dir_fd, name, attribute, buf, size), attribute, ret_n), "'%s'", name);
	return NULL;
}

FALLIBLE xattr_get_fd(int fd, const char *attribute, void *buf, size_t size, ssize_t *ret_n)
{
	return got(fgetxattr(fd, attribute, buf, size), attribute, ret_n);
}

FALLIBLE xattr_set(int dir_fd, const char *name, const char *attribute, const void *value, size_t n)
{
	if (set_at(dir_fd, name, attribute, value, n) < 0)
		return error_sys("set attribute '%s' of '%s'", attribute, name);
	return NULL;
}

FALLIBLE xattr_set_fd(int fd, const char *attribute, const void *value, size_t n)
{
	if (fsetxattr(fd, attribute, value, n, 0) < 0)
		return error_sys("set attribute '%s'", attribute);
	return NULL;
}

FALLIBLE xattr_remove(int dir_fd, const char *name, const char *attribute)
{
	char path[PLACE_BYTES];

	if (!place(dir_fd, name, path))
		return error_sys("remove attribute '%s'", attribute);
	if (lremovexattr(path, attribute) < 0 && !is_absent(errno))
		return error_sys("remove attribute '%s' of '%s'", attribute, name);
	return NULL;
}

/* The two ways to ask: an open file, or a name in an open directory. */
struct subject {
	int fd;
	const char *name; /* NULL: fd itself */
};

static ssize_t list_names(const struct subject *subject, char *buf, size_t size)
{
	return subject->name ? list_at(subject->fd, subject->name, buf, size)
			     : flistxattr(subject->fd, buf, size);
}

static ssize_t get_value(
		const struct subject *subject, const char *attribute, char *buf, size_t size)
{
	return subject->name ? get_at(subject->fd, subject->name, attribute, buf, size)
			     : fgetxattr(subject->fd, attribute, buf, size);
}

static FALLIBLE add_value(
		const struct subject *subject, const char *attribute, struct xattrs *xattrs)
{
	char small[256];
	AUTO_FREE char *large = NULL;
	char *value = small;
	ssize_t n = get_value(subject, attribute, small, sizeof(small));

	if (n < 0 && errno == ERANGE) {
		value = large = xmalloc(LIMIT_XATTR_BYTES);
		n = get_value(subject, attribute, large, LIMIT_XATTR_BYTES);
	}
	/* EPERM: trusted.* and the like, listed but not ours to read. */
	if (n < 0 && (is_absent(errno) || errno == EPERM))
		return NULL;
	if (n < 0)
		return error_sys("read attribute '%s'", attribute);
	xattrs_set(xattrs, attribute, value, (size_t)n);
	return NULL;
}

static FALLIBLE list(const struct subject *subject, struct xattrs *ret)
{
	char small[1024];
	AUTO_FREE char *large = NULL;
	char *names = small;
	ssize_t n = list_names(subject, small, sizeof(small));
	AUTO(xattrs) struct xattrs xattrs = { 0 };

	if (n < 0 && errno == ERANGE) {
		names = large = xmalloc(LIMIT_XATTR_BYTES);
		n = list_names(subject, large, LIMIT_XATTR_BYTES);
	}
	if (n < 0 && !is_absent(errno))
		return error_sys("list attributes");
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		if (xattrs.n == LIMIT_XATTRS)
			return error_new(ERR_LIMIT, "more than %d attributes", LIMIT_XATTRS);
		TRY(add_value(subject, names + at, &xattrs));
	}
	*ret = xattrs;
	xattrs = (struct xattrs){ 0 };
	return NULL;
}

FALLIBLE xattr_list(int dir_fd, const char *name, struct xattrs *ret)
{
	TRY_WRAP(list(&(struct subject){ dir_fd, name }, ret), "'%s'", name);
	return NULL;
}

FALLIBLE xattr_list_fd(int fd, struct xattrs *ret)
{
	return list(&(struct subject){ fd, NULL }, ret);
}

void xattrs_set(struct xattrs *xattrs, const char *name, const void *value, size_t n)
{
	size_t at = 0;

	while (at < xattrs->n && strcmp(xattrs->p[at].name, name) < 0)
		at++;
	if (at < xattrs->n && strcmp(xattrs->p[at].name, name) == 0) {
		free(xattrs->p[at].value);
	} else {
		(void)vec_add(xattrs);
		memmove(xattrs->p + at + 1, xattrs->p + at,
				(xattrs->n - 1 - at) * sizeof(*xattrs->p));
		xattrs->p[at].name = xstrdup(name);
	}
	xattrs->p[at].value = xmemdup(value, n);
	xattrs->p[at].n = n;
}

const struct xattr *xattrs_find(const struct xattrs *xattrs, const char *name)
{
	for (size_t i = 0; i < xattrs->n; i++)
		if (strcmp(xattrs->p[i].name, name) == 0)
			return &xattrs->p[i];
	return NULL;
}

bool xattrs_equal(const struct xattrs *a, const struct xattrs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->p[i].name, b->p[i].name) != 0 || a->p[i].n != b->p[i].n ||
				memcmp(a->p[i].value, b->p[i].value, a->p[i].n) != 0)
			return false;
	return true;
}

void xattrs_clear(struct xattrs *xattrs)
{
	for (size_t i = 0; i < xattrs->n; i++) {
		free(xattrs->p[i].name);
		free(xattrs->p[i].value);
	}
	xattrs->n = 0;
}

void xattrs_done(struct xattrs *xattrs)
{
	xattrs_clear(xattrs);
	vec_done(xattrs);
}
