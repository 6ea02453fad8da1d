/*
 * The step's upper directory is read right after the step, while its files are still in the page
 * cache: for layers that become no blob in this build, or not now. What the kernel knows to be a
 * hole is not read.
 */
#include "base/limits.h"
#include "build/secrets_inner.h"
#include "layer/tree.h"
#include "sys/fd.h"
#include "sys/xattrs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 1024 * 1024 };

struct scan {
	const struct secrets *secrets;
	struct cancel *cancel;
	char *buf; /* the end of what was read before, then what is read now */
	size_t overlap;
};

static FALLIBLE scan_content(struct scan *scan, int fd, const char *path)
{
	size_t kept = 0;
	off_t at = 0;

	for (;;) {
		off_t data = lseek(fd, at, SEEK_DATA);

		if (data < 0 && errno == ENXIO)
			return NULL; /* nothing but a hole is left */
		if (data > at) {
			kept = 0;
			at = data;
		}
		ssize_t n = pread(fd, scan->buf + kept, READ_BYTES, at);
		if (n < 0)
			return error_sys("read '/%s'", path);
		if (n == 0)
			return NULL;
		TRY(secrets_look(scan->secrets, scan->buf, kept + (size_t)n, path, ""));
		size_t have = kept + (size_t)n;
		kept = have < scan->overlap ? have : scan->overlap;
		memmove(scan->buf, scan->buf + have - kept, kept);
		at += n;
	}
}

static FALLIBLE scan_xattrs(struct scan *scan, const struct tree_item *at)
{
	AUTO(xattrs) struct xattrs xattrs = { 0 };

	if (S_ISLNK(at->st->st_mode))
		return NULL;
	TRY(xattr_list(at->dir_fd, at->name, &xattrs));
	for (size_t i = 0; i < xattrs.n; i++)
		TRY(secrets_look(scan->secrets, xattrs.p[i].value, xattrs.p[i].n, at->path,
				"an attribute of "));
	return NULL;
}

static struct error *visit(void *state, const struct tree_item *at, enum tree_step *step)
{
	struct scan *scan = state;
	char target[LIMIT_PATH_BYTES + 1];

	(void)step;
	TRY(cancel_check(scan->cancel));
	TRY(secrets_look(scan->secrets, at->name, strlen(at->name), at->path, "the name of "));
	TRY(scan_xattrs(scan, at));
	if (S_ISLNK(at->st->st_mode)) {
		ssize_t n = readlinkat(at->dir_fd, at->name, target, sizeof(target));

		if (n < 0)
			return error_sys("read the link '/%s'", at->path);
		return secrets_look(scan->secrets, target, (size_t)n, at->path, "the target of ");
	}
	if (!S_ISREG(at->st->st_mode))
		return NULL;
	AUTO_FD int fd = -1;
	TRY(file_open(at->dir_fd, at->name, O_RDONLY | O_NOFOLLOW | O_NOATIME, 0, &fd));
	return scan_content(scan, fd, at->path);
}

FALLIBLE secrets_scan(const struct secrets *secrets, int tree_fd, struct cancel *cancel)
{
	struct scan scan = {
		.secrets = secrets, .cancel = cancel, .overlap = secrets_overlap(secrets)
	};

	if (!scan.overlap)
		return NULL; /* all too short to be looked for */
	scan.buf = xmalloc(scan.overlap + READ_BYTES);
	struct tree_visitor visitor = { .visit = visit, .state = &scan };
	struct error *error = tree_walk(tree_fd, &visitor);

	free(scan.buf);
	return error;
}
