#include "sandbox/helper.h"
#include "base/auto.h"
#include "base/error.h"
#include "base/str.h"
#include "base/vec.h"
#include "sandbox/bare_tree.h"
#include "sandbox/filter.h"
#include "sandbox/init.h"
#include "sandbox/namespaces.h"
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

/* PID 1s that have a step, as far as we know, and the one that waits for its step. */
struct kept {
	pid_t ready; /* 0: none */
	VEC(pid_t) taken;
	int failures;
	/* No pid namespace ends with them: what is left comes to us, or, where they are in another
	 * one than we, to them alone. */
	bool shares_pids, are_elsewhere;
	int proc_fd;
	int order_fd; /* an order may come still; else -1 */
};

/* Where the helper ended up. */
struct settled {
	unsigned shared; /* as in struct namespaces */
	struct namespaces_mounts mounts;
	bool builds_no_stage; /* each PID 1 does */
};

/* Before we leave the host's files. */
static FALLIBLE watch_pids(const struct namespaces *namespaces, struct kept *kept)
{
	kept->shares_pids = (namespaces->shared & CLONE_NEWPID) != 0;
	kept->are_elsewhere = (namespaces->joined & CLONE_NEWPID) != 0;
	if (!kept->shares_pids)
		return NULL;
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	TRY(file_open(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY, 0, &kept->proc_fd));
	return bare_tree_is_seen(kept->proc_fd)
			       ? NULL
			       : error_new(ERR_UNSUPPORTED,
						 "a pid namespace cannot be shared where /proc "
						 "shows another one's numbers");
}

/* Most spares never are wanted; then kiln closes its end (*ret_end), or dies. */
static FALLIBLE hear_order(
		int fd, struct helper_order *ret, struct namespaces *ret_namespaces, bool *ret_end)
{
	AUTO(wire_frame) struct wire_frame frame = { 0 };

	TRY(wire_receive(fd, sizeof(*ret), &frame));
	*ret_end = frame.type == WIRE_END;
	if (*ret_end)
		return NULL;
	if (frame.type != WIRE_ORDER || frame.bytes.n != sizeof(*ret) ||
			frame.n_fds > COUNT(ret_namespaces->fds))
		return error_new(ERR_INVALID, "an order to a helper is malformed");
	memcpy(ret, frame.bytes.p, sizeof(*ret));
	ret->join[sizeof(ret->join) - 1] = '\0';
	*ret_namespaces = (struct namespaces){ ret->shared, ret->joined, .n = frame.n_fds };
	memcpy(ret_namespaces->fds, frame.fds, frame.n_fds * sizeof(frame.fds[0]));
	frame.n_fds = 0;
	return NULL;
}

static FALLIBLE enter(
		int fd, const struct namespaces *namespaces, struct settled *ret, struct kept *kept)
{
	char name[HOST_NAME_MAX + 1] = "";

	TRY(watch_pids(namespaces, kept));
	TRY(namespaces_enter(namespaces, &ret->mounts));
	ret->shared = namespaces->shared;
	/* Who has processes to see out hears of kiln's end by the control socket alone. */
	if (kept->shares_pids)
		(void)prctl(PR_SET_PDEATHSIG, 0);
	if (gethostname(name, sizeof(name) - 1) < 0)
		return error_sys("read the host's name");
	return wire_send(fd, WIRE_READY, name, strlen(name), NULL, 0);
}

/* What is wrong with the place is told at once, and is the end. */
static void go_there(
		int fd, const struct namespaces *namespaces, struct settled *ret, struct kept *kept)
{
	AUTO(strbuf) struct strbuf bytes = { 0 };
	struct error *error = enter(fd, namespaces, ret, kept);

	if (!error)
		return;
	wire_put_error(error, &bytes);
	error_ignore(wire_send(fd, WIRE_FAILED, bytes.p, bytes.n, NULL, 0), "kiln is gone");
	_exit(1);
}

/* At the place where steps are. */
static FALLIBLE settle_stage(const struct helper *helper, struct settled *ret)
{
	/* What was mounted for it can be attached once. */
	ret->builds_no_stage = helper->is_for_one && !namespaces_has_mounts(&ret->mounts);
	if (ret->builds_no_stage)
		return NULL;
	if (unshare(CLONE_NEWNS) < 0)
		return error_sys("make a mount namespace");
	return stage_build(&ret->mounts);
}

static FALLIBLE settle(const struct helper *helper, struct settled *ret, struct kept *kept)
{
	struct helper_order order = { .is_mapped = helper->sync_fd >= 0 && !helper->takes_order };
	AUTO(namespaces) struct namespaces namespaces = { 0 };
	bool is_end = false;

	die_with_kiln();
	TRY(detach(helper));
	if (helper->is_spare)
		TRY(hear_order(helper->sync_fd, &order, &namespaces, &is_end));
	if (is_end)
		_exit(0);
	if (helper->join && !helper->is_spare)
		(void)snprintf(order.join, sizeof(order.join), "%s", helper->join);
	if (order.shared)
		go_there(helper->sync_fd, &namespaces, ret, kept);
	if (order.is_mapped && (helper->is_spare || helper->join))
		TRY(userns_child_unshare(*order.join ? order.join : NULL, helper->sync_fd));
	if (order.is_mapped)
		TRY(userns_child_enter(helper->refused, helper->sync_fd));
	if (!kept->shares_pids)
		die_with_kiln();
	(void)prctl(PR_SET_DUMPABLE, 0);
	return settle_stage(helper, ret);
}

