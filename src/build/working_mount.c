/*
 * A working container mounted where its user sees it: in the mount namespace that kiln was started
 * in, which its own is a copy of. The overlay is made in ours, detached, and attached by a thread
 * that goes over for that.
 *
 * As root, files of a container are owned by ids far away; the overlay is made over ID-mapped
 * mounts of its directories, so that its user sees the owners that the image says and can add
 * files.
 */
#include "build/working.h"
#include "build/working_inner.h"
#include "sys/fd.h"
#include "sys/idmount.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

/* One thing done in the other namespace. */
struct visit_there {
	int host_fd;
	int mount_fd; /* -1: take away what is at path */
	const char *path;
	bool is_question; /* only look */
	bool is_for_good; /* the directory goes, too */
	bool is_mounted;
	struct error *error;
};

/* The root of a mount has another mount id than the directory that holds it. */
static bool is_mount_point(const char *path)
{
	struct statx at = { 0 };

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &at) == 0 &&
	       (at.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static FALLIBLE do_there(struct visit_there *there)
{
	if (unshare(CLONE_FS) < 0 || setns(there->host_fd, CLONE_NEWNS) < 0)
		return error_sys("enter the mount namespace of the caller");
	there->is_mounted = is_mount_point(there->path);
	if (there->is_question)
		return NULL;
	if (there->mount_fd < 0) {
		if (there->is_mounted && umount2(there->path, MNT_DETACH) < 0)
			return error_sys("unmount '%s'", there->path);
		/* In our namespace a copy of the mount still holds it. */
		if (there->is_for_good)
			(void)rmdir(there->path);
		return NULL;
	}
	if (move_mount(there->mount_fd, "", AT_FDCWD, there->path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys("mount on '%s'", there->path);
	return NULL;
}

static void *there_thread(void *argument)
{
	struct visit_there *there = argument;

	there->error = do_there(there);
	return NULL;
}

static FALLIBLE visit(struct visit_there *there)
{
	pthread_t thread;
	int number = pthread_create(&thread, NULL, there_thread, there);

	if (number)
		return error_errno(number, "start a thread");
	(void)pthread_join(thread, NULL);
	return there->error;
}

/* The directories as an overlay wants them, with ids mapped where that is needed. */
struct mapped {
	int layers_fd, dir_fd; /* -1: as they are */
};

static void mapped_done(struct mapped *mapped)
{
	if (mapped->layers_fd >= 0)
		(void)close(mapped->layers_fd);
	if (mapped->dir_fd >= 0)
		(void)close(mapped->dir_fd);
}

DEFINE_AUTO_VALUE(mapped)

static FALLIBLE map_ids(struct working *working, struct mapped *ret)
{
	const struct userns *userns = working->with.userns;

	if (userns->owner.kind == OWNER_RECORDED)
		return error_hint(error_new(ERR_UNSUPPORTED, "without subordinate ids a container "
							     "cannot be mounted with its owners"),
				"give the user a range in /etc/subuid and /etc/subgid, or use "
				"'run' "
				"and 'copy'");
	if (userns->owner.kind != OWNER_SHIFTED)
		return NULL;
	TRY(idmount_clone(working->build.layers.layers_fd, NULL,
			&(struct id_maps){ userns->uids, userns->gids }, IDMOUNT_IN,
			&ret->layers_fd));
	return idmount_clone(working->dir_fd, NULL, &(struct id_maps){ userns->uids, userns->gids },
			IDMOUNT_IN, &ret->dir_fd);
}

static FALLIBLE merge_mapped(struct working *working, const struct mapped *mapped, int *ret_fd)
{
	AUTO_FD int upper_fd = -1, work_fd = -1, fresh_fd = -1;
	int dir_fd = mapped->dir_fd >= 0 ? mapped->dir_fd : working->dir_fd;
	size_t n = 0;

	TRY(working_fresh_work(working, "mount-work", &fresh_fd));
	working_drop_old(working, "mount-work");
	if (!working->stack.n)
		return mount_clone(dir_fd, "upper", false, ret_fd);
	AUTO_FREE struct mount_dir *dirs = working_dirs(working, false, &n);
	for (size_t i = 0; mapped->layers_fd >= 0 && i < n; i++)
		dirs[i].fd = mapped->layers_fd;
	TRY(file_open(dir_fd, "upper", O_RDONLY | O_DIRECTORY, 0, &upper_fd));
	TRY(file_open(dir_fd, "mount-work", O_RDONLY | O_DIRECTORY, 0, &work_fd));
	struct mount_overlay overlay = {
		.lower = dirs,
		.n = n,
		.upper_fd = upper_fd,
		.work_fd = work_fd,
		.is_volatile = true,
	};
	return mount_overlay(&overlay, ret_fd);
}

static FALLIBLE attach_here(int mount_fd, const char *path)
{
	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		return error_sys("make '%s'", path);
	if (move_mount(mount_fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys("mount on '%s'", path);
	return NULL;
}

FALLIBLE working_mount(struct working *working, int host_fd, const char *path)
{
	AUTO(mapped) struct mapped mapped = { -1, -1 };
	AUTO_FD int mount_fd = -1;
	struct container *container = working->container;

	TRY(working_prepare(working));
	TRY(map_ids(working, &mapped));
	TRY(merge_mapped(working, &mapped, &mount_fd));
	struct visit_there there = { .host_fd = host_fd, .mount_fd = mount_fd, .path = path };
	if (host_fd < 0)
		TRY(attach_here(mount_fd, path));
	else
		TRY(visit(&there));
	if (text_equal(container->mount_point, path))
		return NULL;
	free(container->mount_point);
	container->mount_point = xstrdup(path);
	return container_save(container);
}

FALLIBLE working_unmount(int host_fd, const char *path, bool for_good)
{
	struct visit_there there = {
		.host_fd = host_fd, .mount_fd = -1, .path = path, .is_for_good = for_good
	};

	return visit(&there);
}

bool working_is_mounted(int host_fd, const char *path)
{
	struct visit_there there = { .host_fd = host_fd, .path = path, .is_question = true };

	error_ignore(visit(&there), "then it is not");
	return there.is_mounted;
}
