#include "sys/probe.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "sys/cgroup.h"
#include "sys/fd.h"
#include "sys/mounts.h"
#include "sys/proc.h"
#include "sys/userns_parts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>

void probe_findings_done(struct probe_findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		free(findings->p[i].detail);
		free(findings->p[i].advice);
	}
	vec_done(findings);
}

static void add(struct probe_findings *findings, const char *name, enum finding_state state,
		char *detail, const char *advice)
{
	*vec_add(findings) = (struct probe_finding){
		.name = name,
		.state = state,
		.detail = detail,
		.advice = state == FINDING_OK ? NULL : xstrdup(advice),
	};
}

typedef struct error *attempt_fn(const char *path, struct strbuf *said);

enum { SAID_BYTES = 1024, NAMES_BYTES = 4096 };

/*
 * Run it in a child, which may change itself as it likes. True: it worked, and *ret_said is what
 * it said; else *ret_said is why not. New; free().
 */
static bool try_in_child(attempt_fn *attempt, const char *path, char **ret_said)
{
	char said[SAID_BYTES] = "";
	int ends[2];
	int status = 1;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		*ret_said = xstrdup("no pipe");
		return false;
	}
	pid_t pid = fork();
	if (pid == 0) {
		struct strbuf text = { 0 };
		struct error *error = attempt(path, &text);

		if (error) {
			strbuf_clear(&text);
			error_text(error, &text);
		}
		(void)!write(ends[1], strbuf_text(&text), text.n);
		_exit(error ? 1 : 0);
	}
	(void)close(ends[1]);
	size_t n = 0;
	struct error *error = pid < 0 ? error_sys("fork")
				      : fd_read_full(ends[0], said, sizeof(said) - 1, &n);
	said[n] = '\0';
	(void)close(ends[0]);
	if (pid > 0)
		(void)TEMP_FAILURE_RETRY(waitpid(pid, &status, 0));
	error_ignore(error, "then it did not work");
	*ret_said = xstrdup(said);
	return status == 0;
}

static FALLIBLE try_mode(const char *path, struct strbuf *said)
{
	struct userns userns;

	TRY(userns_enter(USERNS_BEST, USERNS_BUILDS, &userns));
	switch (userns.mode) {
	case USERNS_SUBUID:
		strbuf_addf(said, "ordinary user with %llu mapped ids",
				(unsigned long long)idmap_count(&userns.uids));
		break;
	case USERNS_RECORDED:
		strbuf_addf(said, "one mapped id, owners are recorded (%s)", userns.reason);
		break;
	case USERNS_CHROOT:
		strbuf_addf(said, "root without namespaces, in a chroot (%s)", userns.reason);
		break;
	case USERNS_PROOT:
		strbuf_addf(said, "no namespaces: proot, owners are recorded (%s)", userns.reason);
		break;
	case USERNS_INPLACE:
	case USERNS_ROOT:
	case USERNS_BEST:
		if (userns.owner.kind == OWNER_SHIFTED)
			strbuf_addf(said, "root; steps run as %u and up", userns.owner.base);
		else
			strbuf_addf(said, "root; %s", userns.reason);
	}
	return NULL;
}

static FALLIBLE enter_single(void)
{
	AUTO_FREE char *uids = xasprintf("0 %u 1", geteuid());
	AUTO_FREE char *gids = xasprintf("0 %u 1", getegid());
	const struct {
		const char *path, *text;
	} files[] = {
		{ "/proc/self/setgroups", "deny" },
		{ "/proc/self/uid_map", uids },
		{ "/proc/self/gid_map", gids },
	};

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return error_sys("make a user namespace");
	for (size_t i = 0; i < COUNT(files); i++) {
		AUTO_FD int fd = open(files[i].path, O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, files[i].text, strlen(files[i].text)) < 0)
			return error_sys("write '%s'", files[i].path);
	}
	return mount_make_private();
}

static FALLIBLE try_namespace(const char *path, struct strbuf *said)
{
	return enter_single();
}

static FALLIBLE open_nearest(const char *path, int *ret_fd)
{
	AUTO_FREE char *at = xstrdup(path);

	for (;;) {
		int fd = open(*at ? at : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0) {
			*ret_fd = fd;
			return NULL;
		}
		char *slash = strrchr(at, '/');
		if (errno != ENOENT || !slash)
			return error_sys("open '%s'", at);
		*slash = '\0';
	}
}

