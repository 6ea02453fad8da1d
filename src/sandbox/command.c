#include "sandbox/command.h"
#include "base/vec.h"
#include "sandbox/confine.h"
#include "sandbox/filter.h"
#include "sandbox/identity.h"
#include "sandbox/wire.h"
#include "sys/fd.h"
#include "sys/owner.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

/* What the operations say, gathered before anything irrevocable happens. */
struct wish {
	VEC(gid_t) groups;
	struct list argv, env;
	uid_t uid;
	gid_t gid;
	uint64_t capabilities;
	mode_t umask;
	int stdio[3];
	const char *directory;
	bool is_confined, records_owners, no_new_privileges, has_terminal;
	const void *filter; /* instead of the default profile; or NULL */
	size_t filter_bytes;
};

static FALLIBLE set_limit(const struct plan_op *op)
{
	struct rlimit limit = { .rlim_cur = op->number, .rlim_max = op->second };
	struct rlimit ours;

	if (setrlimit((__rlimit_resource_t)op->mode, &limit) == 0)
		return NULL;
	if (errno != EPERM || getrlimit((__rlimit_resource_t)op->mode, &ours) < 0)
		return error_sys("set a resource limit");
	return error_hint(error_new(ERR_DENIED, "resource limit %llu is above what we have, %llu",
					  (unsigned long long)op->second,
					  (unsigned long long)ours.rlim_max),
			"raise the hard limit of the user that runs kiln");
}

/* By an fd that kiln opened, with kiln's rights. PID 1 stays outside: it has to outlive us. */
static FALLIBLE join_cgroup(int fd)
{
	TRY_WRAP(fd_write_all(fd, "0", 1), "join the step's cgroup");
	return NULL;
}

static FALLIBLE gather(const struct command *command, struct wish *wish)
{
	const struct plan *plan = command->plan;

	for (size_t i = command->first; i < plan->ops.n; i++) {
		const struct plan_op *op = &plan->ops.p[i];

		switch (op->kind) {
		case PLAN_LIMIT:
			TRY(set_limit(op));
			break;
		case PLAN_INPUT:
			wish->has_terminal = op->number != 0;
			__attribute__((fallthrough));
		case PLAN_OUTPUT:
		case PLAN_ERRORS:
			wish->stdio[op->kind - PLAN_INPUT] =
					op->fd >= 0 ? command->fds[op->fd] : -1;
			break;
		case PLAN_GROUP:
			vec_push(&wish->groups, (gid_t)op->number);
			break;
		case PLAN_USER:
			wish->uid = (uid_t)op->number;
			wish->gid = (gid_t)op->second;
			break;
		case PLAN_CAPABILITIES:
			wish->capabilities = op->number;
			break;
		case PLAN_SECCOMP:
			wish->is_confined = true;
			wish->filter = op->more.n ? plan_text_of(plan, op->more) : NULL;
			wish->filter_bytes = op->more.n;
			break;
		case PLAN_RECORD:
			wish->records_owners = true;
			break;
		case PLAN_NO_NEW_PRIVILEGES:
			wish->no_new_privileges = true;
			break;
		case PLAN_UMASK:
			wish->umask = op->mode & 0777;
			break;
		case PLAN_DIRECTORY:
			wish->directory = plan_text_of(plan, op->text);
			break;
		case PLAN_VARIABLE:
			list_add(&wish->env, plan_text_of(plan, op->text));
			break;
		case PLAN_ARGUMENT:
			list_add(&wish->argv, plan_text_of(plan, op->text));
			break;
		case PLAN_CGROUP:
			TRY(join_cgroup(command->fds[op->fd]));
			break;
		case PLAN_EXEC:
			break;
		default:
			return error_new(ERR_INVALID, "a mount behind the end of mounts");
		}
	}
	return NULL;
}

static FALLIBLE set_stdio(const struct command *command, const struct wish *wish)
{
	for (int i = 0; i < 3; i++) {
		AUTO_FD int opened_fd = -1;
		int fd = wish->stdio[i];

		if (fd < 0 && command->bare.is_bare)
			fd = command->bare.null_fd;
		if (fd < 0) {
			TRY(file_open(AT_FDCWD, "/dev/null", O_RDWR, 0, &opened_fd));
			fd = opened_fd;
		}
		if (dup2(fd, i) < 0)
			return error_sys("set up standard input and output");
	}
	/* Everything is CLOEXEC from birth; this holds for what a library may have opened too. */
	if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return error_sys("close files");
	return NULL;
}

static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	(void)sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static FALLIBLE narrow_bounds(uint64_t keep, bool is_bare)
{
	for (unsigned capability = 0; capability < 64; capability++) {
		if (keep >> capability & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, capability) < 0) {
			if (errno == EINVAL) /* past the last one that this kernel knows */
				return NULL;
			if (errno == EPERM && is_bare) /* not ours to drop */
				continue;
			return error_sys("drop capabilities");
		}
	}
	return NULL;
}

