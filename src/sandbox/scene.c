#include "sandbox/scene.h"
#include "base/limits.h"
#include "base/log.h"
#include "sandbox/defaults.h"
#include "sys/fd.h"
#include "sys/mounts.h"
#include "sys/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static const char *text_of(const struct scene *scene, struct plan_text text)
{
	return plan_text_of(scene->plan, text);
}

static bool is_directory(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * A place of its own for each: what is attached where another mount is already lies on that one's
 * root, and would be cloned along with it. A file needs a file below it.
 */
static FALLIBLE hold(int mount_fd, size_t number)
{
	AUTO_FREE char *name = xasprintf("/ready/files/held-%zu", number);
	AUTO_FD int place_fd = -1;

	if (!is_directory(mount_fd)) {
		TRY(file_open(AT_FDCWD, name, O_WRONLY | O_CREAT | O_EXCL, 0600, &place_fd));
		return mount_attach(mount_fd, place_fd, name);
	}
	if (mkdir(name, 0700) < 0)
		return error_sys("create '%s'", name);
	TRY(file_open(AT_FDCWD, name, O_PATH | O_DIRECTORY, 0, &place_fd));
	return mount_attach(mount_fd, place_fd, name);
}

/* Directories came as detached mounts; overlays and binds want them in our own namespace. */
static FALLIBLE hold_trees(struct scene *scene)
{
	uint64_t is_held[(PLAN_FDS + 63) / 64] = { 0 };

	for (size_t i = 0; i < scene->plan->ops.n; i++) {
		const struct plan_op *op = &scene->plan->ops.p[i];
		bool is_tree = op->kind == PLAN_LOWER || op->kind == PLAN_UPPER ||
			       op->kind == PLAN_ROOT || op->kind == PLAN_BIND;

		if (!is_tree || (is_held[op->fd / 64] >> (op->fd % 64) & 1))
			continue;
		is_held[op->fd / 64] |= UINT64_C(1) << (op->fd % 64);
		TRY(hold(scene->fds[op->fd], i));
	}
	return NULL;
}

static FALLIBLE open_upper(const struct scene *scene, int *ret_upper, int *ret_work)
{
	const struct plan_op *op = &scene->plan->ops.p[scene->upper - 1];
	int fd = scene->fds[op->fd];
	const char *upper = op->text.n ? text_of(scene, op->text) : ".";
	const char *work = op->more.n ? text_of(scene, op->more) : ".";

	TRY(file_open(fd, upper, O_PATH | O_DIRECTORY, 0, ret_upper));
	return file_open(fd, work, O_PATH | O_DIRECTORY, 0, ret_work);
}

/*
 * For one layer that is only read: a clone of its directory would be writable to a step that may
 * mount, as the store's own; two layers without an upper never are.
 */
static FALLIBLE open_nothing(int *ret_fd)
{
	static const char name[] = "/ready/files/nothing";

	if (mkdir(name, 0700) < 0 && errno != EEXIST)
		return error_sys("create '%s'", name);
	return file_open(AT_FDCWD, name, O_PATH | O_DIRECTORY, 0, ret_fd);
}

/* Stack the layers gathered since the last time. */
static FALLIBLE stack(struct scene *scene, bool with_scaffold, int *ret_fd)
{
	AUTO_FREE struct mount_dir *dirs = xcalloc(scene->n_lower + 1, sizeof(*dirs));
	struct mount_overlay overlay = { .lower = dirs, .upper_fd = -1, .work_fd = -1 };
	AUTO_FD int scaffold_fd = -1;
	AUTO_FD int nothing_fd = -1;
	AUTO_FD int upper_fd = -1;
	AUTO_FD int work_fd = -1;

	for (size_t i = 0; i < scene->n_lower; i++) {
		const struct plan_op *op = &scene->plan->ops.p[scene->first_lower + i];

		dirs[overlay.n++] =
				(struct mount_dir){ scene->fds[op->fd], text_of(scene, op->text) };
	}
	if (with_scaffold) {
		TRY(file_open(AT_FDCWD, "/scaffold", O_PATH | O_DIRECTORY, 0, &scaffold_fd));
		dirs[overlay.n++] = (struct mount_dir){ scaffold_fd, NULL };
	}
	if (scene->upper) {
		TRY(open_upper(scene, &upper_fd, &work_fd));
		overlay.upper_fd = upper_fd;
		overlay.work_fd = work_fd;
		overlay.is_volatile = scene->plan->ops.p[scene->upper - 1].flags & PLAN_VOLATILE;
	}
	scene->n_lower = 0;
	scene->upper = 0;
	if (overlay.upper_fd >= 0)
		return mount_overlay(&overlay, ret_fd);
	if (overlay.n == 1) {
		TRY(open_nothing(&nothing_fd));
		dirs[overlay.n++] = (struct mount_dir){ nothing_fd, NULL };
	}
	return mount_overlay(&overlay, ret_fd);
}

/* mount_fd (taken) becomes the step's root. */
static FALLIBLE set_root(struct scene *scene, int mount_fd)
{
	AUTO_FD int target_fd = -1;

	scene->targets.root_fd = mount_fd;
	TRY(file_open(AT_FDCWD, "/root", O_PATH, 0, &target_fd));
	return mount_attach(mount_fd, target_fd, "/");
}

static FALLIBLE do_overlay(struct scene *scene, const struct plan_op *op)
{
	int fd = -1;

	TRY(stack(scene, op->flags & PLAN_SCAFFOLD, &fd));
	return set_root(scene, fd);
}

static FALLIBLE do_root(struct scene *scene, const struct plan_op *op)
{
	AUTO_FD int dir_fd = -1;
	AUTO_FD int mount_fd = -1;

	TRY(file_open(scene->fds[op->fd], op->text.n ? text_of(scene, op->text) : ".",
			O_PATH | O_DIRECTORY, 0, &dir_fd));
	TRY(mount_clone(dir_fd, NULL, true, &mount_fd));
	TRY(mount_set(mount_fd, NULL, MOUNT_ATTR_NODEV, true));
	return set_root(scene, TAKE_FD(mount_fd));
}

/* Move what was made ready onto path in the root. */
static FALLIBLE place(struct scene *scene, const char *ready, const char *path)
{
	AUTO_FD int target_fd = -1;

	TRY(target_open(&scene->targets, path, true, &target_fd));
	if (move_mount(AT_FDCWD, ready, target_fd, "", MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return error_sys("mount on '%s'", path);
	return NULL;
}

static FALLIBLE do_proc(struct scene *scene, const struct plan_op *op)
{
	bool is_partly = (op->flags & PLAN_MASKED) && scene->unmask.n;
	AUTO_FD int fd = -1;

	if (!(op->flags & PLAN_MASKED) || is_partly)
		TRY(stage_unmask(scene->stage));
	if (is_partly) {
		TRY(file_open(AT_FDCWD, "/ready/proc", O_PATH | O_DIRECTORY, 0, &fd));
		TRY(stage_mask(fd, "/proc", default_proc_paths, &scene->unmask));
	}
	return place(scene, "/ready/proc", "/proc");
}

/* What is not there needs no hiding. */
static FALLIBLE do_mask(struct scene *scene, const struct plan_op *op)
{
	const char *path = text_of(scene, op->text);
	AUTO_FD int target_fd = -1, mount_fd = -1;
	struct error *error = rootfs_open(scene->targets.root_fd, path, O_PATH, 0, &target_fd);

	if (error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR)) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	TRY(stage_cover(is_directory(target_fd), &mount_fd));
	return mount_attach(mount_fd, target_fd, path);
}

static FALLIBLE do_sys(struct scene *scene, const struct plan_op *op)
{
	const char *from = "/sys";
	AUTO_FD int sys_fd = -1;

	if (!(op->flags & PLAN_HOST_NET)) {
		TRY(stage_own_sysfs());
		from = "/ready/sys";
	}
	TRY(place(scene, from, "/sys"));
	TRY(rootfs_open(scene->targets.root_fd, "/sys", O_PATH | O_DIRECTORY, 0, &sys_fd));
	return (op->flags & PLAN_MASKED)
			       ? stage_mask(sys_fd, "/sys", default_sys_paths, &scene->unmask)
			       : NULL;
}

static FALLIBLE attach_restricted(int mount_fd, const struct plan_op *op, bool is_recursive)
{
	unsigned attributes = 0;

	if (!(op->flags & PLAN_DEVICE))
		attributes |= MOUNT_ATTR_NODEV;
	if (!(op->flags & PLAN_SET_ID))
		attributes |= MOUNT_ATTR_NOSUID;
	if (op->flags & PLAN_READ_ONLY)
		attributes |= MOUNT_ATTR_RDONLY;
	if (op->flags & PLAN_NO_EXEC)
		attributes |= MOUNT_ATTR_NOEXEC;
	TRY(mount_set(mount_fd, NULL, attributes, is_recursive));
	return op->propagation ? mount_propagate(mount_fd, op->propagation, op->flags & PLAN_DEEP)
			       : NULL;
}

static FALLIBLE attach_on(struct scene *scene, int mount_fd, const struct plan_op *op)
{
	AUTO_FD int target_fd = -1;
	const char *path = text_of(scene, op->text);

	TRY(target_open(&scene->targets, path, is_directory(mount_fd), &target_fd));
	return mount_attach(mount_fd, target_fd, path);
}

static FALLIBLE do_dev(struct scene *scene, const struct plan_op *op)
{
	TRY(place(scene, "/ready/dev", "/dev"));
	if (scene->stage->has_host_ipc || op->number == scene->stage->shm_bytes)
		return NULL;

	char size[24];
	const struct mount_option options[] = { { "source", "shm" }, { "mode", "1777" },
		{ "size", size } };
	AUTO_FD int mount_fd = -1;
	AUTO_FD int target_fd = -1;
	(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)op->number);
	TRY(mount_new("tmpfs", options, COUNT(options),
			MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, &mount_fd));
	TRY(rootfs_open(scene->targets.root_fd, "/dev/shm", O_PATH | O_DIRECTORY, 0, &target_fd));
	return mount_attach(mount_fd, target_fd, "/dev/shm");
}

/* Where one id is mapped, another owner is recorded: tmpfs can since Linux 6.6. */
static FALLIBLE give_file(const struct scene *scene, const struct plan_op *op, int fd)
{
	static const struct owner_policy recorded = { .kind = OWNER_RECORDED };
	const struct owner owner = { .uid = (uint32_t)(op->number >> 32),
		.gid = (uint32_t)op->number,
		.mode = S_IFREG | op->mode };

	if (op->number && fchown(fd, owner.uid, owner.gid) < 0) {
		if (errno != EINVAL)
			return error_sys("set the owner of '%s'", text_of(scene, op->text));
		struct error *error = owner_set_fd(&recorded, fd, &owner);
		bool is_recorded = !error;
		error_ignore(error, "it stays the root's");
		if (is_recorded)
			return NULL;
	}
	if (fchmod(fd, op->mode) < 0)
		return error_sys("set the mode of '%s'", text_of(scene, op->text));
	return NULL;
}

static FALLIBLE do_file(struct scene *scene, const struct plan_op *op)
{
	AUTO_FREE char *name = xasprintf("/ready/files/%u", scene->n_content++);
	AUTO_FD int fd = -1;
	AUTO_FD int mount_fd = -1;

	TRY(file_open(AT_FDCWD, name, O_WRONLY | O_CREAT | O_EXCL, 0600, &fd));
	TRY(fd_write_all(fd, text_of(scene, op->more), op->more.n));
	TRY(give_file(scene, op, fd));
	TRY(mount_clone(AT_FDCWD, name, false, &mount_fd));
	if (op->flags & PLAN_READ_ONLY)
		TRY(attach_restricted(mount_fd, op, false));
	return attach_on(scene, mount_fd, op);
}

static FALLIBLE do_bind(struct scene *scene, const struct plan_op *op)
{
	int fd = scene->fds[op->fd];
	AUTO_FD int from_fd = -1;
	AUTO_FD int mount_fd = -1;

	if (op->more.n)
		TRY_WRAP(rootfs_open(fd, text_of(scene, op->more), O_PATH, 0, &from_fd),
				"bind '%s'", text_of(scene, op->more));
	TRY(mount_clone(from_fd >= 0 ? from_fd : fd, NULL, !(op->flags & PLAN_FLAT), &mount_fd));
	TRY(attach_restricted(mount_fd, op, true));
	return attach_on(scene, mount_fd, op);
}

/* What op says of a merge, or nothing where that is allowed to lack. */
static FALLIBLE open_part(const struct scene *scene, const struct plan_op *op, int merged_fd,
		int *ret_mount_fd)
{
	AUTO_FD int from_fd = -1;
	struct error *error = rootfs_open(merged_fd, text_of(scene, op->more), O_PATH, 0, &from_fd);
	bool lacks = error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR);
	char mode[16];

	if (lacks && (op->flags & PLAN_MAY_LACK)) {
		error_free(error);
		(void)snprintf(mode, sizeof(mode), "%o", op->mode);
		return mount_new("tmpfs", &(struct mount_option){ "mode", mode }, 1, 0,
				ret_mount_fd);
	}
	TRY_WRAP(error, "bind '%s'", text_of(scene, op->more));
	return mount_clone(from_fd, NULL, true, ret_mount_fd);
}

