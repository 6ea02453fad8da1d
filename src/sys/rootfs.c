#include "sys/rootfs.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/rootfs_walk.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

enum { LINKS_MAX = 40, RACES_MAX = 64 };

static int open_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC,
		.mode = flags & (O_CREAT | __O_TMPFILE) ? mode & 07777 : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	/* EAGAIN: something was renamed while ".." was resolved; the kernel asks to try again. */
	for (int i = 0; i < RACES_MAX; i++) {
		long fd = syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));

		/* EPERM: perhaps of a seccomp profile that is older than the call. */
		if (fd < 0 && (errno == ENOSYS || errno == EPERM))
			return rootfs_walk(root_fd, path, flags, (mode_t)how.mode);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			return (int)fd;
	}
	return -1;
}

FALLIBLE rootfs_open(int root_fd, const char *path, int flags, mode_t mode, int *ret_fd)
{
	int fd = open_in_root(root_fd, path, flags, mode);

	if (fd < 0)
		return error_sys("open '%s'", *path ? path : "/");
	*ret_fd = fd;
	return NULL;
}

FALLIBLE rootfs_open_nofollow(int root_fd, const char *path, int flags, mode_t mode, int *ret_fd)
{
	return rootfs_open(root_fd, path, flags | O_NOFOLLOW, mode, ret_fd);
}

FALLIBLE rootfs_open_parent(int root_fd, const char *path, int *ret_fd, const char **ret_name)
{
	const int flags = O_RDONLY | O_DIRECTORY;
	size_t end = strlen(path);

	while (end && path[end - 1] == '/')
		end--;
	struct str whole = { path, end };
	size_t slash = str_find_last(whole, '/');
	struct str name = slash < end ? str_slice(whole, slash + 1, end) : whole;

	if (name.n == 0 || str_is(name, ".") || str_is(name, "..")) {
		TRY(rootfs_open(root_fd, path, flags, 0, ret_fd));
		*ret_name = path + strlen(path);
		return NULL;
	}
	AUTO_FREE char *parent = xstrndup(path, (size_t)(name.p - path));
	TRY(rootfs_open(root_fd, parent, flags, 0, ret_fd));
	*ret_name = name.p;
	return NULL;
}

static FALLIBLE stat_in_root(int root_fd, const char *path, int flags, struct stat *ret)
{
	AUTO_FD int fd = open_in_root(root_fd, path, O_PATH | flags, 0);

	if (fd < 0)
		return error_sys("look at '%s'", *path ? path : "/");
	if (fstat(fd, ret) < 0)
		return error_sys("look at '%s'", path);
	return NULL;
}

FALLIBLE rootfs_lstat(int root_fd, const char *path, struct stat *ret)
{
	return stat_in_root(root_fd, path, O_NOFOLLOW, ret);
}

FALLIBLE rootfs_stat(int root_fd, const char *path, struct stat *ret)
{
	return stat_in_root(root_fd, path, 0, ret);
}