static FALLIBLE try_overlay(const char *path, struct strbuf *said)
{
	AUTO_FD int dir_fd = -1;

	TRY(enter_single());
	TRY(open_nearest(path, &dir_fd));
	TRY(mount_try_upper(dir_fd));
	strbuf_addf(said, "on the file system of '%s'", path);
	return NULL;
}

/* In a child of a child: a pid namespace begins with the next process. */
static FALLIBLE try_proc(const char *path, struct strbuf *said)
{
	int status = 1;

	TRY(enter_single());
	if (unshare(CLONE_NEWPID) < 0)
		return error_sys("make a pid namespace");
	pid_t pid = fork();
	if (pid == 0) {
		int fd = -1;
		struct error *error = mount_new("proc", NULL, 0, 0, &fd);

		_exit(error ? error->code & 0xff : 0);
	}
	if (pid < 0 || TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) < 0)
		return error_sys("fork");
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	return errno ? error_sys("mount a proc") : NULL;
}

static FALLIBLE try_binfmt(const char *path, struct strbuf *said)
{
	AUTO_FD int fd = -1;

	TRY(enter_single());
	TRY(mount_new("binfmt_misc", NULL, 0, 0, &fd));
	strbuf_add(said, "can be registered in a namespace of our own");
	return NULL;
}

static void find_kernel(struct probe_findings *findings)
{
	struct utsname name;

	(void)uname(&name);
	add(findings, "kernel", FINDING_OK, xasprintf("Linux %s, %s", name.release, name.machine),
			NULL);
}

static void find_mode(struct probe_findings *findings)
{
	char *said = NULL;

	if (!try_in_child(try_mode, NULL, &said))
		add(findings, "mode", FINDING_MISSING, said,
				"see 'user namespaces' below; without them kiln cannot run steps");
	else
		add(findings, "mode", FINDING_OK, said, NULL);
}

static void find_namespaces(struct probe_findings *findings)
{
	char *said = NULL;
	bool works = try_in_child(try_namespace, NULL, &said);

	if (works)
		free(said);
	add(findings, "user namespaces", works ? FINDING_OK : FINDING_MISSING,
			works ? xstrdup("allowed") : said,
			"sysctl kernel.unprivileged_userns_clone=1, or "
			"kernel.apparmor_restrict_unprivileged_userns=0; in a container, a "
			"seccomp profile that permits unshare and mount");
}

/* What is left where namespaces are forbidden. */
static void find_bare(struct probe_findings *findings)
{
	AUTO_FREE char *proot = proc_find("proot");
	AUTO(strbuf) struct strbuf said = { 0 };
	struct error *error = userns_can_chroot();

	if (error)
		error_text(error, &said);
	add(findings, "without namespaces", !error || proot ? FINDING_OK : FINDING_OPTIONAL,
			!error ? xstrdup("--isolation chroot would work")
			       : xasprintf("%s%s", strbuf_text(&said),
						 proot ? "; --isolation proot would work"
						       : "; proot is not installed"),
			"run kiln as root with a container's usual capabilities, or apt-get "
			"install proot");
	error_free(error);
}

static void find_subids(struct probe_findings *findings)
{
	uid_t uid = geteuid();
	struct passwd entry;
	struct passwd *found = NULL;
	char names[NAMES_BYTES];
	const char *name = getpwuid_r(uid, &entry, names, sizeof(names), &found) == 0 && found
					   ? found->pw_name
					   : NULL;
	AUTO_FREE char *program = proc_find("newuidmap");
	struct idmap uids = { 0 };
	struct idmap gids = { 0 };

	if (uid == 0) {
		add(findings, "subordinate ids", FINDING_OK, xstrdup("not needed by root"), NULL);
		return;
	}
	error_ignore(idmap_subids("/etc/subuid", name, uid, &uids), "no such range");
	error_ignore(idmap_subids("/etc/subgid", name, uid, &gids), "no such range");
	if (!uids.n || !gids.n)
		add(findings, "subordinate ids", FINDING_OPTIONAL,
				xasprintf("no range for %s in %s", name ? name : "this user",
						uids.n ? "/etc/subgid" : "/etc/subuid"),
				"usermod --add-subuids 100000-165535 --add-subgids "
				"100000-165535 NAME; until then owners are recorded");
	else if (!program)
		add(findings, "subordinate ids", FINDING_OPTIONAL,
				xstrdup("newuidmap is not installed"), "apt-get install uidmap");
	else
		add(findings, "subordinate ids", FINDING_OK,
				xasprintf("%llu users, %llu groups",
						(unsigned long long)idmap_count(&uids),
						(unsigned long long)idmap_count(&gids)),
				NULL);
}

