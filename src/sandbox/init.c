#include "sandbox/init.h"
#include "base/clock.h"
#include "sandbox/command.h"
#include "sandbox/record.h"
#include "sandbox/sandbox.h"
#include "sandbox/scene.h"
#include "sandbox/stage.h"
#include "sandbox/wire.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { STACK_BYTES = 256 * 1024 };

/* A step that is running. */
struct running {
	int step_fd;   /* kiln */
	int report_fd; /* the command until it executes; then -1 */
	int signal_fd;
	struct record *record; /* row two's supervisor, or NULL */
	uint64_t start_ns;
	pid_t command;
	bool is_over;
	int status;
	struct error *failed; /* why it never executed */
};

static void running_done(struct running *running)
{
	if (running->report_fd >= 0)
		(void)close(running->report_fd);
	if (running->signal_fd >= 0)
		(void)close(running->signal_fd);
	record_free(running->record);
	error_free(running->failed);
}

DEFINE_AUTO_VALUE(running)

int init_take(int control_fd)
{
	char byte;
	struct iovec part = { &byte, 1 };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	int fd = -1;

	if (TEMP_FAILURE_RETRY(recvmsg(control_fd, &message, MSG_CMSG_CLOEXEC)) <= 0)
		return -1;
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	if (head && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

/* Have the helper make the next PID 1. */
static void say_next(const struct init *init)
{
	(void)!write(init->taken_fd, "+", 1);
	(void)close(init->taken_fd);
}

static void say_failed(int step_fd, struct error *error)
{
	AUTO(strbuf) struct strbuf bytes = { 0 };

	wire_put_error(error, &bytes);
	error_free(error);
	error_ignore(wire_send(step_fd, WIRE_FAILED, bytes.p, bytes.n, NULL, 0), "kiln is gone");
}

/* Be the network namespace of a build: nothing but somebody who holds it. */
static FALLIBLE hold_network(int step_fd)
{
	if (unshare(CLONE_NEWNET) < 0)
		return error_sys("make a network namespace");
	AUTO_FD int net_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	AUTO_FD int user_fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	if (net_fd < 0 || user_fd < 0)
		return error_sys("open a network namespace");
	TRY(wire_send(step_fd, WIRE_HELD, NULL, 0, (int[]){ net_fd, user_fd }, 2));
	AUTO(wire_frame) struct wire_frame end = { 0 };
	return wire_receive(step_fd, 0, &end);
}

static void reap(struct running *running)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != running->command)
			continue;
		running->is_over = true;
		running->status = status;
	}
}

static FALLIBLE hear_command(struct running *running)
{
	AUTO(wire_frame) struct wire_frame frame = { 0 };

	TRY(wire_receive(running->report_fd, PLAN_BYTES, &frame));
	if (frame.type == WIRE_LISTENER && frame.n_fds == 1)
		return record_start(TAKE_FD(frame.fds[0]), running->record);
	if (frame.type == WIRE_FAILED)
		running->failed = error_first(
				running->failed, wire_get_error(frame.bytes.p, frame.bytes.n));
	(void)close(TAKE_FD(running->report_fd));
	return NULL;
}

/* kiln speaks, or has gone: then everything ends here and now. */
static void hear_kiln(const struct running *running)
{
	AUTO(wire_frame) struct wire_frame frame = { 0 };
	struct error *error = wire_receive(running->step_fd, 0, &frame);

	if (error || frame.type != WIRE_TERMINATE)
		_exit(1);
	(void)kill(-1, SIGTERM);
}

static FALLIBLE wait_for_end(struct running *running)
{
	while (!running->is_over || running->report_fd >= 0) {
		struct pollfd polls[] = {
			{ .fd = running->signal_fd, .events = POLLIN },
			{ .fd = running->step_fd, .events = POLLIN },
			{ .fd = running->report_fd, .events = POLLIN },
			{ .fd = record_fd(running->record), .events = POLLIN },
		};
		struct signalfd_siginfo ignored;

		if (poll(polls, COUNT(polls), -1) < 0) {
			if (errno == EINTR)
				continue;
			return error_sys("wait for a command");
		}
		if (polls[3].revents)
			record_answer(running->record);
		if (polls[2].revents)
			TRY(hear_command(running));
		if (polls[1].revents)
			hear_kiln(running);
		if (polls[0].revents) {
			(void)!read(running->signal_fd, &ignored, sizeof(ignored));
			reap(running);
		}
	}
	return NULL;
}

/* Daemons that the command left behind end with it, as everywhere. */
static void kill_rest(void)
{
	if (kill(-1, SIGKILL) < 0)
		return;
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

static uint64_t nanoseconds(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool may_share_memory = false;
#else
static const bool may_share_memory = true;
#endif

static int become_command(void *command)
{
	command_run(command);
}

/*
 * As vfork does, which spares the copy of our memory, a tenth of a step: we sleep until the command
 * has been executed. Not where we have to answer its calls before that, nor under sanitizers.
 */
static pid_t start_process(struct command *command, bool is_answered)
{
	if (may_share_memory && !is_answered) {
		AUTO_FREE char *stack = xmalloc(STACK_BYTES);

		return clone(become_command, stack + STACK_BYTES, SIGCHLD | CLONE_VM | CLONE_VFORK,
				command);
	}

	pid_t pid = fork();

	if (pid == 0)
		command_run(command);
	return pid;
}

static FALLIBLE start_command(const struct init *init, struct running *running,
		const struct scene *scene, size_t first)
{
	int report[2];
	sigset_t child;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)pthread_sigmask(SIG_BLOCK, &child, NULL);
	running->signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (running->signal_fd < 0 ||
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, report) < 0)
		return error_sys("prepare to run a command");
	running->report_fd = report[0];
	struct command command = {
		.plan = scene->plan,
		.fds = scene->fds,
		.n_fds = scene->n_fds,
		.first = first,
		.report_fd = report[1],
		.profile = init->profile,
		.listener = init->listener,
	};
	running->command = start_process(&command, running->record != NULL);
	(void)close(report[1]);
	if (running->command < 0)
		return error_sys("fork a command");
	return NULL;
}