enum { ANEW = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP };

static pid_t clone_init(const struct init *init)
{
	const unsigned long flags = CLONE_NEWNS | (ANEW & ~init->shared) | SIGCHLD;
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

static void end_orphans(struct kept *kept)
{
	size_t n = kept->taken.n;

	vec_push(&kept->taken, kept->ready);
	bare_tree_end(kept->proc_fd, kept->taken.p, kept->taken.n);
	kept->taken.n = n;
}

static void reap(struct kept *kept)
{
	bool has_ended = false;

	for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;) {
		if (pid == kept->ready) {
			kept->ready = 0;
			kept->failures++;
		}
		for (size_t i = 0; i < kept->taken.n; i++)
			if (kept->taken.p[i] == pid)
				kept->taken.p[i--] = kept->taken.p[--kept->taken.n];
		has_ended = true;
	}
	if (has_ended && kept->shares_pids)
		end_orphans(kept);
}

/*
 * kiln is gone or done: so are its steps. One that has not begun to run, and waits for a file
 * system or for who has leased its program, hears of it in no other way.
 */
static void end_all(struct kept *kept)
{
	if (kept->ready)
		vec_push(&kept->taken, kept->ready);
	for (size_t i = 0; i < kept->taken.n && !kept->are_elsewhere; i++)
		(void)kill(kept->taken.p[i], SIGKILL);
	if (kept->shares_pids && !kept->are_elsewhere)
		bare_tree_end(kept->proc_fd, NULL, 0);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

/* The one that is ready is in the wrong place then. */
static FALLIBLE move(const struct helper *helper, struct init *init, struct settled *settled,
		struct kept *kept)
{
	struct helper_order order = { 0 };
	AUTO(namespaces) struct namespaces namespaces = { 0 };
	bool is_end = false;
	struct error *error = hear_order(kept->order_fd, &order, &namespaces, &is_end);

	kept->order_fd = -1;
	TRY(error);
	if (is_end)
		return NULL;
	if (kept->ready) {
		(void)kill(kept->ready, SIGKILL);
		(void)TEMP_FAILURE_RETRY(waitpid(kept->ready, NULL, 0));
		kept->ready = 0;
	}
	go_there(helper->sync_fd, &namespaces, settled, kept);
	TRY(settle_stage(helper, settled));
	init->shared = settled->shared;
	init->builds_stage = settled->builds_no_stage;
	return NULL;
}

/*
 * Keep one PID 1 ready; come back when that cannot be done, or kiln is gone (NULL). With
 * is_for_one, later ones are made when their step waits: what nobody takes is a third of a step.
 */
static FALLIBLE keep_ready(const struct helper *helper, struct init *init, struct settled *settled,
		int taken_fd, int signal_fd, struct kept *kept)
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
			{ .fd = kept->order_fd, .events = POLLIN },
		};
		struct signalfd_siginfo ignored;
		char byte;

		if (poll(polls, COUNT(polls), -1) < 0 && errno != EINTR)
			return error_sys("wait for steps");
		if (polls[0].revents & POLLIN && read(taken_fd, &byte, 1) == 1) {
			if (kept->ready)
				vec_push(&kept->taken, kept->ready);
			kept->ready = kept->failures = 0;
			is_wanted = !helper->is_for_one;
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
		if (polls[3].revents)
			TRY(move(helper, init, settled, kept));
	}
}

pid_t helper_fork_init(bool in_user)
{
	const unsigned long flags = CLONE_NEWNS | ANEW | SIGCHLD | (in_user ? CLONE_NEWUSER : 0);

	return (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
}

_Noreturn void helper_be_init(const struct helper *helper)
{
	struct namespaces_mounts mounts = { -1, -1, -1, false };
	struct filter_program profile, listener;
	struct error *error = NULL;

	die_with_kiln();
	error = detach(helper);
	if (!error && helper->sync_fd >= 0)
		error = userns_child_enter(0, helper->sync_fd);
	if (error)
		refuse(helper, error_wrap(error, "prepare sandboxes"));
	filter_profile(false, &profile);
	record_filter(&listener);
	init_run(&(struct init){
			.control_fd = helper->control_fd,
			.taken_fd = -1,
			.profile = &profile,
			.listener = &listener,
			.builds_stage = true,
			.mounts = &mounts,
	});
}

_Noreturn void helper_run(const struct helper *helper)
{
	struct filter_program profile, listener;
	struct kept kept = { .order_fd = helper->takes_order ? helper->sync_fd : -1,
		.proc_fd = -1 };
	struct settled settled = { .mounts = { -1, -1, -1, false } };
	int taken[2];
	sigset_t child;
	struct error *error = settle(helper, &settled, &kept);

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
	struct init init = {
		.control_fd = helper->control_fd,
		.taken_fd = taken[1],
		.profile = &profile,
		.listener = &listener,
		.shared = settled.shared,
		.builds_stage = settled.builds_no_stage,
		.mounts = &settled.mounts,
	};

	error = keep_ready(helper, &init, &settled, taken[0], signal_fd, &kept);
	if (error)
		refuse(helper, error);
	(void)close(helper->control_fd);
	end_all(&kept);
	_exit(0);
}
