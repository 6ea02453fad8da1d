#include "sandbox/target.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/vec.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <sys/mount.h>

void targets_done(struct targets *targets)
{
	for (size_t i = 0; i < targets->n; i++) {
		(void)close(targets->p[i].parent_fd);
		free(targets->p[i].name);
	}
	vec_done(targets);
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Make name in parent_fd (taken), and remember it. */
static FALLIBLE make(struct targets *targets, int parent_fd, const char *name, bool is_directory)
{
	struct made *made = vec_add(targets);

	made->parent_fd = parent_fd;
	made->name = xstrdup(name);
	if (fstat(parent_fd, &made->parent_before) < 0)
		return error_sys("look at the directory of '%s'", name);
	if (is_directory) {
		if (mkdirat(parent_fd, name, 0755) < 0)
			return error_sys("make the mount point '%s'", name);
	} else {
		AUTO_FD int fd = openat(parent_fd, name,
				O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

		if (fd < 0)
			return error_sys("make the mount point '%s'", name);
	}
	if (fstatat(parent_fd, name, &made->itself, AT_SYMLINK_NOFOLLOW) < 0 ||
			fstat(parent_fd, &made->parent_after) < 0)
		return error_sys("look at the mount point '%s'", name);
	return NULL;
}

/* Make every missing component of path, a resolved one: no links are in it. */
static FALLIBLE make_path(struct targets *targets, const char *path, bool is_directory)
{
	AUTO_FREE char *clean = path_clean(str_of(path));
	struct str whole = str_of(clean);

	for (size_t end = 0; end < whole.n;) {
		AUTO_FREE char *part = NULL;
		struct stat st;
		size_t next = end + str_find(str_slice(whole, end, whole.n), '/');

		part = str_dup(str_slice(whole, 0, next));
		end = next + 1;
		struct error *error = rootfs_lstat(targets->root_fd, part, &st);
		if (!error)
			continue;
		if (!error_is_errno(error, ENOENT))
			return error;
		error_free(error);

		int parent_fd = -1;
		const char *name = NULL;
		TRY(rootfs_open_parent(targets->root_fd, part, &parent_fd, &name));
		TRY(make(targets, parent_fd, name, is_directory || next < whole.n));
	}
	return NULL;
}

FALLIBLE target_open(struct targets *targets, const char *path, bool is_directory, int *ret_fd)
{
	int flags = O_PATH | (is_directory ? O_DIRECTORY : 0);
	struct error *error = rootfs_open(targets->root_fd, path, flags, 0, ret_fd);

	if (!error)
		return NULL;
	if (!error_is_errno(error, ENOENT))
		return error_wrap(error, "mount on '%s'", path);
	error_free(error);

	AUTO_FREE char *resolved = NULL;
	TRY_WRAP(rootfs_resolve(targets->root_fd, path, &resolved), "mount on '%s'", path);
	TRY_WRAP(make_path(targets, resolved, is_directory), "mount on '%s'", path);
	TRY_WRAP(rootfs_open(targets->root_fd, resolved, flags, 0, ret_fd), "mount on '%s'", path);
	return NULL;
}

static void undo(const struct made *made)
{
	struct stat st;
	bool is_directory = S_ISDIR(made->itself.st_mode);

	if (fstatat(made->parent_fd, made->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			st.st_ino != made->itself.st_ino || st.st_mode != made->itself.st_mode ||
			st.st_uid != made->itself.st_uid || st.st_gid != made->itself.st_gid)
		return;
	if (!is_directory && (st.st_size || !same_time(st.st_mtim, made->itself.st_mtim)))
		return;
	struct stat parent;
	bool is_quiet = fstat(made->parent_fd, &parent) == 0 &&
			same_time(parent.st_mtim, made->parent_after.st_mtim);
	/* A directory with something in it stays: that is the step's. */
	if (unlinkat(made->parent_fd, made->name, is_directory ? AT_REMOVEDIR : 0) < 0) {
		log_debug("mount point '%s' stays: %s", made->name, strerrordesc_np(errno));
		return;
	}
	if (!is_quiet)
		return;
	const struct timespec times[2] = { made->parent_before.st_atim,
		made->parent_before.st_mtim };
	char path[32];
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", made->parent_fd);
	if (futimens(made->parent_fd, times) < 0)
		(void)utimensat(AT_FDCWD, path, times, 0);
}

void targets_undo(struct targets *targets)
{
	for (size_t i = targets->n; i > 0; i--)
		undo(&targets->p[i - 1]);
}