/* Make one directory, whose parent is there. Somebody else's making it first is fine. */
static FALLIBLE make_dir(int root_fd, const char *path, const struct owner_policy *policy,
		const struct owner *owner, int *ret_fd)
{
	struct owner directory = *owner;
	const char *name = NULL;
	AUTO_FD int parent_fd = -1;
	AUTO_FD int fd = -1;

	directory.mode = S_IFDIR | (owner->mode & 07777);
	TRY(rootfs_open_parent(root_fd, path, &parent_fd, &name));
	if (mkdirat(parent_fd, name, 0700) < 0) {
		if (errno != EEXIST)
			return error_sys("make directory '%s'", path);
		return rootfs_open(root_fd, path, O_RDONLY | O_DIRECTORY, 0, ret_fd);
	}
	TRY(file_open(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd));
	TRY(owner_set_fd(policy, fd, &directory));
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

/* The same for a path whose every component may be missing; path is resolved: no links in it. */
static FALLIBLE make_resolved(int root_fd, const char *path, const struct owner_policy *policy,
		const struct owner *owner, int *ret_fd)
{
	AUTO_FREE char *prefix = xstrdup(path);
	AUTO_FD int fd = -1;

	for (char *p = prefix; *p;) {
		p += strcspn(p + 1, "/") + 1;
		char was = *p;
		*p = '\0';
		int next = open_in_root(root_fd, prefix, O_RDONLY | O_DIRECTORY, 0);
		if (next < 0 && errno != ENOENT)
			return error_sys("make directory '%s'", prefix);
		if (next < 0)
			TRY(make_dir(root_fd, prefix, policy, owner, &next));
		if (fd >= 0)
			(void)close(fd);
		fd = next;
		*p = was;
	}
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

FALLIBLE rootfs_make_dirs(int root_fd, const char *path, const struct owner_policy *policy,
		const struct owner *owner, int *ret_fd)
{
	AUTO_FD int fd = open_in_root(root_fd, path, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0) {
		AUTO_FREE char *resolved = NULL;

		if (errno != ENOENT)
			return error_sys("make directory '%s'", path);
		TRY(rootfs_resolve(root_fd, path, &resolved));
		TRY(make_resolved(root_fd, resolved, policy, owner, &fd));
	}
	if (ret_fd)
		*ret_fd = TAKE_FD(fd);
	return NULL;
}

FALLIBLE rootfs_remove_tree(int root_fd, const char *path)
{
	const char *slashed = NULL;
	AUTO_FD int fd = -1;
	struct error *error = rootfs_open_parent(root_fd, path, &fd, &slashed);

	if (error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR)) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	AUTO_FREE char *name = xstrndup(slashed, strcspn(slashed, "/"));
	if (!*name)
		return error_new(ERR_INVALID, "'%s' is a root and is not removed", path);
	TRY_WRAP(file_remove_tree(fd, name), "remove '%s'", path);
	return NULL;
}

FALLIBLE rootfs_open_file(int root_fd, const char *path, int *ret_fd)
{
	AUTO_FD int fd = -1;
	struct stat st;

	TRY(rootfs_open(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd));
	if (fstat(fd, &st) < 0)
		return error_sys("look at '%s'", path);
	if (!S_ISREG(st.st_mode))
		return error_new(ERR_INVALID, "'%s' is not a regular file", path);
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

FALLIBLE rootfs_read_file(int root_fd, const char *path, size_t limit, char **ret, size_t *ret_n)
{
	AUTO_FD int fd = -1;

	TRY(rootfs_open_file(root_fd, path, &fd));
	TRY_WRAP(fd_read_all(fd, limit, ret, ret_n), "read '%s'", path);
	return NULL;
}

/* The target when path (resolved up to its last component) is a link, else NULL. */
static FALLIBLE read_link(int root_fd, const char *path, char **ret)
{
	char target[PATH_MAX];
	AUTO_FD int fd = open_in_root(root_fd, path, O_PATH | O_NOFOLLOW, 0);
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof(target));

	*ret = NULL;
	/* readlinkat says ENOENT of an fd that is not a link. */
	if (n < 0 && errno != ENOENT && errno != EINVAL)
		return error_sys("follow '%s'", path);
	if (n >= 0)
		*ret = xstrndup(target, (size_t)n);
	return NULL;
}

static void go_up(struct strbuf *done)
{
	size_t slash = str_find_last(strbuf_str(done), '/');

	strbuf_truncate(done, slash < done->n ? slash : 0);
}

/*
 * Component by component; a link's target is put before what is still to do. The result is only
 * text: whoever opens it goes through openat2 again, so races cannot lead out.
 */
FALLIBLE rootfs_resolve(int root_fd, const char *path, char **ret)
{
	AUTO(strbuf) struct strbuf done = { 0 };
	AUTO_FREE char *rest = xstrdup(path);
	unsigned links = 0;

	for (char *at = rest; *at;) {
		AUTO_FREE char *target = NULL;
		size_t n = strcspn(at, "/");
		struct str part = { at, n };
		size_t before = done.n;

		at += n + (at[n] == '/');
		if (n == 0 || str_is(part, "."))
			continue;
		if (str_is(part, "..")) {
			go_up(&done);
			continue;
		}
		strbuf_add_char(&done, '/');
		strbuf_add_str(&done, part);
		TRY(read_link(root_fd, strbuf_text(&done), &target));
		if (!target)
			continue;
		if (++links > LINKS_MAX)
			return error_errno(ELOOP, "follow '%s'", path);
		if (strlen(target) + strlen(at) > (size_t)LIMIT_PATH_BYTES * 2)
			return error_errno(ENAMETOOLONG, "follow '%s'", path);
		strbuf_truncate(&done, *target == '/' ? 0 : before);
		char *longer = xasprintf("%s/%s", target, at);
		free(rest);
		at = rest = longer;
	}
	if (done.n == 0)
		strbuf_add_char(&done, '/');
	*ret = strbuf_take(&done);
	return NULL;
}