static FALLIBLE set_capabilities(uint64_t keep, bool is_bare)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct sets[2] = { { 0 } };

	if (is_bare) {
		struct __user_cap_data_struct ours[2] = { { 0 } };

		if (syscall(SYS_capget, &header, ours) < 0)
			return error_sys("read our capabilities");
		keep &= ours[0].permitted | (uint64_t)ours[1].permitted << 32;
	}
	for (int i = 0; i < 2; i++)
		sets[i].effective = sets[i].permitted = (uint32_t)(keep >> 32 * i);
	if (syscall(SYS_capset, &header, sets) < 0)
		return error_sys("set capabilities");
	return NULL;
}

static FALLIBLE become(const struct wish *wish)
{
	if (wish->records_owners) {
		/* One id is all there is; the supervisor answers for who we are. */
		struct rlimit token = { IDENTITY_FIRST, RLIM_INFINITY };

		if (setrlimit(RLIMIT_LOCKS, &token) < 0)
			return error_sys("take an identity");
		return NULL;
	}
	if (setgroups(wish->groups.n, wish->groups.p) < 0)
		return error_sys("set %zu supplementary groups", wish->groups.n);
	if (setresgid(wish->gid, wish->gid, wish->gid) < 0)
		return error_hint(error_sys("become group %u", wish->gid),
				"the id is not among those mapped: see /etc/subgid");
	if (setresuid(wish->uid, wish->uid, wish->uid) < 0)
		return error_hint(error_sys("become user %u", wish->uid),
				"the id is not among those mapped: see /etc/subuid");
	return NULL;
}

static struct error *exec_error(const char *path, int number)
{
	bool is_missing = number == ENOENT || number == ENOTDIR;

	errno = number;
	struct error *error =
			error_code(ERR_EXIT, is_missing ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE,
					"run '%s': %s", path, strerrordesc_np(number));
	if (is_missing && strchr(path, '/'))
		return error_hint(error, "check that the file and its interpreter (its first line, "
					 "or its loader) are in the image");
	if (is_missing)
		return error_hint(error, "no such program in the image's PATH");
	if (number == ENOEXEC)
		return error_hint(error, "not a program of this machine's kind: of another "
					 "architecture, which qemu-user in binfmt_misc would run, "
					 "or a script without '#!'");
	return error;
}

/* execve along env's PATH; returns only with an error. */
static FALLIBLE execute(struct wish *wish)
{
	const char *program = wish->argv.p[0];
	const char *path = list_env_get(&wish->env, "PATH");
	int worst = ENOENT;

	vec_push(&wish->argv, NULL);
	vec_push(&wish->env, NULL);
	if (strchr(program, '/')) {
		(void)execve(program, wish->argv.p, wish->env.p);
		return exec_error(program, errno);
	}
	for (struct str rest = str_of(path ? path : DEFAULT_PATH), dir; rest.n;) {
		(void)str_cut(rest, ':', &dir, &rest);
		AUTO_FREE char *full = dir.n ? xasprintf("%.*s/%s", STR_ARG(dir), program)
					     : xasprintf("./%s", program);

		(void)execve(full, wish->argv.p, wish->env.p);
		if (errno != ENOENT && errno != ENOTDIR)
			worst = errno;
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			break;
	}
	return exec_error(program, worst);
}

static FALLIBLE enter_directory(const char *directory)
{
	if (chdir(directory) < 0)
		return error_sys("enter the directory '%s'", directory);
	return NULL;
}

