/*
 * How an ordinary user gets there: the process itself unshares, and two children that were forked
 * before (and so stay outside) run newuidmap and newgidmap on it, both at once. What cannot be
 * mapped that way ends as the single-id map, which every user may write for themselves.
 *
 * Root stays where it is; only the sandbox helper enters a namespace, mapped by its parent.
 */
#include "base/auto.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/vec.h"
#include "sys/fd.h"
#include "sys/mounts.h"
#include "sys/proc.h"
#include "sys/userns_parts.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const char *const mode_names[] = {
	[USERNS_BEST] = "auto",
	[USERNS_SUBUID] = "subuid",
	[USERNS_RECORDED] = "recorded",
	[USERNS_ROOT] = "root",
	[USERNS_CHROOT] = "chroot",
	[USERNS_INPLACE] = "inplace",
	[USERNS_PROOT] = "proot",
};

const char *userns_mode_name(enum userns_mode mode)
{
	return mode_names[mode];
}

FALLIBLE userns_mode_parse(const char *name, enum userns_mode *ret)
{
	for (size_t i = 0; i < COUNT(mode_names); i++) {
		if (text_equal(name, mode_names[i])) {
			*ret = (enum userns_mode)i;
			return NULL;
		}
	}
	return error_hint(error_new(ERR_INVALID, "unknown mode '%s'", name),
			"one of auto, subuid, recorded, root, chroot, inplace, proot");
}

static void PRINTF_LIKE(2, 3) give_reason(struct userns *userns, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(userns->reason, sizeof(userns->reason), format, args);
	va_end(args);
}

static void reason_from(struct userns *userns, struct error *error)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	error_text(error, &text);
	give_reason(userns, "%s", strbuf_text(&text));
	error_free(error);
}

bool userns_is_initial(void)
{
	struct idmap ours = { 0 };
	struct error *error = idmap_read("/proc/self/uid_map", &ours);

	error_ignore(error, "without /proc nothing is known");
	return ours.n == 1 && ours.range[0].inside == 0 && ours.range[0].outside == 0 &&
	       ours.range[0].count == UINT32_MAX;
}

bool userns_has_capability(unsigned capability)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct sets[2] = { { 0 } };

	return syscall(SYS_capget, &header, sets) == 0 &&
	       (sets[capability / 32].effective & (1u << capability % 32));
}

static FALLIBLE no_namespace(int number, const char *what)
{
	errno = number;
	struct error *error = error_sys("%s", what);
	error->kind = ERR_UNSUPPORTED;
	if (number == ENOSPC)
		return error_hint(error, "raise the sysctl user.max_user_namespaces");
	return error_hint(error,
			"allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 or "
			"kernel.apparmor_restrict_unprivileged_userns=0; in a container, a seccomp "
			"profile that permits unshare and mount");
}

static FALLIBLE unshare_user(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return no_namespace(errno, "make a user namespace");
	return NULL;
}

FALLIBLE userns_own_mounts(void)
{
	struct error *error = mount_make_private();

	if (!error)
		return NULL;
	int number = error->code;
	error_free(error);
	return no_namespace(number, "change mounts in a user namespace");
}

static FALLIBLE sync_send(int fd)
{
	if (send(fd, "+", 1, MSG_NOSIGNAL) != 1)
		return error_sys("speak to the other side of a fork");
	return NULL;
}

/* The other side gives up, and why. */
static void sync_refuse(int fd, const struct error *error)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	error_text(error, &text);
	(void)!send(fd, strbuf_text(&text), text.n, MSG_NOSIGNAL);
}

static FALLIBLE sync_wait(int fd)
{
	char said[USERNS_REASON_BYTES];
	ssize_t n = TEMP_FAILURE_RETRY(read(fd, said, 1));

	if (n < 0)
		return error_sys("hear from the other side of a fork");
	if (n > 0 && said[0] == '+')
		return NULL;
	if (n > 0)
		n += TEMP_FAILURE_RETRY(read(fd, said + 1, sizeof(said) - 1));
	if (n <= 0)
		return error_new(ERR_SYS, "the other side of a fork gave up");
	return error_new(ERR_UNSUPPORTED, "%.*s", (int)n, said);
}