static FALLIBLE do_merge(struct scene *scene, const struct plan_op *op)
{
	AUTO_FD int hold_fd = -1;
	AUTO_FD int merged_fd = -1;
	AUTO_FD int mount_fd = -1;

	TRY(stack(scene, false, &merged_fd));
	if (op->more.n) {
		/* Only a mount of our namespace can be bound from. */
		TRY(file_open(AT_FDCWD, "/hold", O_PATH, 0, &hold_fd));
		TRY(mount_attach(merged_fd, hold_fd, "/hold"));
		TRY(open_part(scene, op, merged_fd, &mount_fd));
	} else {
		mount_fd = TAKE_FD(merged_fd);
	}
	TRY(attach_restricted(mount_fd, op, false));
	return attach_on(scene, mount_fd, op);
}

static FALLIBLE new_tmpfs(const struct plan_op *op, bool has_owner, int *ret_fd)
{
	char mode[16], size[24], uid[16], gid[16];
	struct mount_option options[4] = { { "mode", mode } };
	size_t n = 1;

	(void)snprintf(mode, sizeof(mode), "%o", op->mode);
	(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)op->number);
	(void)snprintf(uid, sizeof(uid), "%u", (unsigned)(op->second >> 32));
	(void)snprintf(gid, sizeof(gid), "%u", (unsigned)op->second);
	if (op->number)
		options[n++] = (struct mount_option){ "size", size };
	if (has_owner && op->second >> 32)
		options[n++] = (struct mount_option){ "uid", uid };
	if (has_owner && (uint32_t)op->second)
		options[n++] = (struct mount_option){ "gid", gid };
	return mount_new("tmpfs", options, n, 0, ret_fd);
}

