#include "sandbox/helper.h"
#include "base/auto.h"
#include "base/error.h"
#include "base/str.h"
#include "base/vec.h"
#include "sandbox/filter.h"
#include "sandbox/init.h"
#include "sandbox/record.h"
#include "sandbox/stage.h"
#include "sandbox/wire.h"
#include "sys/fd.h"
#include "sys/mounts.h"
#include "sys/userns.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* A PID 1 that dies before it took a step, so often in a row, will not do better. */
enum { TRIES = 3 };

static void die_with_kiln(void)
{
	/* Cleared by every change of identity, so said again after those. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Nothing on 0 and 1. Standard error stays for sanitizers. */
static FALLIBLE leave_stdio(void)
{
	AUTO_FD int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0)
		return error_sys("open '/dev/null'");
	if (dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0)
		return error_sys("leave standard input and output");
#if !defined(__SANITIZE_ADDRESS__)
	if (dup2(null_fd, 2) < 0)
		return error_sys("leave standard error");
#endif
	return NULL;
}

/* Nothing of kiln's but our two fds. */
static void leave_files(const struct helper *helper)
{
	bool in_order = helper->sync_fd < 0 || helper->control_fd < helper->sync_fd;
	const int keep[] = {
		in_order ? helper->control_fd : helper->sync_fd,
		in_order ? helper->sync_fd : helper->control_fd,
	};
	unsigned next = 3;

	for (int i = 0; i < 2; i++) {
		if (keep[i] < 0)
			continue;
		if ((unsigned)keep[i] > next)
			(void)close_range(next, (unsigned)keep[i] - 1, 0);
		next = (unsigned)keep[i] + 1;
	}
	(void)close_range(next, ~0u, 0);
}

/*
 * A step may read the command line of its PID 1, and with it kiln's options: ours is blanked where
 * the kernel reads it (fields 48 and 49 of /proc/self/stat say where).
 */
static void forget_command_line(void)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	uint64_t place[2] = { 0 };
	struct error *error = file_read(AT_FDCWD, "/proc/self/stat", 1 << 16, &text, &n);
	/* The second field is a name in parentheses that may hold blanks. */
	struct str rest = { text, error ? 0 : n };
	struct str word;

	rest = str_slice(rest, str_find_last(rest, ')'), rest.n);
	for (int field = 2; !error && field < 50; field++) {
		(void)str_cut(rest, ' ', &word, &rest);
		if (field >= 48)
			error = parse_u64(word, UINT64_MAX, &place[field - 48]);
	}
	if (!error && place[0] && place[1] > place[0])
		memset((void *)(uintptr_t)place[0], 0, place[1] - place[0]);
	error_ignore(error, "the command line stays");
}

static FALLIBLE detach(const struct helper *helper)
{
	(void)setsid();
	(void)prctl(PR_SET_NAME, "kiln-sandbox");
	TRY(leave_stdio());
	leave_files(helper);
	forget_command_line();
	return NULL;
}

FALLIBLE helper_detach(int control_fd)
{
	return detach(&(struct helper){ .control_fd = control_fd, .sync_fd = -1 });
}

/*
 * Most spares never are; then kiln closes its end, or dies. ret: the namespace to join, or "": a
 * text with its end.
 */
static void wait_until_wanted(int fd, char ret[static PATH_MAX])
{
	for (size_t n = 0; n < PATH_MAX; n++) {
		if (TEMP_FAILURE_RETRY(read(fd, &ret[n], 1)) != 1)
			break;
		if (!ret[n])
			return;
	}
	_exit(0);
}

static FALLIBLE settle(const struct helper *helper)
{
	char join[PATH_MAX] = "";

	die_with_kiln();
	TRY(detach(helper));
	if (helper->is_spare)
		wait_until_wanted(helper->sync_fd, join);
	else if (helper->join)
		(void)snprintf(join, sizeof(join), "%s", helper->join);
	if (helper->is_spare || helper->join)
		TRY(userns_child_unshare(*join ? join : NULL, helper->sync_fd));
	if (helper->sync_fd >= 0)
		TRY(userns_child_enter(helper->refused, helper->sync_fd));
	die_with_kiln();
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (helper->is_for_one)
		return NULL;
	if (unshare(CLONE_NEWNS) < 0)
		return error_sys("make a mount namespace");
	return stage_build();
}