static FALLIBLE write_text(const char *path, const char *text)
{
	AUTO_FD int fd = -1;

	TRY(file_open(AT_FDCWD, path, O_WRONLY, 0, &fd));
	/* One write: the kernel takes a map whole or not at all. */
	if (write(fd, text, strlen(text)) < 0)
		return error_sys("write '%s'", path);
	return NULL;
}

static FALLIBLE write_map(pid_t pid, const char *file, const struct idmap *map)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	AUTO_FREE char *path = xasprintf("/proc/%d/%s", (int)pid, file);

	idmap_text(map, &text);
	return write_text(path, strbuf_text(&text));
}

/* Who writes one of the two maps: a program, or where we hold the rights, we ourselves. */
struct mapper {
	const char *program; /* or NULL */
	const char *file;
	const struct idmap *map;
};

/* newuidmap PID 0 1000 1 1 100000 65535 */
static FALLIBLE become_program(const struct mapper *mapper, pid_t pid, int sync_fd, int err_fd)
{
	const struct idmap *map = mapper->map;
	AUTO(list) struct list argv = { 0 };

	list_add(&argv, mapper->program);
	list_addf(&argv, "%d", (int)pid);
	for (unsigned i = 0; i < map->n; i++) {
		list_addf(&argv, "%u", map->range[i].inside);
		list_addf(&argv, "%u", map->range[i].outside);
		list_addf(&argv, "%u", map->range[i].count);
	}
	vec_push(&argv, NULL);
	TRY(sync_wait(sync_fd));
	return proc_become((const char *const *)argv.p, err_fd);
}

/* A child that stays outside: wait until the parent has unshared, then map it. */
static _Noreturn void map_from_outside(
		pid_t pid, const struct mapper *mapper, int sync_fd, int err_fd)
{
	struct error *error = NULL;

	if (mapper->program)
		error = become_program(mapper, pid, sync_fd, err_fd);
	else
		error = sync_wait(sync_fd);
	if (!error)
		error = write_map(pid, mapper->file, mapper->map);
	if (error) {
		AUTO(strbuf) struct strbuf text = { 0 };

		error_text(error, &text);
		(void)!write(err_fd, strbuf_text(&text), text.n);
	}
	_exit(error ? 1 : 0);
}

/* What the mappers complained about, on one line. */
static FALLIBLE mapper_error(int err_fd)
{
	char text[USERNS_REASON_BYTES - 64] = "";
	ssize_t n = read(err_fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = p[1] ? ' ' : '\0';
	return error_hint(error_new(ERR_UNSUPPORTED, "ids were not mapped: %s",
					  text[0] ? text : "no reason given"),
			"install Debian's uidmap (its programs must be setuid) and give the user "
			"a range in /etc/subuid and /etc/subgid");
}

/*
 * unshare, mapped as userns says by newuidmap or, where we hold the rights, directly. A child for
 * each map: both programs, which take a millisecond and a half, start at once.
 * *ret_unshared says whether the namespace exists on failure.
 */
static FALLIBLE enter_mapped(const struct userns *userns, bool directly, bool *ret_unshared)
{
	const struct mapper mappers[] = {
		{ directly ? NULL : "newuidmap", "uid_map", &userns->uids },
		{ directly ? NULL : "newgidmap", "gid_map", &userns->gids },
	};
	pid_t us = getpid(), children[COUNT(mappers)];
	int sync[2];
	int err[2];

	*ret_unshared = false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sync) < 0)
		return error_sys("make a socket pair");
	AUTO_FD int our_fd = sync[0];
	AUTO_FD int child_fd = sync[1];
	if (pipe2(err, O_CLOEXEC) < 0)
		return error_sys("make a pipe");
	AUTO_FD int err_read_fd = err[0];
	AUTO_FD int err_write_fd = err[1];

	struct error *error = NULL;
	for (size_t i = 0; i < COUNT(mappers); i++) {
		children[i] = fork();
		if (children[i] < 0)
			error = error_first(error, error_sys("fork"));
		if (children[i] == 0) {
			(void)close(TAKE_FD(our_fd));
			map_from_outside(us, &mappers[i], child_fd, err_write_fd);
		}
	}
	(void)close(TAKE_FD(child_fd));
	(void)close(TAKE_FD(err_write_fd));
	if (!error)
		error = unshare_user();
	*ret_unshared = !error;
	for (size_t i = 0; !error && i < COUNT(mappers); i++)
		error = sync_send(our_fd);
	(void)close(TAKE_FD(our_fd));
	bool is_mapped = true;
	for (size_t i = 0; i < COUNT(mappers); i++) {
		int status = 1;

		if (children[i] > 0)
			(void)TEMP_FAILURE_RETRY(waitpid(children[i], &status, 0));
		is_mapped = is_mapped && status == 0;
	}
	TRY(error);
	return is_mapped ? NULL : mapper_error(err_read_fd);
}

