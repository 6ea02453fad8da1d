#include "sandbox/stage.h"
#include "base/auto.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "sandbox/bare_tree.h"
#include "sandbox/defaults.h"
#include "sys/fd.h"
#include "sys/mounts.h"
#include "sys/userns.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { CLOSED = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };

void stage_note(struct strbuf *notes, const char *text)
{
	if (strstr(strbuf_text(notes), text))
		return;
	strbuf_addf(notes, "%s%s", notes->n ? "; " : "", text);
}

static FALLIBLE make_dir(int dir_fd, const char *path, mode_t mode)
{
	if (mkdirat(dir_fd, path, mode) < 0)
		return error_sys("make '%s'", path);
	return NULL;
}

static FALLIBLE make_file(int dir_fd, const char *path, mode_t mode)
{
	AUTO_FD int fd = -1;

	return file_open(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL, mode, &fd);
}

static FALLIBLE attach_at(int mount_fd, int dir_fd, const char *path)
{
	AUTO_FD int target_fd = -1;

	TRY(file_open(dir_fd, path, O_PATH, 0, &target_fd));
	return mount_attach(mount_fd, target_fd, path);
}

static FALLIBLE attach_new(const char *type, const struct mount_option *options, size_t n,
		unsigned attributes, int dir_fd, const char *path)
{
	AUTO_FD int mount_fd = -1;

	TRY(mount_new(type, options, n, attributes, &mount_fd));
	return attach_at(mount_fd, dir_fd, path);
}

static FALLIBLE make_scaffold(int root_fd)
{
	AUTO_FD int fd = -1;

	TRY(make_dir(root_fd, "scaffold", 0755));
	TRY(file_open(root_fd, "scaffold", O_RDONLY | O_DIRECTORY, 0, &fd));
	for (const struct default_directory *dir = default_scaffold; dir->path; dir++)
		TRY(make_dir(fd, dir->path, dir->mode));
	for (const char *const *file = default_scaffold_files; *file; file++)
		TRY(make_file(fd, *file, 0644));
	return NULL;
}

static FALLIBLE bring_devices(int root_fd)
{
	TRY(make_dir(root_fd, "dev", 0755));
	for (const char *const *name = default_devices; *name; name++) {
		AUTO_FREE char *path = xasprintf("/dev/%s", *name);
		AUTO_FD int mount_fd = -1;
		struct error *error = mount_clone(AT_FDCWD, path, false, &mount_fd);

		if (error) {
			error_ignore(error, "a step does without that device");
			continue;
		}
		TRY(make_file(root_fd, path + 1, 0666));
		TRY(attach_at(mount_fd, root_fd, path + 1));
	}
	return NULL;
}

static FALLIBLE bring(int root_fd, const char *name, unsigned attributes)
{
	AUTO_FREE char *path = xasprintf("/%s", name);
	AUTO_FD int mount_fd = -1;

	TRY(mount_clone(AT_FDCWD, path, true, &mount_fd));
	if (attributes)
		TRY(mount_set(mount_fd, NULL, attributes, true));
	TRY(make_dir(root_fd, name, 0555));
	return attach_at(mount_fd, root_fd, name);
}

/* One that was made for a namespace that was joined, else the host's. */
static FALLIBLE bring_made(int root_fd, const char *name, unsigned attributes, int *made_fd)
{
	if (*made_fd < 0)
		return bring(root_fd, name, attributes);
	AUTO_FD int mount_fd = TAKE_FD(*made_fd);
	TRY(make_dir(root_fd, name, 0555));
	return attach_at(mount_fd, root_fd, name);
}

/* The host's may not be there, as in a container without them. */
static FALLIBLE bring_ipc(int root_fd, struct namespaces_mounts *mounts)
{
	AUTO_FD int shm_fd = -1;
	AUTO_FD int mqueue_fd = TAKE_FD(mounts->mqueue_fd);

	if (mounts->has_host_ipc)
		error_ignore(mount_clone(AT_FDCWD, "/dev/shm", true, &shm_fd), "none is there");
	if (mounts->has_host_ipc && mqueue_fd < 0)
		error_ignore(mount_clone(AT_FDCWD, "/dev/mqueue", true, &mqueue_fd),
				"none is there");
	if (shm_fd >= 0) {
		TRY(mount_set(shm_fd, NULL, CLOSED, true));
		TRY(attach_at(shm_fd, root_fd, "shared/shm"));
	}
	if (mqueue_fd < 0)
		return NULL;
	TRY(mount_set(mqueue_fd, NULL, CLOSED, true));
	return attach_at(mqueue_fd, root_fd, "shared/mqueue");
}

static FALLIBLE make_empty(int root_fd)
{
	AUTO_FD int mount_fd = -1;

	TRY(make_dir(root_fd, "empty", 0555));
	TRY(mount_clone(root_fd, "empty", false, &mount_fd));
	TRY(mount_set(mount_fd, NULL, MOUNT_ATTR_RDONLY | CLOSED, false));
	return attach_at(mount_fd, root_fd, "empty");
}

