#include "sandbox/namespaces.h"
#include "sys/fd.h"
#include "sys/mounts.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>

enum { CLOSED = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };

static const struct {
	const char *name, *file;
	int flag;
} kinds[] = {
	[SANDBOX_IPC] = { "ipc", "/proc/self/ns/ipc", CLONE_NEWIPC },
	[SANDBOX_PID] = { "pid", "/proc/self/ns/pid", CLONE_NEWPID },
	[SANDBOX_UTS] = { "uts", "/proc/self/ns/uts", CLONE_NEWUTS },
	[SANDBOX_CGROUP] = { "cgroup", "/proc/self/ns/cgroup", CLONE_NEWCGROUP },
	[SANDBOX_NET] = { "network", "/proc/self/ns/net", CLONE_NEWNET },
};

bool namespaces_any(const struct sandbox_namespaces *wish)
{
	for (size_t i = 0; wish && i < COUNT(kinds); i++)
		if (wish->is_host[i] || wish->path[i])
			return true;
	return false;
}

const char *namespace_name(enum sandbox_namespace which)
{
	return kinds[which].name;
}

const char *namespace_file(enum sandbox_namespace which)
{
	return kinds[which].file;
}

void namespaces_done(struct namespaces *namespaces)
{
	for (size_t i = 0; i < namespaces->n; i++)
		(void)close(namespaces->fds[i]);
	namespaces->n = 0;
}

/* The kernel shows the owner of a namespace to those alone who could hold rights over it. */
static FALLIBLE check_owner(int fd, const char *name, const char *path)
{
	AUTO_FD int owner_fd = ioctl(fd, NS_GET_USERNS);

	if (owner_fd >= 0)
		return NULL;
	if (errno != EPERM)
		return error_sys("look at the %s namespace '%s'", name, path);
	return error_hint(error_new(ERR_DENIED,
					  "the %s namespace '%s' cannot be joined: it belongs "
					  "to a user namespace that is not below ours",
					  name, path),
			"run kiln as root, or in the user namespace that it was made in (kiln "
			"unshare)");
}

static FALLIBLE open_one(enum sandbox_namespace which, const char *path, int *ret_fd)
{
	/* A pipe would be waited for. */
	AUTO_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return error_sys("open the %s namespace '%s'", kinds[which].name, path);
	if (ioctl(fd, NS_GET_NSTYPE) != kinds[which].flag)
		return error_new(ERR_INVALID, "'%s' is no %s namespace", path, kinds[which].name);
	TRY(check_owner(fd, kinds[which].name, path));
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

FALLIBLE namespaces_open(const struct sandbox_namespaces *wish, struct namespaces *ret)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		unsigned flag = (unsigned)kinds[i].flag;

		if (wish->is_host[i] || wish->path[i])
			ret->shared |= flag;
		if (!wish->path[i])
			continue;
		TRY(open_one((enum sandbox_namespace)i, wish->path[i], &ret->fds[ret->n]));
		ret->joined |= flag;
		ret->n++;
	}
	return NULL;
}

/* Its exit status is 0 or an errno value. The fd is left in the place of one that we have. */
static int mount_proc(void *place)
{
	AUTO_FD int fd = -1;
	struct error *error = mount_new("proc", NULL, 0, CLOSED, &fd);

	if (!error && dup3(fd, *(const int *)place, O_CLOEXEC) < 0)
		error = error_sys("keep a /proc");
	int number = error ? error->code : 0;
	error_free(error);
	return number;
}

/* By a child, who is in the pid namespace that was joined as we are not, and has our fds. */
static FALLIBLE make_proc(int *ret_fd)
{
	AUTO_FD int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int status = 0;
	pid_t pid = fd < 0 ? -1 : proc_share(mount_proc, &fd, CLONE_FILES);

	if (pid < 0 && errno == ENOMEM)
		return error_new(ERR_UNSUPPORTED, "the pid namespace has ended: its first process "
						  "is gone");
	if (pid < 0 || TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) < 0)
		return error_sys("start a process in the pid namespace");
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	if (errno)
		return error_sys("mount the /proc of the pid namespace");
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

/* mount_new() takes the namespaces that the caller is in. */
static FALLIBLE make_mounts(const struct namespaces *namespaces, struct namespaces_mounts *mounts)
{
	if (namespaces->joined & CLONE_NEWPID)
		TRY(make_proc(&mounts->proc_fd));
	if (namespaces->joined & CLONE_NEWNET)
		TRY(mount_new("sysfs", NULL, 0, MOUNT_ATTR_RDONLY | CLOSED, &mounts->sys_fd));
	if (namespaces->shared & CLONE_NEWIPC)
		error_ignore(mount_new("mqueue", NULL, 0, CLOSED, &mounts->mqueue_fd),
				"the host's may be there");
	return NULL;
}

bool namespaces_has_mounts(const struct namespaces_mounts *mounts)
{
	return mounts->proc_fd >= 0 || mounts->sys_fd >= 0 || mounts->mqueue_fd >= 0;
}

FALLIBLE namespaces_enter(const struct namespaces *namespaces, struct namespaces_mounts *ret)
{
	size_t next = 0;

	*ret = (struct namespaces_mounts){ -1, -1, -1,
		(namespaces->shared & ~namespaces->joined & CLONE_NEWIPC) != 0 };
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (!(namespaces->joined & (unsigned)kinds[i].flag))
			continue;
		if (next >= namespaces->n)
			return error_new(ERR_INVALID, "a namespace that did not come along");
		if (setns(namespaces->fds[next++], kinds[i].flag) < 0)
			return error_sys("join the %s namespace", kinds[i].name);
	}
	return make_mounts(namespaces, ret);
}