static FALLIBLE enter_single(struct userns *userns, bool is_unshared)
{
	struct idmap none = { 0 };
	struct idmap ours;

	TRY(idmap_read("/proc/self/uid_map", &ours));
	if (userns->outer_uid == 0 && !is_unshared && idmap_count(&ours) > 1)
		return error_hint(error_new(ERR_UNSUPPORTED, "steps would hold root's own id"),
				"run as an ordinary user, or keep CAP_SETUID and CAP_SETGID");

	userns->mode = USERNS_RECORDED;
	userns->owner = (struct owner_policy){ .kind = OWNER_RECORDED };
	idmap_with_self(userns->outer_uid, &none, &userns->uids);
	idmap_with_self(userns->outer_gid, &none, &userns->gids);
	if (!is_unshared)
		TRY(unshare_user());
	/* The pid in our own /proc: a container's /proc may show another namespace's numbers. */
	AUTO(strbuf) struct strbuf uids = { 0 };
	AUTO(strbuf) struct strbuf gids = { 0 };
	idmap_text(&userns->uids, &uids);
	idmap_text(&userns->gids, &gids);
	TRY(write_text("/proc/self/setgroups", "deny"));
	TRY(write_text("/proc/self/uid_map", strbuf_text(&uids)));
	return write_text("/proc/self/gid_map", strbuf_text(&gids));
}

/* The login name of uid as /etc/passwd has it, else as the name service does; NULL: no name. */
static char *login_name(uid_t uid)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	char number[16];
	struct error *error = file_read(AT_FDCWD, "/etc/passwd", LIMIT_PASSWD_BYTES, &text, &n);

	error_ignore(error, "no /etc/passwd");
	(void)snprintf(number, sizeof(number), "%u", uid);
	for (struct str rest = { text, n }, line; rest.n;) {
		struct str name, password, id;

		(void)str_cut(rest, '\n', &line, &rest);
		if (str_cut(line, ':', &name, &line) && str_cut(line, ':', &password, &line) &&
				str_cut(line, ':', &id, &line) && str_is(id, number))
			return str_dup(name);
	}

	struct passwd entry;
	struct passwd *found = NULL;
	char buf[4096];
	if (getpwuid_r(uid, &entry, buf, sizeof(buf), &found) == 0 && found)
		return xstrdup(found->pw_name);
	return NULL;
}

/* The maps of row one; ERR_UNSUPPORTED says what is missing. */
static FALLIBLE subordinate_maps(struct userns *userns)
{
	AUTO_FREE char *name = login_name(userns->outer_uid);
	AUTO_FREE char *program = proc_find("newuidmap");
	struct idmap uids = { 0 };
	struct idmap gids = { 0 };

	TRY(idmap_subids("/etc/subuid", name, userns->outer_uid, &uids));
	TRY(idmap_subids("/etc/subgid", name, userns->outer_uid, &gids));
	if (!uids.n || !gids.n)
		return error_hint(error_new(ERR_UNSUPPORTED, "%s has no range in %s",
						  name ? name : "this user",
						  uids.n ? "/etc/subgid" : "/etc/subuid"),
				"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "
				"%s",
				name ? name : "NAME");
	if (!program)
		return error_hint(error_new(ERR_UNSUPPORTED, "newuidmap is not installed"),
				"apt-get install uidmap");
	idmap_with_self(userns->outer_uid, &uids, &userns->uids);
	idmap_with_self(userns->outer_gid, &gids, &userns->gids);
	return NULL;
}

/*
 * Owners are recorded by who sees the steps' own /proc. Where that cannot be had, proot does as
 * well; false: it is not there either.
 */
