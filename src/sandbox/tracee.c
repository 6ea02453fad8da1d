#include "sandbox/tracee.h"
#include "base/auto.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

enum { PLACE_BYTES = 64, NAME_BYTES = 32, STATUS_BYTES = 2048, PAGE_BYTES = 4096, NO_UMASK = 022 };

static bool is_waiting(const struct tracee *tracee)
{
	uint64_t id = tracee->id;

	return ioctl(tracee->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

int tracee_read(const struct tracee *tracee, uint64_t address, void *buf, size_t n)
{
	struct iovec here = { buf, n };
	struct iovec there = { (void *)(uintptr_t)address, n };

	if (process_vm_readv(tracee->pid, &here, 1, &there, 1, 0) != (ssize_t)n)
		return -EFAULT;
	return is_waiting(tracee) ? 0 : -ESRCH;
}

int tracee_write(const struct tracee *tracee, uint64_t address, const void *buf, size_t n)
{
	struct iovec here = { (void *)(uintptr_t)buf, n };
	struct iovec there = { (void *)(uintptr_t)address, n };

	if (!is_waiting(tracee))
		return -ESRCH;
	return process_vm_writev(tracee->pid, &here, 1, &there, 1, 0) == (ssize_t)n ? 0 : -EFAULT;
}

int tracee_read_path(
		const struct tracee *tracee, uint64_t address, char buf[static LIMIT_PATH_BYTES])
{
	for (size_t done = 0; done < LIMIT_PATH_BYTES;) {
		/* To the end of the page: the next one may not be there. */
		size_t n = PAGE_BYTES - (size_t)((address + done) % PAGE_BYTES);

		if (n > LIMIT_PATH_BYTES - done)
			n = LIMIT_PATH_BYTES - done;
		int result = tracee_read(tracee, address + done, buf + done, n);
		if (result < 0)
			return result;
		if (memchr(buf + done, '\0', n))
			return 0;
		done += n;
	}
	return -ENAMETOOLONG;
}

bool tracee_is_special(const char *path)
{
	while (path[0] == '/' && path[1] == '/')
		path++;
	/* No links that mean somebody's own are there; a store may be. */
	if (text_starts(path, "/dev/shm/"))
		return false;
	return text_starts(path, "/proc/") || text_starts(path, "/dev/") ||
	       text_equal(path, "/proc") || text_equal(path, "/dev");
}

/* What /proc/PID/name leads to, for certain the caller's. */
static int open_place(const struct tracee *tracee, const char *name, int *ret_fd)
{
	char place[PLACE_BYTES];

	(void)snprintf(place, sizeof(place), "/proc/%d/%s", (int)tracee->pid, name);
	int fd = open(place, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -EBADF : -errno;
	if (!is_waiting(tracee)) {
		(void)close(fd);
		return -ESRCH;
	}
	*ret_fd = fd;
	return 0;
}

static int open_base(const struct tracee *tracee, int dir_fd, int *ret_fd)
{
	char name[NAME_BYTES];

	if (dir_fd == AT_FDCWD)
		return open_place(tracee, "cwd", ret_fd);
	if (dir_fd < 0)
		return -EBADF;
	(void)snprintf(name, sizeof(name), "fd/%d", dir_fd);
	return open_place(tracee, name, ret_fd);
}

static bool is_same_directory(int a, int b)
{
	struct stat one, two;

	return fstat(a, &one) == 0 && fstat(b, &two) == 0 && one.st_dev == two.st_dev &&
	       one.st_ino == two.st_ino;
}

/*
 * openat from the caller's root. PID 1 shares the step's root; only where a chroot was seen may the
 * caller's be another, and then ours is changed for the length of the call. Under proot nobody may
 * chroot, whoever tries, and neither may we.
 */
static int open_as(const struct tracee *tracee, int base_fd, const char *path, int flags)
{
	AUTO_FD int root_fd = -1;
	AUTO_FD int our_root_fd = -1;

	if (!tracee->may_have_chrooted)
		return openat(base_fd, path, flags);
	if (open_place(tracee, "root", &root_fd) < 0) {
		errno = ESRCH;
		return -1;
	}
	our_root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (our_root_fd < 0)
		return -1;
	if (is_same_directory(root_fd, our_root_fd))
		return openat(base_fd, path, flags);
	if (fchdir(root_fd) < 0 || chroot(".") < 0)
		return -1;
	int fd = openat(base_fd, path, flags);
	int number = errno;
	/* Without our own root nothing that we say is true any more. */
	if (fchdir(our_root_fd) < 0 || chroot(".") < 0)
		_exit(1);
	errno = number;
	return fd;
}

int tracee_open(const struct tracee *tracee, int dir_fd, const char *path, bool follow, int *ret_fd)
{
	AUTO_FD int base_fd = -1;

	if (!*path)
		return open_base(tracee, dir_fd, ret_fd);
	if (*path != '/') {
		int result = open_base(tracee, dir_fd, &base_fd);

		if (result < 0)
			return result;
	}
	int fd = open_as(tracee, base_fd, path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int tracee_open_parent(const struct tracee *tracee, int dir_fd, char *path, int *ret_fd,
		const char **ret_name)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	char *slash = strrchr(path, '/');
	*ret_name = slash ? slash + 1 : path;
	if (!**ret_name || text_equal(*ret_name, ".") || text_equal(*ret_name, ".."))
		return -EEXIST;
	if (!slash)
		return tracee_open(tracee, dir_fd, ".", true, ret_fd);
	if (slash == path)
		return tracee_open(tracee, dir_fd, "/", true, ret_fd);
	*slash = '\0';
	int result = tracee_open(tracee, dir_fd, path, true, ret_fd);
	*slash = '/';
	return result;
}

mode_t tracee_umask(const struct tracee *tracee)
{
	char place[PLACE_BYTES];
	char status[STATUS_BYTES];
	uint64_t mask = NO_UMASK;

	(void)snprintf(place, sizeof(place), "/proc/%d/status", (int)tracee->pid);
	AUTO_FD int fd = open(place, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, status, sizeof(status) - 1);
	if (n <= 0)
		return NO_UMASK;
	status[n] = '\0';
	const char *line = strstr(status, "\nUmask:\t");
	if (!line)
		return NO_UMASK;
	struct str digits = str_of(line + strlen("\nUmask:\t"));
	error_ignore(parse_octal(str_slice(digits, 0, str_find(digits, '\n')), 0777, &mask),
			"then the usual one");
	return (mode_t)mask;
}
