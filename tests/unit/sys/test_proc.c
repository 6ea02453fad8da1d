#include "base/clock.h"
#include "scratch.h"
#include "sys/proc.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

static struct proc_spec shell(const char *script, const char **argv)
{
	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = script;
	argv[3] = NULL;
	return (struct proc_spec){ .argv = argv };
}

static void captures(void **state)
{
	const char *argv[4];
	AUTO(proc_result) struct proc_result result = { 0 };
	struct proc_spec spec = shell("cat; echo oops >&2; exit 7", argv);

	spec.input = "hello";
	spec.input_bytes = 5;
	assert_ok(proc_run(&spec, NULL, &result));
	assert_int_equal(result.status, 7);
	assert_string_equal(strbuf_text(&result.out), "hello");
	assert_string_equal(strbuf_text(&result.err), "oops\n");
}

static void much_output_does_not_block(void **state)
{
	const char *argv[4];
	AUTO(proc_result) struct proc_result result = { 0 };
	struct proc_spec spec =
			shell("head -c 900000 /dev/zero; head -c 2000000 /dev/zero >&2", argv);

	assert_ok(proc_run(&spec, NULL, &result));
	assert_int_equal(result.out.n, 900000);
	assert_int_equal(result.err.n, 1024 * 1024);
}

static void says_what_failed(void **state)
{
	const char *argv[4];
	AUTO(proc_result) struct proc_result result = { 0 };
	struct proc_spec spec = shell("kill -9 $$", argv);
	struct proc_spec none = { .argv = (const char *const[]){ "kiln-no-such-program", NULL } };

	assert_ok(proc_run(&spec, NULL, &result));
	assert_int_equal(result.status, 128 + SIGKILL);
	assert_error(proc_run(&none, NULL, &result), ERR_NOT_FOUND, "'kiln-no-such-program'");
	spec = shell("yes", argv);
	spec.output_limit = 1000;
	assert_error(proc_run(&spec, NULL, &result), ERR_LIMIT, "more than 1000 bytes");
}

static void limits_time(void **state)
{
	const char *argv[4];
	AUTO(proc_result) struct proc_result result = { 0 };
	struct proc_spec spec = shell("sleep 60 & sleep 60", argv);
	uint64_t before = clock_monotonic_ns();

	spec.timeout_ms = 100;
	assert_error(proc_run(&spec, NULL, &result), ERR_LIMIT, "took too long");
	assert_true(clock_monotonic_ns() - before < 5000000000ull);
}

static void does_not_wait_for_grandchildren(void **state)
{
	const char *argv[4];
	AUTO(proc_result) struct proc_result result = { 0 };
	struct proc_spec spec = shell("sleep 20 & echo done", argv);
	uint64_t before = clock_monotonic_ns();

	assert_ok(proc_run(&spec, NULL, &result));
	assert_string_equal(strbuf_text(&result.out), "done\n");
	assert_true(clock_monotonic_ns() - before < 5000000000ull);
}

static void cleans_the_environment(void **state)
{
	const char *argv[4];
	AUTO(proc_result) struct proc_result result = { 0 };
	AUTO(proc_result) struct proc_result second = { 0 };
	struct proc_spec spec = shell(
			"env | cut -d= -f1 | grep -vE '^(PWD|SHLVL|_)$' | sort | tr '\\n' ' '",
			argv);

	assert_int_equal(setenv("KILN_SECRET", "x", 1), 0);
	assert_int_equal(setenv("HOME", "/", 1), 0);
	assert_ok(proc_run(&spec, NULL, &result));
	assert_string_equal(strbuf_text(&result.out), "HOME LANG PATH ");
	spec = shell("echo $A", argv);
	spec.env = (const char *const[]){ "A=b", NULL };
	assert_ok(proc_run(&spec, NULL, &second));
	assert_string_equal(strbuf_text(&second.out), "b\n");
}

static void leaks_no_fd(void **state)
{
	const char *argv[4];
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(proc_result) struct proc_result result = { 0 };
	struct proc_spec spec = shell("pwd; ls /proc/self/fd | tr '\\n' ' '", argv);
	AUTO_FD int leaky = dup(scratch.fd); /* not CLOEXEC on purpose */
	AUTO_FREE char *wanted = xasprintf("%s\n0 1 2 3 ", scratch.path);

	spec.dir_fd = scratch.fd;
	assert_true(leaky > 3 || scratch.fd > 3);
	assert_ok(proc_run(&spec, NULL, &result));
	assert_string_equal(strbuf_text(&result.out), wanted);
}