static bool take_proot(struct userns *userns)
{
	struct error *error = userns_try_proc() ? error_new(ERR_UNSUPPORTED, "there is no need")
						: userns_enter_bare(USERNS_PROOT, false, userns);

	if (!error) {
		give_reason(userns, "owners cannot be recorded where /proc is masked");
		return true;
	}
	error_free(error);
	return false;
}

static FALLIBLE enter_as_user(enum userns_mode wish, unsigned how, struct userns *userns)
{
	bool is_unshared = false;
	struct error *error = NULL;

	if (wish == USERNS_RECORDED) {
		give_reason(userns, "asked for");
		TRY(enter_single(userns, false));
		return userns_own_mounts();
	}
	userns->mode = USERNS_SUBUID;
	userns->owner = (struct owner_policy){ .kind = OWNER_PLAIN };
	error = subordinate_maps(userns);
	if (!error)
		error = enter_mapped(userns, false, &is_unshared);
	if (error && (wish == USERNS_SUBUID || error->kind != ERR_UNSUPPORTED))
		return error;
	userns->owner.maps = (struct id_maps){ userns->uids, userns->gids };
	if (error) {
		reason_from(userns, error);
		if (wish == USERNS_BEST && (how & USERNS_BUILDS) && !is_unshared &&
				take_proot(userns))
			return NULL;
		TRY(enter_single(userns, is_unshared));
	}
	return userns_own_mounts();
}

/* An image's ids above its usual width, all that we have place for. */
static const struct id_range high_ids = { IDMAP_WIDTH, OWNER_HIGH + IDMAP_WIDTH,
	OWNER_HIGH_LAST - IDMAP_WIDTH + 1 };

/* Not where the usual ones lead there: /etc/subuid may give root any range, and FreeIPA's begin so.
 */
static bool has_high_ids(const struct idmap *ours, const struct idmap *our_gids, uint32_t base)
{
	return (uint64_t)base + IDMAP_WIDTH <= high_ids.outside &&
	       idmap_covers(ours, high_ids.outside, high_ids.count) &&
	       idmap_covers(our_gids, high_ids.outside, high_ids.count);
}

static FALLIBLE stay_as_root(struct userns *userns)
{
	struct idmap ours, our_gids;
	uint32_t base = 0;

	TRY(idmap_read("/proc/self/uid_map", &ours));
	TRY(idmap_read("/proc/self/gid_map", &our_gids));
	userns->mode = USERNS_ROOT;
	if (idmap_count(&ours) == 1) {
		give_reason(userns, "the namespace we run in has one id only");
		TRY(enter_single(userns, false));
		return userns_own_mounts();
	}
	if (userns_spare_base(&ours, &our_gids, &base)) {
		userns->owner = (struct owner_policy){
			.kind = OWNER_SHIFTED,
			.base = base,
			.count = IDMAP_WIDTH,
			.has_high = has_high_ids(&ours, &our_gids, base),
		};
		userns->uids = (struct idmap){ { { 0, base, IDMAP_WIDTH }, high_ids },
			userns->owner.has_high ? 2 : 1 };
		userns->gids = userns->uids;
	} else {
		give_reason(userns,
				"the namespace we run in has no spare range: mapped one to one");
		userns->owner = (struct owner_policy){ .kind = OWNER_PLAIN };
		userns_one_to_one(&ours, &userns->uids);
		userns_one_to_one(&our_gids, &userns->gids);
	}
	if (unshare(CLONE_NEWNS) < 0)
		return no_namespace(errno, "make a mount namespace");
	return userns_own_mounts();
}

/*
 * Root without CAP_SYS_ADMIN, as in a container: into a namespace where it is root with all rights
 * and its own files are still its own, and that has a range to spare for steps; and there as root.
 * In a namespace without such a range (a rootless container) it takes what there is along; where
 * that is one id, there is nothing to become.
 */