/* Where one id is mapped, another owner is recorded, as give_file() does. */
static FALLIBLE record_tmpfs(const struct plan_op *op, int mount_fd)
{
	static const struct owner_policy recorded = { .kind = OWNER_RECORDED };
	const struct owner owner = { .uid = (uint32_t)(op->second >> 32),
		.gid = (uint32_t)op->second,
		.mode = S_IFDIR | op->mode };
	AUTO_FD int fd = -1;

	TRY(file_open(mount_fd, ".", O_RDONLY | O_DIRECTORY, 0, &fd));
	error_ignore(owner_set_fd(&recorded, fd, &owner), "it stays the root's");
	return NULL;
}

static FALLIBLE do_tmpfs(struct scene *scene, const struct plan_op *op)
{
	AUTO_FD int mount_fd = -1;
	struct error *error = new_tmpfs(op, true, &mount_fd);

	if (op->second && error_is_errno(error, EINVAL)) {
		error_free(error);
		TRY(new_tmpfs(op, false, &mount_fd));
		error = record_tmpfs(op, mount_fd);
	}
	TRY(error);
	TRY(attach_restricted(mount_fd, op, false));
	return attach_on(scene, mount_fd, op);
}

static FALLIBLE loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_sys("bring the loopback interface up");
	return NULL;
}