static void swaps_streams(void **state)
{
	const char *argv[4];
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FD int fd = openat(scratch.fd, "out", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	AUTO(proc_result) struct proc_result result = { 0 };
	struct proc_spec spec = shell("echo to-file; echo kept >&2", argv);

	spec.stdout_fd = fd;
	assert_ok(proc_run(&spec, NULL, &result));
	assert_holds(scratch.fd, "out", "to-file\n");
	assert_int_equal(result.out.n, 0);
	assert_string_equal(strbuf_text(&result.err), "kept\n");
}

static void *set_soon(void *cancel)
{
	(void)poll(NULL, 0, 30);
	cancel_set(cancel);
	return NULL;
}

static void stops_when_asked(void **state)
{
	const char *argv[4];
	AUTO(cancel) struct cancel *cancel = cancel_new();
	AUTO(proc_result) struct proc_result result = { 0 };
	struct proc_spec spec = shell("sleep 60", argv);
	AUTO_FD int pid_fd = -1;
	int status = 0;
	pid_t pid = 0;
	pthread_t thread;

	assert_ok(proc_spawn(&spec, &pid, &pid_fd));
	assert_int_equal(pthread_create(&thread, NULL, set_soon, cancel), 0);
	assert_error(proc_wait(pid, pid_fd, cancel, &status), ERR_CANCELED, "canceled");
	(void)pthread_join(thread, NULL);
	assert_error(proc_run(&spec, cancel, &result), ERR_CANCELED, "canceled");

	(void)close(pid_fd);
	spec = shell("exit 3", argv);
	assert_ok(proc_spawn(&spec, &pid, &pid_fd));
	assert_ok(proc_wait(pid, pid_fd, NULL, &status));
	assert_int_equal(status, 3);
	assert_ok(proc_spawn(&spec, &pid, NULL));
	assert_ok(proc_wait(pid, -1, NULL, &status));
	assert_int_equal(status, 3);
}

static void finds_programs(void **state)
{
	AUTO_FREE char *sh = proc_find("sh");
	AUTO_FREE char *full = proc_find("/bin/sh");

	assert_non_null(sh);
	assert_int_equal(sh[0], '/');
	assert_string_equal(full, "/bin/sh");
	assert_null(proc_find("kiln-no-such-program"));
	assert_null(proc_find("/etc"));
	assert_null(proc_find(""));
}

static int work(void *user)
{
	return *(int *)user + 1;
}

static void runs_work_in_a_child(void **state)
{
	int status = 0, number = 41;
	pid_t pid = proc_share(work, &number, 0);

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	assert_int_equal(number, 41);
	/* What clone refuses is told: a new file system table and one that is shared. */
	assert_int_equal(proc_share(work, &number, CLONE_NEWNS | CLONE_FS), -1);
	assert_int_equal(errno, EINVAL);
}

static int refuse(int fd)
{
	return fd;
}

static int stay(int fd)
{
	(void)fd;
	return 0;
}

/* One child has no end of another's, nor of anything else that somebody waits for. */
static void holds_nothing_of_ours(void **state)
{
	struct held one = { 0 }, other = { 0 };
	int ends[2];
	char byte;

	assert_int_equal(proc_hold(refuse, EDOM, &one), EDOM);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(proc_hold(stay, -1, &one), 0);
	assert_int_equal(proc_hold(stay, -1, &other), 0);
	assert_int_equal(kill(one.pid, 0), 0);
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	(void)close(ends[0]);
	proc_let_go(&one);
	proc_let_go(&other);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void becomes_a_program(void **state)
{
	static const char *const script[] = { "sh", "-c",
		"read -r x; echo out; ls /proc/self/fd | tr -d '\\n' >&2; env | grep -c "
		"KILN_SECRET >&2",
		NULL };
	static const char *const missing[] = { "kiln-no-such-program", NULL };
	AUTO_FREE char *text = NULL;
	int ends[2], status = 0;
	size_t n = 0;

	assert_error(proc_become(missing, 2), ERR_NOT_FOUND, "'kiln-no-such-program' is not there");
	assert_int_equal(setenv("KILN_SECRET", "x", 1), 0);
	assert_int_equal(pipe(ends), 0); /* not CLOEXEC */
	pid_t pid = fork();
	if (pid == 0) {
		error_free(proc_become(script, ends[1]));
		_exit(99);
	}
	(void)close(ends[1]);
	assert_ok(fd_read_all(ends[0], 4096, &text, &n));
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 1 << 8);     /* grep's */
	assert_string_equal(text, "01230\n"); /* 3 is ls's own */
	(void)unsetenv("KILN_SECRET");
}

UNIT_TESTS(captures, much_output_does_not_block, says_what_failed, limits_time,
		does_not_wait_for_grandchildren, cleans_the_environment, leaks_no_fd, swaps_streams,
		stops_when_asked, finds_programs, runs_work_in_a_child, holds_nothing_of_ours,
		becomes_a_program)