static FALLIBLE enter_root(int root_fd)
{
	if (fchdir(root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return error_sys("enter the step's root");
	return NULL;
}

static FALLIBLE enter_bare(const struct command *command, const struct wish *wish)
{
	const struct command_bare *bare = &command->bare;

	if (!bare->is_bare)
		return NULL;
	if (bare->enters)
		TRY(enter_root(bare->root_fd));
	/* The supervisor's filter takes rights, or this. */
	if (wish->records_owners && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys("set no_new_privs");
	return bare->confine_fd >= 0 ? confine_self(bare->confine_fd) : NULL;
}

/*
 * The working directory is made again when an earlier step removed it or the base image never had
 * it, as runc does: root's, whoever the step is. Before the filter, which asks the supervisor.
 */
static FALLIBLE need_directory(const struct command *command, const struct wish *wish)
{
	/* As sys/userns has it for proot. */
	const struct owner_policy policy = { .kind = OWNER_RECORDED, .is_flat = true };
	const struct owner owner = { .mode = S_IFDIR | 0755 };
	struct stat st;

	if (command->bare.is_bare && command->bare.words->n)
		return rootfs_make_dirs(
				command->bare.root_fd, wish->directory, &policy, &owner, NULL);
	if (stat(wish->directory, &st) == 0 || errno != ENOENT)
		return NULL;
	return file_make_dirs(wish->directory, 0755);
}

static FALLIBLE load_proot_filter(void)
{
	struct filter_program program;

	filter_proot(&program);
	struct error *error = filter_load(&program);
	vec_done(&program.code);
	return error;
}

static FALLIBLE load_filter(const struct command *command, const struct wish *wish)
{
	if (command->bare.is_bare && command->bare.words->n)
		TRY(load_proot_filter());
	int listener_fd = -1;

	if (wish->is_confined) {
		struct error *error =
				wish->filter ? filter_load_bytes(wish->filter, wish->filter_bytes)
					     : filter_load(command->profile);

		/* The container's own profile holds; ours takes rights or no_new_privs. */
		if (command->bare.is_bare && error_is_errno(error, EACCES))
			error_ignore(TAKE(error), "no rights");
		TRY(error);
	}
	if (!wish->records_owners)
		return NULL;
	TRY(filter_listen(command->listener, &listener_fd));
	AUTO_FD int fd = listener_fd;
	return wire_send(command->report_fd, WIRE_LISTENER, NULL, 0, &fd, 1);
}

static bool is_there(int root_fd, const char *directory, const char *path)
{
	AUTO_FREE char *full = path_join(directory, path);
	struct stat st;
	struct error *error = rootfs_stat(root_fd, full, &st);
	bool is_file = !error && S_ISREG(st.st_mode);

	error_free(error);
	return is_file;
}

/* What would be executed is in the root: proot's own words for that are no exit code. */
static FALLIBLE check_program(int root_fd, const struct wish *wish)
{
	const char *program = wish->argv.p[0];
	const char *path = list_env_get(&wish->env, "PATH");

	if (strchr(program, '/'))
		return is_there(root_fd, wish->directory, program) ? NULL
								   : exec_error(program, ENOENT);
	for (struct str rest = str_of(path ? path : DEFAULT_PATH), dir; rest.n;) {
		(void)str_cut(rest, ':', &dir, &rest);
		AUTO_FREE char *full = xasprintf("%.*s/%s", STR_ARG(dir), program);

		if (is_there(root_fd, wish->directory, full))
			return NULL;
	}
	return exec_error(program, ENOENT);
}

/* Below what the step has of its own. */
static void add_variables(const struct list *variables, struct list *env)
{
	for (size_t i = 0; i < variables->n; i++) {
		struct str name, value;

		(void)str_cut(str_of(variables->p[i]), '=', &name, &value);
		AUTO_FREE char *text = str_dup(name);
		if (!list_env_get(env, text))
			list_env_set(env, text, value.p);
	}
}

/* By another program, which finds the command in the root and changes to the directory. */
static FALLIBLE execute_below(const struct command *command, struct wish *wish)
{
	struct list argv = { 0 };

	TRY(check_program(command->bare.root_fd, wish));
	TRY(become(wish));
	list_add_all(&argv, command->bare.words);
	list_add_all(&argv, &wish->argv);
	add_variables(command->bare.env, &wish->env);
	wish->argv.p = argv.p;
	wish->argv.n = argv.n;
	wish->argv.capacity = argv.capacity;
	return execute(wish);
}

static FALLIBLE run(const struct command *command)
{
	struct wish wish = { .umask = 022, .stdio = { -1, -1, -1 }, .directory = "/" };
	bool is_bare = command->bare.is_bare;

	TRY(gather(command, &wish));
	if (!wish.argv.n)
		return error_new(ERR_INVALID, "a plan without a command");
	(void)setsid();
	(void)umask(wish.umask);
	reset_signals();
	TRY(set_stdio(command, &wish));
	if (wish.has_terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
		return error_sys("take the terminal");
	TRY(enter_bare(command, &wish));
	TRY_WRAP(need_directory(command, &wish), "enter the directory '%s'", wish.directory);
	TRY(narrow_bounds(wish.capabilities, is_bare));
	if (wish.no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys("set no_new_privs");
	/* While we may: a filter without no_new_privs takes CAP_SYS_ADMIN. */
	TRY(load_filter(command, &wish));
	if (is_bare && command->bare.words->n)
		return execute_below(command, &wish);
	struct error *denied = enter_directory(wish.directory);
	TRY(become(&wish));
	if (denied) {
		error_free(denied);
		TRY(enter_directory(wish.directory));
	}
	if (wish.uid == 0 || wish.records_owners)
		TRY(set_capabilities(wish.capabilities, is_bare));
	return execute(&wish);
}

_Noreturn void command_run(const struct command *command)
{
	struct error *error = run(command);
	AUTO(strbuf) struct strbuf bytes = { 0 };

	wire_put_error(error, &bytes);
	error_ignore(wire_send(command->report_fd, WIRE_FAILED, bytes.p, bytes.n, NULL, 0),
			"PID 1 sees our end");
	_exit(EXIT_NOT_FOUND);
}