static FALLIBLE do_network(struct scene *scene, const struct plan_op *op)
{
	if (op->flags & PLAN_HOST_NET)
		return NULL;
	if (op->fd >= 0) {
		if (setns(scene->fds[op->fd], CLONE_NEWNET) < 0)
			return error_sys("join the build's network namespace");
		return NULL;
	}
	if (unshare(CLONE_NEWNET) < 0)
		return error_sys("make a network namespace");
	return loopback_up();
}

static FALLIBLE do_hostname(struct scene *scene, const struct plan_op *op)
{
	if (sethostname(text_of(scene, op->text), op->text.n) == 0)
		return NULL;
	/* A container's system call filter may forbid just this (podman's does). */
	if (errno != EPERM)
		return error_sys("set the host name '%s'", text_of(scene, op->text));
	stage_note(scene->stage->notes, "the host name stays: this container may not change it");
	return NULL;
}

static FALLIBLE do_enter(struct scene *scene)
{
	if (scene->targets.root_fd < 0)
		return error_new(ERR_INVALID, "a plan without a root");
	if (fchdir(scene->targets.root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
			umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return error_sys("enter the step's root");
	return NULL;
}

static FALLIBLE carry_out(struct scene *scene, size_t i)
{
	const struct plan_op *op = &scene->plan->ops.p[i];

	/* Everything below the root comes after it. */
	if (scene->targets.root_fd < 0 && op->kind > PLAN_ROOT && op->kind < PLAN_ENTER &&
			op->kind != PLAN_NETWORK)
		return error_new(ERR_INVALID, "a plan that mounts before it has a root");
	switch ((enum plan_kind)op->kind) {
	case PLAN_HOSTNAME:
		return do_hostname(scene, op);
	case PLAN_LOWER:
		if (scene->n_lower == 0)
			scene->first_lower = i;
		if (i != scene->first_lower + scene->n_lower++)
			return error_new(ERR_INVALID, "a plan whose layers are scattered");
		return NULL;
	case PLAN_UPPER:
		scene->upper = i + 1;
		return NULL;
	case PLAN_OVERLAY:
		return do_overlay(scene, op);
	case PLAN_ROOT:
		return do_root(scene, op);
	case PLAN_NETWORK:
		return do_network(scene, op);
	case PLAN_UNMASK:
		list_add(&scene->unmask, text_of(scene, op->text));
		return NULL;
	case PLAN_MASK:
		return do_mask(scene, op);
	case PLAN_PROC:
		return do_proc(scene, op);
	case PLAN_SYS:
		return do_sys(scene, op);
	case PLAN_DEV:
		return do_dev(scene, op);
	case PLAN_FILE:
		return do_file(scene, op);
	case PLAN_BIND:
		return do_bind(scene, op);
	case PLAN_MERGE:
		return do_merge(scene, op);
	case PLAN_TMPFS:
		return do_tmpfs(scene, op);
	case PLAN_ENTER:
		return do_enter(scene);
	case PLAN_LIMIT:
	case PLAN_CGROUP:
	case PLAN_INPUT:
	case PLAN_OUTPUT:
	case PLAN_ERRORS:
	case PLAN_GROUP:
	case PLAN_USER:
	case PLAN_CAPABILITIES:
	case PLAN_SECCOMP:
	case PLAN_RECORD:
	case PLAN_NO_NEW_PRIVILEGES:
	case PLAN_UMASK:
	case PLAN_DIRECTORY:
	case PLAN_VARIABLE:
	case PLAN_ARGUMENT:
	case PLAN_EXEC:
		return error_new(ERR_INVALID, "a plan that never enters its root");
	}
	return NULL;
}

FALLIBLE scene_set(struct scene *scene, size_t *ret_next)
{
	scene->targets.root_fd = -1;
	TRY(hold_trees(scene));
	for (size_t i = 0; i < scene->plan->ops.n; i++) {
		TRY(carry_out(scene, i));
		if (scene->plan->ops.p[i].kind == PLAN_ENTER) {
			*ret_next = i + 1;
			return NULL;
		}
	}
	return error_new(ERR_INVALID, "a plan that never enters its root");
}

void scene_clear(struct scene *scene)
{
	if (!scene->targets.n)
		return;
	/* Everything mounted below the root goes, so that what was made for it can. */
	for (size_t i = scene->targets.n; i > 0; i--) {
		const struct made *made = &scene->targets.p[i - 1];
		AUTO_FREE char *path =
				xasprintf("/proc/self/fd/%d/%s", made->parent_fd, made->name);

		while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			;
	}
	targets_undo(&scene->targets);
}

void scene_done(struct scene *scene)
{
	if (scene->targets.root_fd > 0)
		(void)close(scene->targets.root_fd);
	targets_done(&scene->targets);
	list_done(&scene->unmask);
}
