#include "sys/proc.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { TERM_MS = 10000, OUTPUT_LIMIT = 1024 * 1024, STACK_BYTES = 256 * 1024 };

void proc_result_done(struct proc_result *result)
{
	strbuf_done(&result->out);
	strbuf_done(&result->err);
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *proc_find(const char *name)
{
	const char *path = getenv("PATH"); // NOLINT(concurrency-mt-unsafe): nobody calls setenv
	struct str rest = str_of(path ? path : "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");

	if (!*name)
		return NULL;
	if (strchr(name, '/'))
		return is_program(name) ? xstrdup(name) : NULL;
	while (rest.n) {
		struct str dir;

		(void)str_cut(rest, ':', &dir, &rest);
		/* An empty element means the working directory: not for us. */
		if (dir.n == 0)
			continue;
		char *full = xasprintf("%.*s/%s", STR_ARG(dir), name);
		if (is_program(full))
			return full;
		free(full);
	}
	return NULL;
}

/* Everything that posix_spawn wants, and what must be closed behind it. */
struct spawn {
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int fds[3];
};

static void spawn_done(struct spawn *spawn)
{
	for (int i = 0; i < 3; i++)
		if (spawn->fds[i] >= 0)
			(void)close(spawn->fds[i]);
	(void)posix_spawn_file_actions_destroy(&spawn->actions);
	(void)posix_spawnattr_destroy(&spawn->attributes);
}

DEFINE_AUTO_VALUE(spawn)

/* Copies above 2, so that no dup2 in the child overwrites what a later one needs. */
static FALLIBLE choose_fds(const struct proc_spec *spec, struct spawn *spawn)
{
	const int wanted[3] = { spec->stdin_fd, spec->stdout_fd, spec->stderr_fd };

	for (int i = 0; i < 3; i++) {
		spawn->fds[i] = wanted[i] > 0 ? fcntl(wanted[i], F_DUPFD_CLOEXEC, 3)
					      : open("/dev/null", O_RDWR | O_CLOEXEC);
		if (spawn->fds[i] >= 0 && spawn->fds[i] < 3) {
			int low = spawn->fds[i];

			spawn->fds[i] = fcntl(low, F_DUPFD_CLOEXEC, 3);
			(void)close(low);
		}
		if (spawn->fds[i] < 0)
			return error_sys("prepare the standard streams");
	}
	return NULL;
}

static FALLIBLE prepare(const struct proc_spec *spec, struct spawn *spawn)
{
	sigset_t none, all;
	int failed = 0;

	TRY(choose_fds(spec, spawn));
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	for (int i = 0; i < 3; i++)
		failed |= posix_spawn_file_actions_adddup2(&spawn->actions, spawn->fds[i], i);
	if (spec->dir_fd > 0)
		failed |= posix_spawn_file_actions_addfchdir_np(&spawn->actions, spec->dir_fd);
	failed |= posix_spawn_file_actions_addclosefrom_np(&spawn->actions, 3);
	failed |= posix_spawnattr_setflags(&spawn->attributes,
			POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	failed |= posix_spawnattr_setsigmask(&spawn->attributes, &none);
	failed |= posix_spawnattr_setsigdefault(&spawn->attributes, &all);
	failed |= posix_spawnattr_setpgroup(&spawn->attributes, 0);
	if (failed)
		return error_errno(failed, "prepare a process");
	return NULL;
}

static void clean_env(struct list *env)
{
	static const char *const kept[] = { "PATH", "HOME" };

	for (size_t i = 0; i < COUNT(kept); i++) {
		const char *value = getenv(kept[i]); // NOLINT(concurrency-mt-unsafe)

		if (value)
			list_addf(env, "%s=%s", kept[i], value);
	}
	list_add(env, "LANG=C.UTF-8");
	*vec_add(env) = NULL;
}

FALLIBLE proc_spawn(const struct proc_spec *spec, pid_t *ret_pid, int *ret_pid_fd)
{
	AUTO(spawn) struct spawn spawn = { .fds = { -1, -1, -1 } };
	AUTO(list) struct list env = { 0 };
	AUTO_FREE char *program = proc_find(spec->argv[0]);
	pid_t pid = 0;

	(void)posix_spawn_file_actions_init(&spawn.actions);
	(void)posix_spawnattr_init(&spawn.attributes);
	if (!program)
		return error_new(ERR_NOT_FOUND, "program '%s' is not there", spec->argv[0]);
	TRY_WRAP(prepare(spec, &spawn), "start '%s'", spec->argv[0]);
	if (!spec->env)
		clean_env(&env);

	char *const *envp = spec->env ? (char *const *)(uintptr_t)spec->env : env.p;
	int number = posix_spawn(&pid, program, &spawn.actions, &spawn.attributes,
			(char *const *)(uintptr_t)spec->argv, envp);
	if (number)
		return error_errno(number, "start '%s'", program);
	if (ret_pid_fd) {
		/* The child is ours and not reaped yet: its pid cannot mean anybody else. */
		int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);

		if (pid_fd < 0) {
			struct error *error = error_sys("watch '%s'", program);

			(void)kill(-pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
			return error;
		}
		*ret_pid_fd = pid_fd;
	}
	*ret_pid = pid;
	return NULL;
}

FALLIBLE proc_become(const char *const *argv, int stderr_fd)
{
	AUTO_FREE char *program = proc_find(argv[0]);
	AUTO(list) struct list env = { 0 };
	AUTO_FD int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	if (!program)
		return error_new(ERR_NOT_FOUND, "program '%s' is not there", argv[0]);
	clean_env(&env);
	(void)sigemptyset(&none);
	if (null_fd < 0 || pthread_sigmask(SIG_SETMASK, &none, NULL) != 0 || dup2(null_fd, 0) < 0 ||
			dup2(null_fd, 1) < 0 || dup2(stderr_fd, 2) < 0 ||
			close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return error_sys("prepare to start '%s'", program);
	(void)execve(program, (char *const *)(uintptr_t)argv, env.p);
	return error_sys("start '%s'", program);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool may_share_memory = false;
#else
static const bool may_share_memory = true;
#endif

pid_t proc_share(int (*work)(void *user), void *user, int flags)
{
	if (may_share_memory) {
		AUTO_FREE char *stack = xmalloc(STACK_BYTES);

		return clone(work, stack + STACK_BYTES, SIGCHLD | CLONE_VM | CLONE_VFORK | flags,
				user);
	}

	pid_t pid = flags ? (pid_t)syscall(SYS_clone, SIGCHLD | flags, NULL, NULL, NULL, NULL)
			  : fork();

	if (pid == 0)
		_exit(work(user));
	return pid;
}

void proc_start_elsewhere(pid_t pid)
{
	int ours = sched_getcpu();
	cpu_set_t all, others;

	if (ours < 0 || sched_getaffinity(0, sizeof(all), &all) < 0 || CPU_COUNT(&all) < 2)
		return;
	others = all;
	CPU_CLR((size_t)ours, &others);
	/* It is moved by the first, and as free as we are after the second. */
	if (sched_setaffinity(pid, sizeof(others), &others) == 0)
		(void)sched_setaffinity(pid, sizeof(all), &all);
}

/*
 * Nothing but system calls. What another thread has open for its own child, whose end would be
 * waited for in vain, is closed before anything is.
 */
static _Noreturn void stay(int (*enter)(int fd), int fd, int held_fd)
{
	uint8_t number = (uint8_t)enter(fd);

	if (held_fd > 0)
		(void)close_range(0, (unsigned)held_fd - 1, 0);
	(void)close_range((unsigned)held_fd + 1, ~0u, 0);
	if (write(held_fd, &number, 1) == 1)
		(void)!read(held_fd, &number, 1);
	_exit(0);
}

int proc_hold(int (*enter)(int fd), int fd, struct held *ret)
{
	uint8_t number = EIO;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return errno;
	*ret = (struct held){ fork(), pair[0] };
	if (ret->pid == 0)
		stay(enter, fd, pair[1]);
	if (ret->pid < 0)
		number = (uint8_t)errno;
	(void)close(pair[1]);
	if (ret->pid > 0 && TEMP_FAILURE_RETRY(read(pair[0], &number, 1)) != 1)
		number = EIO;
	if (number)
		proc_let_go(ret);
	return number;
}

void proc_let_go(struct held *held)
{
	(void)close(held->fd);
	if (held->pid > 0)
		(void)TEMP_FAILURE_RETRY(waitpid(held->pid, NULL, 0));
	*held = (struct held){ .fd = -1 };
}

static FALLIBLE reap(pid_t pid, int *ret_status)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_sys("wait for process %d", (int)pid);
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return NULL;
}

/* The whole group: what the program started dies with it. */
static void signal_group(pid_t pid, int signal)
{
	if (kill(-pid, signal) < 0)
		(void)kill(pid, signal);
}

FALLIBLE proc_wait(pid_t pid, int pid_fd, struct cancel *cancel, int *ret_status)
{
	AUTO_FD int own_fd = pid_fd < 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	uint64_t kill_at_ns = 0;
	int status = 0;

	if (pid_fd < 0)
		pid_fd = own_fd;
	if (pid_fd < 0)
		return error_sys("watch process %d", (int)pid);
	for (;;) {
		struct pollfd fds[2] = { { .fd = pid_fd, .events = POLLIN },
			{ .fd = kill_at_ns ? -1 : cancel_fd(cancel), .events = POLLIN } };
		uint64_t now_ns = clock_monotonic_ns();

		if (kill_at_ns && now_ns >= kill_at_ns)
			signal_group(pid, SIGKILL);
		int wait_ms = kill_at_ns > now_ns ? (int)((kill_at_ns - now_ns) / 1000000) + 1 : -1;
		if (poll(fds, 2, wait_ms) < 0 && errno != EINTR)
			return error_sys("wait for process %d", (int)pid);
		if (fds[0].revents)
			break;
		if (fds[1].revents) {
			signal_group(pid, SIGTERM);
			kill_at_ns = clock_monotonic_ns() + UINT64_C(1000000) * TERM_MS;
		}
	}
	TRY(reap(pid, &status));
	if (kill_at_ns)
		return error_new(ERR_CANCELED, "canceled");
	*ret_status = status;
	return NULL;
}

/* A run in progress: what proc_run polls. */
struct run {
	const char *name;
	pid_t pid;
	int pid_fd, out_fd, err_fd; /* out_fd, err_fd: -1 when not captured or at their end */
	size_t limit;
	uint64_t deadline_ns; /* 0 is none */
	struct proc_result result;
};

static void run_done(struct run *run)
{
	if (run->pid) {
		int status = 0;

		signal_group(run->pid, SIGKILL);
		error_ignore(reap(run->pid, &status), "killed on the way out");
	}
	for (int i = 0; i < 3; i++) {
		int fd = i == 0 ? run->pid_fd : i == 1 ? run->out_fd : run->err_fd;

		if (fd >= 0)
			(void)close(fd);
	}
	proc_result_done(&run->result);
}

DEFINE_AUTO_VALUE(run)

/* Take what is there without blocking; -1 in *fd at the end. What exceeds keep is dropped. */
static FALLIBLE drain(int *fd, struct strbuf *out, size_t keep)
{
	char buf[16384];

	for (;;) {
		ssize_t n = read(*fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return NULL;
		if (n < 0)
			return error_sys("read output");
		if (n == 0) {
			(void)close(*fd);
			*fd = -1;
			return NULL;
		}
		size_t room = out->n < keep ? keep - out->n : 0;
		strbuf_add_bytes(out, buf, (size_t)n < room ? (size_t)n : room);
	}
}

static FALLIBLE drain_both(struct run *run)
{
	if (run->out_fd >= 0)
		TRY(drain(&run->out_fd, &run->result.out, run->limit + 1));
	if (run->err_fd >= 0)
		TRY(drain(&run->err_fd, &run->result.err, run->limit));
	if (run->result.out.n > run->limit)
		return error_new(ERR_LIMIT, "'%s' printed more than %zu bytes", run->name,
				run->limit);
	return NULL;
}

static FALLIBLE pump(struct run *run, struct cancel *cancel)
{
	for (;;) {
		struct pollfd fds[4] = {
			{ .fd = run->pid_fd, .events = POLLIN },
			{ .fd = cancel_fd(cancel), .events = POLLIN },
			{ .fd = run->out_fd, .events = POLLIN },
			{ .fd = run->err_fd, .events = POLLIN },
		};
		uint64_t now_ns = clock_monotonic_ns();

		TRY(cancel_check(cancel));
		if (run->deadline_ns && now_ns >= run->deadline_ns)
			return error_new(ERR_LIMIT, "'%s' took too long and was killed", run->name);
		int wait_ms = run->deadline_ns ? (int)((run->deadline_ns - now_ns) / 1000000) + 1
					       : -1;
		if (poll(fds, 4, wait_ms) < 0 && errno != EINTR)
			return error_sys("wait for '%s'", run->name);
		TRY(drain_both(run));
		/* A background child may hold the pipes open for ever: the program's end counts. */
		if (fds[0].revents)
			return drain_both(run);
	}
}

static FALLIBLE pipe_for(int *ours, int *theirs)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys("make a pipe");
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	*ours = ends[0];
	*theirs = ends[1];
	return NULL;
}

/* A file in memory rather than a pipe: nothing to pump, no SIGPIPE. */
static FALLIBLE input_file(const struct proc_spec *spec, int *ret_fd)
{
	AUTO_FD int fd = memfd_create("kiln-input", MFD_CLOEXEC);

	if (fd < 0)
		return error_sys("hold the input");
	TRY(fd_write_all(fd, spec->input, spec->input_bytes));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys("hold the input");
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

FALLIBLE proc_run(const struct proc_spec *spec, struct cancel *cancel, struct proc_result *ret)
{
	AUTO(run)
	struct run run = { .name = spec->argv[0],
		.pid_fd = -1,
		.out_fd = -1,
		.err_fd = -1,
		.limit = spec->output_limit ? spec->output_limit : OUTPUT_LIMIT };
	AUTO_FD int in_fd = -1;
	AUTO_FD int out_fd = -1;
	AUTO_FD int err_fd = -1;
	struct proc_spec own = *spec;

	if (spec->input) {
		TRY(input_file(spec, &in_fd));
		own.stdin_fd = in_fd;
	}
	if (spec->stdout_fd <= 0) {
		TRY(pipe_for(&run.out_fd, &out_fd));
		own.stdout_fd = out_fd;
	}
	if (spec->stderr_fd <= 0) {
		TRY(pipe_for(&run.err_fd, &err_fd));
		own.stderr_fd = err_fd;
	}
	TRY(proc_spawn(&own, &run.pid, &run.pid_fd));
	if (spec->timeout_ms)
		run.deadline_ns = clock_monotonic_ns() + UINT64_C(1000000) * spec->timeout_ms;
	TRY(pump(&run, cancel));
	TRY(reap(run.pid, &run.result.status));
	run.pid = 0;

	*ret = run.result;
	run.result = (struct proc_result){ 0 };
	return NULL;
}
