/*
 * A /dev and a /proc without mounts. Devices are made where that is allowed (CAP_MKNOD, which
 * Docker's default set has). The files of /proc are copies, taken now; there are no processes.
 */
#include "base/limits.h"
#include "sandbox/bare_scene.h"
#include "sandbox/defaults.h"
#include "sandbox/stage.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Read by compilers, runtimes, package managers and configure scripts; none tells of processes. */
static const char *const proc_files[] = { "cpuinfo", "meminfo", "stat", "uptime", "loadavg",
	"version", "filesystems", "swaps", "vmstat", "sys/kernel/osrelease", "sys/kernel/ostype",
	"sys/kernel/version", "sys/kernel/pid_max", "sys/kernel/threads-max",
	"sys/kernel/cap_last_cap", "sys/kernel/ngroups_max", "sys/kernel/overflowuid",
	"sys/kernel/overflowgid", "sys/kernel/shmmax", "sys/vm/overcommit_memory",
	"sys/vm/max_map_count", "sys/vm/mmap_min_addr", "sys/fs/file-max", "sys/fs/nr_open",
	"sys/net/core/somaxconn", "sys/kernel/random/uuid", "sys/kernel/random/boot_id",
	"self/cgroup", "self/limits", "self/status", NULL };

static const char mounts[] = "none / none rw 0 0\n";

static FALLIBLE make_dir(int dir_fd, const char *name, mode_t mode)
{
	if (mkdirat(dir_fd, name, mode) < 0 && errno != EEXIST)
		return error_sys("make the directory '%s'", name);
	if (fchmodat(dir_fd, name, mode, 0) < 0)
		return error_sys("set the mode of '%s'", name);
	return NULL;
}

/* The host's device of that name, as a node of our own. */
static bool make_device(int dir_fd, const char *name)
{
	AUTO_FREE char *host = xasprintf("/dev/%s", name);
	struct stat st;

	if (stat(host, &st) < 0 || !S_ISCHR(st.st_mode) ||
			mknodat(dir_fd, name, S_IFCHR | 0666, st.st_rdev) < 0 ||
			fchmodat(dir_fd, name, 0666, 0) < 0)
		return false;
	AUTO_FD int fd = openat(dir_fd, name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	/* /dev/tty is nobody's without a terminal; others must open (no nodev, no device cgroup) */
	if (fd >= 0 || errno == ENXIO)
		return true;
	(void)unlinkat(dir_fd, name, 0);
	return false;
}

FALLIBLE bare_fill_dev(struct bare_scene *scene, int dir_fd)
{
	bool has_all = true;

	for (const char *const *name = default_devices; *name; name++)
		has_all = make_device(dir_fd, *name) && has_all;
	if (!has_all) {
		AUTO_FD int fd = -1;

		TRY(file_open(dir_fd, "null", O_WRONLY | O_CREAT, 0666, &fd));
		stage_note(scene->notes, "devices cannot be made here: /dev/null is a file");
	}
	for (const struct default_link *link = default_links; link->name; link++)
		if (symlinkat(link->to, dir_fd, link->name) < 0)
			return error_sys("make the link '/dev/%s'", link->name);
	TRY(make_dir(dir_fd, "pts", 0755));
	TRY(make_dir(dir_fd, "mqueue", 01777));
	return make_dir(dir_fd, "shm", 01777);
}

static FALLIBLE write_file(int dir_fd, const char *name, const char *text, size_t n)
{
	AUTO_FD int fd = -1;

	TRY(file_open(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0444, &fd));
	return fd_write_all(fd, text, n);
}

static FALLIBLE copy_file(int dir_fd, const char *name)
{
	AUTO_FREE char *host = xasprintf("/proc/%s", name);
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct error *error = file_read(AT_FDCWD, host, LIMIT_SETTINGS_BYTES, &text, &n);

	if (error) {
		error_ignore(error, "this kernel does not tell");
		return NULL;
	}
	return write_file(dir_fd, name, text, n);
}

/* A pipe with a name; what is written there goes into the step's output. */
static FALLIBLE make_output(struct bare_scene *scene, int dir_fd, int number)
{
	AUTO_FREE char *name = xasprintf("self/fd/%d", number);

	if (mkfifoat(dir_fd, name, 0666) < 0 || fchmodat(dir_fd, name, 0666, 0) < 0)
		return error_sys("make '/proc/%s'", name);
	TRY(file_open(dir_fd, name, O_RDONLY | O_NONBLOCK, 0, &scene->outputs[number - 1]));
	return file_open(dir_fd, name, O_WRONLY | O_NONBLOCK, 0, &scene->holders[number - 1]);
}

FALLIBLE bare_fill_proc(struct bare_scene *scene, int dir_fd)
{
	static const char *const dirs[] = { "self", "self/fd", "sys", "sys/kernel",
		"sys/kernel/random", "sys/vm", "sys/fs", "sys/net", "sys/net/core", NULL };

	for (const char *const *dir = dirs; *dir; dir++)
		TRY(make_dir(dir_fd, *dir, 0755));
	for (const char *const *name = proc_files; *name; name++)
		TRY(copy_file(dir_fd, *name));
	TRY(write_file(dir_fd, "self/mounts", mounts, strlen(mounts)));
	if (symlinkat("self/mounts", dir_fd, "mounts") < 0 ||
			symlinkat("self", dir_fd, "thread-self") < 0 ||
			symlinkat("/dev/null", dir_fd, "self/fd/0") < 0)
		return error_sys("make the links of /proc");
	TRY(make_output(scene, dir_fd, 1));
	return make_output(scene, dir_fd, 2);
}