static FALLIBLE become_full_root(struct userns *userns)
{
	struct idmap ours, our_gids;
	bool is_unshared = false;
	uint32_t base = 0;

	TRY(idmap_read("/proc/self/uid_map", &ours));
	TRY(idmap_read("/proc/self/gid_map", &our_gids));
	if (idmap_count(&ours) == 1)
		return NULL;
	if (userns_spare_base(&ours, &our_gids, &base)) {
		const struct id_range high = { high_ids.outside, high_ids.outside, high_ids.count };

		userns->uids = (struct idmap){ { { 0, 0, 1 }, { IDMAP_WIDTH, base, IDMAP_WIDTH },
							       high },
			has_high_ids(&ours, &our_gids, base) ? 3 : 2 };
		userns->gids = userns->uids;
	} else {
		userns_one_to_one(&ours, &userns->uids);
		userns_one_to_one(&our_gids, &userns->gids);
	}
	return enter_mapped(userns, true, &is_unshared);
}

static FALLIBLE enter_as_root(struct userns *userns)
{
	if (!userns_has_capability(CAP_SYS_ADMIN)) {
		TRY(become_full_root(userns));
		give_reason(userns, "root without CAP_SYS_ADMIN, in a namespace of its own");
	}
	return stay_as_root(userns);
}

static FALLIBLE enter_namespace(enum userns_mode wish, unsigned how, struct userns *userns)
{
	bool is_root = userns->outer_uid == 0 &&
		       (userns_has_capability(CAP_SYS_ADMIN) ||
				       (userns_has_capability(CAP_SETUID) &&
						       userns_has_capability(CAP_SETGID)));

	if (is_root && wish != USERNS_BEST && wish != USERNS_ROOT)
		return error_hint(error_new(ERR_UNSUPPORTED, "mode '%s' is for ordinary users",
						  userns_mode_name(wish)),
				"run kiln as an ordinary user, or leave the mode to it");
	if (!is_root && wish == USERNS_ROOT)
		return error_hint(error_new(ERR_UNSUPPORTED, "mode 'root' needs root with "
							     "CAP_SYS_ADMIN, or CAP_SETUID and "
							     "CAP_SETGID"),
				"leave the mode to kiln");
	return is_root ? enter_as_root(userns) : enter_as_user(wish, how, userns);
}

FALLIBLE userns_enter(enum userns_mode wish, unsigned how, struct userns *ret)
{
	struct userns userns = { .outer_uid = geteuid(), .outer_gid = getegid() };
	char reason[USERNS_REASON_BYTES];
	pid_t tried = 0;

	if (userns_is_bare(wish)) {
		TRY(userns_enter_bare(wish, (how & USERNS_FORCED) != 0, &userns));
		*ret = userns;
		return NULL;
	}
	if (wish == USERNS_BEST && (tried = userns_try(reason)) < 0) {
		TRY(userns_enter_best_bare(reason, &userns));
		log_debug("isolation: %s; %s", userns_mode_name(userns.mode), reason);
		*ret = userns;
		return NULL;
	}
	struct error *error = enter_namespace(wish, how, &userns);

	userns_try_end(tried);
	TRY(error);
	log_debug("user namespace: %s; %s", userns_mode_name(userns.mode),
			userns.reason[0] ? userns.reason : "the best there is");
	*ret = userns;
	return NULL;
}

pid_t userns_fork(int *ret_refused)
{
	const unsigned long flags = CLONE_NEWUSER | SIGCHLD;
	pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);

	*ret_refused = pid < 0 ? errno : 0;
	return pid < 0 ? fork() : pid;
}

FALLIBLE userns_child_unshare(const char *join, int sync_fd)
{
	TRY(join ? userns_enter_other(join) : unshare_user());
	return sync_send(sync_fd);
}

FALLIBLE userns_parent_wait(int sync_fd)
{
	return sync_wait(sync_fd);
}

FALLIBLE userns_child_enter(int refused, int sync_fd)
{
	if (refused)
		return no_namespace(refused, "make a user namespace");
	TRY(sync_wait(sync_fd));
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return error_sys("become root of a user namespace");
	return NULL;
}

static FALLIBLE map_child(const struct userns *userns, pid_t child)
{
	if (userns->join)
		return userns_check_joined(userns, child);
	TRY_WRAP(write_map(child, "uid_map", &userns->uids), "map a step's users");
	TRY_WRAP(write_map(child, "gid_map", &userns->gids), "map a step's groups");
	return NULL;
}

FALLIBLE userns_parent_map(const struct userns *userns, pid_t child, int sync_fd)
{
	struct error *error = map_child(userns, child);

	if (!error)
		return sync_send(sync_fd);
	sync_refuse(sync_fd, error);
	return error;
}