static pid_t clone_init(const struct init *init)
{
	const unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
				    CLONE_NEWCGROUP | SIGCHLD;
	pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);

	if (pid == 0)
		init_run(init);
	return pid;
}

/* Set-up failed: tell every step why. */
static _Noreturn void refuse(const struct helper *helper, struct error *error)
{
	AUTO(strbuf) struct strbuf bytes = { 0 };

	/* A parent that waits for us to be mapped is told, too. */
	if (helper->sync_fd >= 0)
		(void)close(helper->sync_fd);
	wire_put_error(error, &bytes);
	for (;;) {
		AUTO_FD int step_fd = init_take(helper->control_fd);

		if (step_fd < 0)
			_exit(1);
		error_ignore(wire_send(step_fd, WIRE_FAILED, bytes.p, bytes.n, NULL, 0),
				"that step is gone");
	}
}

/* PID 1s that have a step, as far as we know, and the one that waits for its step. */
struct kept {
	pid_t ready; /* 0: none */
	VEC(pid_t) taken;
	int failures;
};

static void reap(struct kept *kept)
{
	for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;) {
		if (pid == kept->ready) {
			kept->ready = 0;
			kept->failures++;
		}
		for (size_t i = 0; i < kept->taken.n; i++)
			if (kept->taken.p[i] == pid)
				kept->taken.p[i--] = kept->taken.p[--kept->taken.n];
	}
}

/*
 * kiln is gone or done: so are its steps. One that has not begun to run, and waits for a file
 * system or for who has leased its program, hears of it in no other way.
 */
static void end_all(struct kept *kept)
{
	if (kept->ready)
		vec_push(&kept->taken, kept->ready);
	for (size_t i = 0; i < kept->taken.n; i++)
		(void)kill(kept->taken.p[i], SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

/*
 * Keep one PID 1 ready; come back when that cannot be done, or kiln is gone (NULL). With
 * is_for_one, later ones are made when their step waits: what nobody takes is a third of a step.
 */
static FALLIBLE keep_ready(const struct init *init, bool is_for_one, int taken_fd, int signal_fd,
		struct kept *kept)
{
	bool is_wanted = true;

	for (;;) {
		if (!kept->ready && kept->failures == TRIES)
			return error_new(ERR_SYS, "sandboxes die before they start");
		if (!kept->ready && is_wanted && (kept->ready = clone_init(init)) < 0)
			return error_sys("make the namespaces of a sandbox");
		struct pollfd polls[] = {
			{ .fd = taken_fd, .events = POLLIN },
			{ .fd = signal_fd, .events = POLLIN },
			{ .fd = init->control_fd, .events = kept->ready ? 0 : POLLIN },
		};
		struct signalfd_siginfo ignored;
		char byte;

		if (poll(polls, 3, -1) < 0 && errno != EINTR)
			return error_sys("wait for steps");
		if (polls[0].revents & POLLIN && read(taken_fd, &byte, 1) == 1) {
			if (kept->ready)
				vec_push(&kept->taken, kept->ready);
			kept->ready = kept->failures = 0;
			is_wanted = !is_for_one;
		}
		/* Of a step that a PID 1 has taken meanwhile nothing is left in the socket. */
		if (polls[2].revents & POLLIN)
			is_wanted = true;
		if (polls[1].revents & POLLIN) {
			(void)!read(signal_fd, &ignored, sizeof(ignored));
			reap(kept);
		}
		if (polls[2].revents & (POLLHUP | POLLERR))
			return NULL;
	}
}

_Noreturn void helper_run(const struct helper *helper)
{
	struct filter_program profile, listener;
	struct kept kept = { 0 };
	int taken[2];
	sigset_t child;
	struct error *error = settle(helper);

	if (error)
		refuse(helper, error_wrap(error, "prepare sandboxes"));
	filter_profile(false, &profile);
	record_filter(&listener);
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)pthread_sigmask(SIG_BLOCK, &child, NULL);
	int signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0 || pipe2(taken, O_CLOEXEC) < 0)
		refuse(helper, error_sys("prepare sandboxes"));
	const struct init init = {
		.control_fd = helper->control_fd,
		.taken_fd = taken[1],
		.profile = &profile,
		.listener = &listener,
		.builds_stage = helper->is_for_one,
	};

	error = keep_ready(&init, helper->is_for_one, taken[0], signal_fd, &kept);
	if (error)
		refuse(helper, error);
	(void)close(helper->control_fd);
	end_all(&kept);
	_exit(0);
}