static void find_overlay(struct probe_findings *findings, const char *store_path)
{
	char *said = NULL;
	bool works = try_in_child(try_overlay, store_path, &said);

	add(findings, "overlay", works ? FINDING_OK : FINDING_MISSING, said,
			"put the store (--root, KILN_ROOT) or TMPDIR on ext4, xfs, btrfs or a "
			"tmpfs");
}

static void find_proc(struct probe_findings *findings)
{
	char *said = NULL;
	bool works = try_in_child(try_proc, NULL, &said);

	if (works)
		free(said);
	add(findings, "fresh /proc", works ? FINDING_OK : FINDING_OPTIONAL,
			works ? xstrdup("allowed") : said,
			"in a container: --security-opt unmask=/proc/*, or steps see the outer "
			"/proc");
}

static void find_seccomp(struct probe_findings *findings)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;
	bool works = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;

	add(findings, "seccomp", works ? FINDING_OK : FINDING_MISSING,
			xstrdup(works ? "filters and user notification" : "no user notification"),
			"a kernel with CONFIG_SECCOMP_FILTER; recorded owners need it");
}

/* What --memory wants; the others are as a rule where that is. */
static void find_cgroup(struct probe_findings *findings)
{
	AUTO(cgroup_host) struct cgroup_host host = { 0 };
	AUTO(strbuf) struct strbuf text = { 0 };

	cgroup_find(&host);
	struct error *error = cgroup_check(&host, CGROUP_MEMORY | CGROUP_CPU);
	const char *hint = error_find_hint(error);
	AUTO_FREE char *what = xasprintf("limits of steps are not enforced; %s", hint ? hint : "");

	if (error)
		error_text(error, &text);
	else
		strbuf_add(&text, "delegated to us");
	add(findings, "cgroup", error ? FINDING_OPTIONAL : FINDING_OK, strbuf_take(&text), what);
	error_free(error);
}

static void find_network(struct probe_findings *findings)
{
	AUTO_FREE char *slirp = proc_find("slirp4netns");
	AUTO_FREE char *pasta = proc_find("pasta");
	bool has_tun = access("/dev/net/tun", R_OK | W_OK) == 0;

	if ((slirp || pasta) && has_tun)
		add(findings, "private network", FINDING_OK, xstrdup(slirp ? slirp : pasta), NULL);
	else if (slirp || pasta)
		add(findings, "private network", FINDING_OPTIONAL,
				xstrdup("/dev/net/tun is not open to us"),
				"chmod 0666 /dev/net/tun; until then --network=host and none work");
	else
		add(findings, "private network", FINDING_OPTIONAL,
				xstrdup("neither slirp4netns nor pasta is installed"),
				"apt-get install slirp4netns; until then --network=host and none "
				"work");
}

static void find_binfmt(struct probe_findings *findings)
{
	char *said = NULL;
	bool works = try_in_child(try_binfmt, NULL, &said);
	bool is_registered = access("/proc/sys/fs/binfmt_misc/qemu-aarch64", F_OK) == 0;

	if (!works && is_registered) {
		free(said);
		said = xstrdup("registered on the host");
	}
	add(findings, "foreign programs", works || is_registered ? FINDING_OK : FINDING_OPTIONAL,
			said, "Linux 6.7, or apt-get install qemu-user-static binfmt-support");
}

void probe_all(const char *store_path, struct probe_findings *ret)
{
	*ret = (struct probe_findings){ 0 };
	find_kernel(ret);
	find_mode(ret);
	find_namespaces(ret);
	find_bare(ret);
	find_subids(ret);
	find_overlay(ret, store_path);
	find_proc(ret);
	find_seccomp(ret);
	find_cgroup(ret);
	find_network(ret);
	find_binfmt(ret);
}
