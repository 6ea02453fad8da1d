/*
 * The modes without a user namespace, and whether one can be had at all. That is tried in a child,
 * since a process that has entered a namespace it can do nothing in cannot leave it again.
 */
#include "base/auto.h"
#include "base/vec.h"
#include "sys/fd.h"
#include "sys/mounts.h"
#include "sys/proc.h"
#include "sys/userns_parts.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/vfs.h>
#include <sys/wait.h>

bool userns_is_bare(enum userns_mode mode)
{
	return mode == USERNS_CHROOT || mode == USERNS_INPLACE || mode == USERNS_PROOT;
}

/*
 * What a sandbox does first, in a child that was born in a namespace. It says how it went, an errno
 * or 0, by a byte: that comes before its namespaces are taken down, which takes as long as the
 * rest.
 */
static int try_mounts(void *verdict_fd)
{
	int fd = -1;
	int root_fd = -1;
	struct error *error = mount_make_private();

	if (!error)
		error = file_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, &root_fd);
	if (!error)
		error = mount_clone(root_fd, NULL, true, &fd);
	uint8_t number = !error ? 0 : error->code ? (uint8_t)error->code : EIO;

	error_free(error);
	return write(*(int *)verdict_fd, &number, 1) == 1 ? 0 : 1;
}

pid_t userns_try(char reason[static USERNS_REASON_BYTES])
{
	const char *what = "make a user namespace";
	uint8_t number = 0;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = proc_share(try_mounts, &ends[1], CLONE_NEWUSER | CLONE_NEWNS);
	if (pid < 0)
		number = (uint8_t)errno;
	(void)close(ends[1]);
	if (pid > 0 && TEMP_FAILURE_RETRY(read(ends[0], &number, 1)) != 1)
		number = EIO;
	(void)close(ends[0]);
	reason[0] = '\0';
	if (!number)
		return pid;
	if (pid > 0) {
		what = "change mounts in a user namespace";
		userns_try_end(pid);
	}
	(void)snprintf(reason, USERNS_REASON_BYTES, "%s: %s", what, strerrordesc_np(number));
	return -1;
}

void userns_try_end(pid_t pid)
{
	if (pid > 0)
		(void)TEMP_FAILURE_RETRY(waitpid(pid, NULL, 0));
}

/* A child that is a namespace's first process: its status says whether /proc could be mounted. */
static _Noreturn void try_proc(void)
{
	int status = 1;
	int fd = -1;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) < 0)
		_exit(1);
	pid_t pid = fork();
	if (pid == 0)
		_exit(mount_new("proc", NULL, 0, 0, &fd) ? 1 : 0);
	if (pid > 0)
		(void)TEMP_FAILURE_RETRY(waitpid(pid, &status, 0));
	_exit(status ? 1 : 0);
}

bool userns_try_proc(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		try_proc();
	if (pid > 0)
		(void)TEMP_FAILURE_RETRY(waitpid(pid, &status, 0));
	return status == 0;
}

static FALLIBLE need_capabilities(const char *mode)
{
	static const struct {
		unsigned number;
		const char *name;
	} needed[] = { { CAP_SYS_CHROOT, "CAP_SYS_CHROOT" }, { CAP_CHOWN, "CAP_CHOWN" },
		{ CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE" }, { CAP_FOWNER, "CAP_FOWNER" },
		{ CAP_SETUID, "CAP_SETUID" }, { CAP_SETGID, "CAP_SETGID" } };

	for (size_t i = 0; i < COUNT(needed); i++)
		if (!userns_has_capability(needed[i].number))
			return error_hint(error_new(ERR_UNSUPPORTED, "isolation '%s' needs %s",
							  mode, needed[i].name),
					"run as root with a container's usual capabilities, or "
					"install proot for '--isolation proot'");
	return NULL;
}

static FALLIBLE find_proot(void)
{
	AUTO_FREE char *program = proc_find("proot");

	return program ? NULL
		       : error_hint(error_new(ERR_UNSUPPORTED,
						    "isolation 'proot' needs proot, which is not "
						    "installed"),
					 "apt-get install proot");
}

/* The kernel's first pid namespace, which no container is in, has this number. */
#define FIRST_PID_NAMESPACE "pid:[4026531836]"

/*
 * As container engines and Kubernetes mark it, or by an overlay as root. A mark alone is not
 * enough: machines are made of images too, and this question is asked before "/" is emptied.
 */
static bool is_in_container(void)
{
	static const char *const marks[] = { "/.dockerenv", "/run/.containerenv",
		"/var/run/secrets/kubernetes.io", NULL };
	char name[64] = "";
	struct statfs fs;

	if (readlink("/proc/self/ns/pid", name, sizeof(name) - 1) <= 0 ||
			text_equal(name, FIRST_PID_NAMESPACE))
		return false;
	for (const char *const *mark = marks; *mark; mark++)
		if (access(*mark, F_OK) == 0)
			return true;
	return statfs("/", &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

FALLIBLE userns_can_chroot(void)
{
	return need_capabilities("chroot");
}

FALLIBLE userns_enter_bare(enum userns_mode wish, bool force, struct userns *userns)
{
	userns->mode = wish;
	userns->owner = (struct owner_policy){ .kind = OWNER_PLAIN, .is_flat = true };
	switch (wish) {
	case USERNS_CHROOT:
		return need_capabilities("chroot");
	case USERNS_INPLACE:
		TRY(need_capabilities("inplace"));
		if (!force && !is_in_container())
			return error_hint(
					error_new(ERR_UNSUPPORTED,
							"isolation 'inplace' replaces the files of "
							"the machine it runs on, and this is no "
							"container"),
					"run kiln in a container of its own, or use another "
					"isolation");
		return NULL;
	case USERNS_PROOT:
		userns->owner = (struct owner_policy){ .kind = OWNER_RECORDED, .is_flat = true };
		return find_proot();
	case USERNS_BEST:
	case USERNS_SUBUID:
	case USERNS_RECORDED:
	case USERNS_ROOT:
		break;
	}
	return error_new(ERR_INVALID, "not a mode without namespaces");
}

FALLIBLE userns_enter_best_bare(const char *reason, struct userns *userns)
{
	struct error *error = userns_enter_bare(USERNS_CHROOT, false, userns);

	if (error && error_is(error, ERR_UNSUPPORTED)) {
		struct error *other = userns_enter_bare(USERNS_PROOT, false, userns);

		if (other) {
			AUTO(strbuf) struct strbuf text = { 0 };

			error_text(error, &text);
			strbuf_add(&text, "; ");
			error_text(other, &text);
			error_free(error);
			error_free(other);
			return error_hint(
					error_new(ERR_UNSUPPORTED, "steps cannot run here: %s; %s",
							reason, strbuf_text(&text)),
					"'kiln doctor' tells what is missing: user namespaces, "
					"CAP_SYS_CHROOT, or Debian's proot");
		}
		error_free(TAKE(error));
	}
	TRY(error);
	(void)snprintf(userns->reason, sizeof(userns->reason), "%s", reason);
	return NULL;
}