static void note_cgroup(const struct plan *plan, struct strbuf *notes)
{
	for (size_t i = 0; i < plan->ops.n; i++)
		if (plan->ops.p[i].kind == PLAN_CGROUP)
			stage_note(notes, "no cgroup is delegated to us: memory, pids and cpu "
					  "limits are not enforced");
}

/* The supervisor finds a caller's files below /proc/PID, and there are other pids there. */
static FALLIBLE check_record(const struct plan *plan, const struct stage *stage)
{
	for (size_t i = 0; stage->has_outer_proc && i < plan->ops.n; i++)
		if (plan->ops.p[i].kind == PLAN_RECORD)
			return error_hint(error_new(ERR_UNSUPPORTED, "owners cannot be recorded "
								     "where /proc is masked"),
					"unmask /proc (--security-opt unmask=/proc/*), or give "
					"the user subordinate ids");
	return NULL;
}

/* From the message to a running command. */
static FALLIBLE begin_step(const struct init *init, const struct wire_frame *frame,
		struct plan *plan, struct scene *scene, struct running *running)
{
	size_t first = 0;

	TRY(plan_decode(frame->bytes.p, frame->bytes.n, frame->n_fds, plan));
	scene->fds = frame->fds;
	scene->n_fds = frame->n_fds;
	note_cgroup(plan, scene->stage->notes);
	TRY(check_record(plan, scene->stage));
	TRY(scene_set(scene, &first));
	running->record = record_new(plan);
	running->start_ns = clock_monotonic_ns();
	return start_command(init, running, scene, first);
}

static void tell_result(const struct running *running, const struct strbuf *notes,
		struct sandbox_result *result)
{
	struct rusage usage = { 0 };

	(void)getrusage(RUSAGE_CHILDREN, &usage);
	result->wall_ns = clock_monotonic_ns() - running->start_ns;
	result->user_ns = nanoseconds(usage.ru_utime);
	result->system_ns = nanoseconds(usage.ru_stime);
	result->peak_kib = (uint64_t)usage.ru_maxrss;
	result->signal = WIFSIGNALED(running->status) ? WTERMSIG(running->status) : 0;
	result->status = result->signal ? 128 + result->signal : WEXITSTATUS(running->status);
	(void)snprintf(result->notes, sizeof(result->notes), "%s", strbuf_text(notes));
}

static FALLIBLE run_step(const struct init *init, struct stage *stage, int step_fd,
		const struct wire_frame *frame, struct sandbox_result *result)
{
	AUTO(plan) struct plan plan = { 0 };
	AUTO(scene) struct scene scene = { .plan = &plan, .stage = stage };
	AUTO(running)
	struct running running = { .step_fd = step_fd, .report_fd = -1, .signal_fd = -1 };
	struct error *error = begin_step(init, frame, &plan, &scene, &running);

	/* Not before: on few cores its making would stand in our way. */
	say_next(init);
	TRY(error);
	for (size_t i = 0; i < frame->n_fds; i++) {
		/* Pipes must end when the command's own copies do. */
		if (frame->fds[i] > 2)
			(void)close(frame->fds[i]);
	}
	error = wait_for_end(&running);
	kill_rest();
	scene_clear(&scene);
	TRY(error);
	TRY(TAKE(running.failed));
	tell_result(&running, stage->notes, result);
	return NULL;
}

/* One step; whatever happens is told to kiln. */
static void serve(const struct init *init, struct stage *stage, struct error *unready, int step_fd)
{
	AUTO(wire_frame) struct wire_frame frame = { 0 };
	struct sandbox_result result = { 0 };
	struct error *error = wire_receive(step_fd, PLAN_BYTES * 2, &frame);

	if (error || frame.type == WIRE_END)
		_exit(1);
	if (frame.type != WIRE_STEP || unready)
		say_next(init);
	if (unready) {
		say_failed(step_fd, unready);
		return;
	}
	if (frame.type == WIRE_NETWORK)
		error = hold_network(step_fd);
	else
		error = run_step(init, stage, step_fd, &frame, &result);
	/* The fds of the frame were closed as soon as the command had them. */
	frame.n_fds = 0;
	if (error)
		say_failed(step_fd, error);
	else if (frame.type == WIRE_STEP)
		error_ignore(wire_send(step_fd, WIRE_RESULT, &result, sizeof(result), NULL, 0),
				"kiln is gone");
}

_Noreturn void init_run(const struct init *init)
{
	AUTO(strbuf) struct strbuf notes = { 0 };
	struct stage stage = { .notes = &notes };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_NAME, "kiln-init");
	struct error *error = stage_prepare(&stage, SANDBOX_SHM_BYTES);

	AUTO_FD int step_fd = init_take(init->control_fd);
	if (step_fd < 0)
		_exit(0);
	(void)close(init->control_fd);
	serve(init, &stage, error, step_fd);
	_exit(0);
}