FALLIBLE stage_build(struct namespaces_mounts *mounts)
{
	static const char *const dirs[] = { "root", "hold", "ready", "ready/proc", "ready/dev",
		"ready/files", "ready/sys", "shared", "shared/shm", "shared/mqueue" };
	AUTO_FD int root_fd = -1;

	TRY(userns_own_mounts());
	mode_t mask = umask(0);
	struct error *error = mount_new(
			"tmpfs", &(struct mount_option){ "mode", "755" }, 1, CLOSED, &root_fd);

	if (!error)
		error = attach_at(root_fd, AT_FDCWD, "/proc/fs");
	for (size_t i = 0; !error && i < COUNT(dirs); i++)
		error = make_dir(root_fd, dirs[i], 0755);
	if (!error)
		error = make_empty(root_fd);
	if (!error)
		error = make_scaffold(root_fd);
	if (!error)
		error = bring_devices(root_fd);
	if (!error)
		error = bring_ipc(root_fd, mounts);
	if (!error)
		error = bring_made(root_fd, "sys", MOUNT_ATTR_RDONLY | CLOSED, &mounts->sys_fd);
	if (!error)
		error = bring_made(root_fd, "proc", 0, &mounts->proc_fd);
	(void)umask(mask);
	TRY(error);
	if (fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
			umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return error_sys("leave the host's files");
	return NULL;
}

/* The device moves with the step's /dev; before that an image's own file is not it. */
FALLIBLE stage_cover(bool is_directory, int *ret_mount_fd)
{
	static const char *const nulls[] = { "/ready/dev/null", "/root/dev/null", "/dev/null" };

	if (is_directory)
		return mount_clone(AT_FDCWD, "/empty", false, ret_mount_fd);
	for (size_t i = 0; i < COUNT(nulls); i++)
		if (access(nulls[i], F_OK) == 0)
			return mount_clone(AT_FDCWD, nulls[i], false, ret_mount_fd);
	return error_new(ERR_UNSUPPORTED, "there is no /dev/null to hide files with");
}

static FALLIBLE hide(int fd, const struct default_path *path)
{
	AUTO_FD int target_fd = openat(fd, path->path, O_PATH | O_CLOEXEC);
	AUTO_FD int mount_fd = -1;
	struct stat st;

	if (target_fd < 0 && (errno == ENOENT || errno == EACCES))
		return NULL;
	if (target_fd < 0 || fstat(target_fd, &st) < 0)
		return error_sys("find '%s'", path->path);
	if (path->is_read_only) {
		TRY(mount_clone(target_fd, NULL, true, &mount_fd));
		TRY(mount_set(mount_fd, NULL, MOUNT_ATTR_RDONLY | CLOSED, true));
	} else {
		TRY(stage_cover(S_ISDIR(st.st_mode), &mount_fd));
	}
	return mount_attach(mount_fd, target_fd, path->path);
}

static bool is_unmasked(const char *base, const char *path, const struct list *unmask)
{
	AUTO_FREE char *full = xasprintf("%s/%s", base, path);

	for (size_t i = 0; unmask && i < unmask->n; i++)
		if (strcasecmp(unmask->p[i], "all") == 0 ||
				fnmatch(unmask->p[i], full, FNM_PATHNAME) == 0)
			return true;
	return false;
}

FALLIBLE stage_mask(int fd, const char *base, const struct default_path *paths,
		const struct list *unmask)
{
	for (; paths->path; paths++)
		if (!is_unmasked(base, paths->path, unmask))
			TRY_WRAP(hide(fd, paths), "hide '%s'", paths->path);
	return NULL;
}

/*
 * Our own /proc, or where the kernel refuses (parts of ours are hidden, or the pid namespace is not
 * ours), the one we have.
 */
static FALLIBLE open_proc(struct stage *stage, int *ret_fd)
{
	struct error *error = mount_new("proc", NULL, 0, CLOSED, ret_fd);

	if (!error_is_errno(error, EPERM))
		return error;
	error_free(error);
	TRY(mount_clone(AT_FDCWD, "/proc", true, ret_fd));
	if (stage->shares_pids)
		return mount_set(*ret_fd, NULL, CLOSED, true);
	stage->has_outer_proc = true;
	stage_note(stage->notes, "/proc is the outer one: a fresh one was refused");
	return NULL;
}

static FALLIBLE ready_proc(struct stage *stage)
{
	AUTO_FD int mount_fd = -1;

	TRY(open_proc(stage, &mount_fd));
	TRY(attach_at(mount_fd, AT_FDCWD, "/ready/proc"));
	if (stage->shares_pids)
		TRY(file_open(AT_FDCWD, "/ready/proc", O_RDONLY | O_DIRECTORY, 0, &stage->proc_fd));
	if (stage->shares_pids && !bare_tree_is_seen(stage->proc_fd))
		return error_new(ERR_UNSUPPORTED, "a pid namespace cannot be shared where /proc "
						  "shows another one's numbers");
	return stage_mask(mount_fd, "/proc", default_proc_paths, NULL);
}

static FALLIBLE ready_devpts(int dev_fd)
{
	static const struct mount_option options[] = { { "ptmxmode", "0666" }, { "mode", "0620" },
		{ "gid", "5" } };
	AUTO_FD int mount_fd = -1;
	unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	struct error *error = mount_new("devpts", options, COUNT(options), attributes, &mount_fd);

	/* Group 5 (tty) is not mapped where there is one id only. */
	if (error_is_errno(error, EINVAL)) {
		error_free(error);
		error = mount_new("devpts", options, COUNT(options) - 1, attributes, &mount_fd);
	}
	TRY(error);
	return attach_at(mount_fd, dev_fd, "pts");
}

/* Move a mount of the stage's to name in dev_fd. */
static FALLIBLE move_to(int dev_fd, const char *path, const char *name)
{
	AUTO_FD int target_fd = -1;

	TRY(file_open(dev_fd, name, O_PATH, 0, &target_fd));
	if (move_mount(AT_FDCWD, path, target_fd, "", MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return error_sys("bring '%s'", path);
	return NULL;
}

static FALLIBLE ready_shm(struct stage *stage, int dev_fd, uint64_t bytes)
{
	char size[24];
	const struct mount_option options[] = { { "source", "shm" }, { "mode", "1777" },
		{ "size", size } };

	if (stage->has_host_ipc) {
		struct error *error = move_to(dev_fd, "/shared/shm", "shm");

		stage->has_host_ipc = !error;
		if (!error)
			return NULL;
		error_ignore(error, "the host has none");
	}
	stage->shm_bytes = bytes;
	(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
	return attach_new("tmpfs", options, COUNT(options), CLOSED, dev_fd, "shm");
}

/* One that the stage has is of a namespace that is not ours to mount it of. */
static FALLIBLE ready_mqueue(const struct stage *stage, int dev_fd)
{
	if (!stage->shares_ipc)
		return attach_new("mqueue", NULL, 0, CLOSED, dev_fd, "mqueue");
	return move_to(dev_fd, "/shared/mqueue", "mqueue");
}

static FALLIBLE move_device(int dev_fd, const char *name)
{
	AUTO_FREE char *path = xasprintf("/dev/%s", name);

	if (access(path, F_OK) < 0)
		return NULL;
	TRY(make_file(dev_fd, name, 0666));
	return move_to(dev_fd, path, name);
}

static FALLIBLE ready_dev(struct stage *stage, uint64_t shm_bytes)
{
	static const struct mount_option options[] = { { "mode", "755" }, { "size", "65536k" } };
	AUTO_FD int dev_fd = -1;

	TRY(mount_new("tmpfs", options, COUNT(options), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
			&dev_fd));
	TRY(attach_at(dev_fd, AT_FDCWD, "/ready/dev"));
	TRY(make_dir(dev_fd, "pts", 0755));
	TRY(make_dir(dev_fd, "shm", 01777));
	TRY(make_dir(dev_fd, "mqueue", 0755));
	for (const struct default_link *link = default_links; link->name; link++)
		if (symlinkat(link->to, dev_fd, link->name) < 0)
			return error_sys("make '/dev/%s'", link->name);
	for (const char *const *name = default_devices; *name; name++)
		TRY(move_device(dev_fd, *name));
	TRY(ready_devpts(dev_fd));
	TRY(ready_shm(stage, dev_fd, shm_bytes));
	struct error *error = ready_mqueue(stage, dev_fd);
	if (error) {
		error_ignore(error, "a kernel without message queues");
		stage_note(stage->notes, "no /dev/mqueue");
	}
	return NULL;
}

FALLIBLE stage_prepare(struct stage *stage, uint64_t shm_bytes)
{
	static const struct mount_option options[] = { { "mode", "755" }, { "size", "64m" } };

	/* Masks first: they need /dev/null where it is. */
	TRY(ready_proc(stage));
	stage->is_masked = true;
	TRY(ready_dev(stage, shm_bytes));
	return attach_new("tmpfs", options, COUNT(options), MOUNT_ATTR_NODEV, AT_FDCWD,
			"/ready/files");
}

FALLIBLE stage_unmask(struct stage *stage)
{
	AUTO_FD int mount_fd = -1;

	if (stage->shares_pids)
		TRY(open_proc(stage, &mount_fd));
	else
		TRY(mount_new("proc", NULL, 0, CLOSED, &mount_fd));
	if (umount2("/ready/proc", MNT_DETACH) < 0)
		return error_sys("drop the masked /proc");
	return attach_at(mount_fd, AT_FDCWD, "/ready/proc");
}

FALLIBLE stage_own_sysfs(void)
{
	return attach_new("sysfs", NULL, 0, MOUNT_ATTR_RDONLY | CLOSED, AT_FDCWD, "/ready/sys");
}
