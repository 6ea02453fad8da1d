#include "sandbox/init.h"
#include "sandbox/bare_tree.h"
#include "sandbox/command.h"
#include "sandbox/record.h"
#include "sandbox/running.h"
#include "sandbox/sandbox.h"
#include "sandbox/scene.h"
#include "sandbox/stage.h"
#include "sandbox/wire.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

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
	if (init->taken_fd < 0)
		return;
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

static void signal_all(const struct running *running, int number)
{
	if (running->proc_fd >= 0)
		bare_tree_signal(running->proc_fd, number);
	else
		(void)kill(-1, number);
}

/* Daemons that the command left behind end with it, as everywhere. */
static void kill_rest(const struct stage *stage)
{
	if (stage->shares_pids) {
		bare_tree_end(stage->proc_fd, NULL, 0);
		return;
	}
	if (kill(-1, SIGKILL) < 0)
		return;
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
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
	TRY(check_record(plan, scene->stage));
	TRY(scene_set(scene, &first));
	running->record = record_new(plan);
	struct command command = {
		.plan = scene->plan,
		.fds = scene->fds,
		.n_fds = scene->n_fds,
		.first = first,
		.profile = init->profile,
		.listener = init->listener,
	};
	return running_start(running, &command, running->record == NULL);
}

static FALLIBLE run_step(const struct init *init, struct stage *stage, int step_fd,
		const struct wire_frame *frame, struct sandbox_result *result)
{
	AUTO(plan) struct plan plan = { 0 };
	AUTO(scene) struct scene scene = { .plan = &plan, .stage = stage };
	AUTO(running)
	struct running running = { .step_fd = step_fd,
		.report_fd = -1,
		.signal_fd = -1,
		.signal_all = signal_all,
		.proc_fd = stage->proc_fd };
	struct error *error = begin_step(init, frame, &plan, &scene, &running);

	/* Not before: on few cores its making would stand in our way. */
	say_next(init);
	TRY(error);
	for (size_t i = 0; i < frame->n_fds; i++) {
		/* Pipes must end when the command's own copies do. */
		if (frame->fds[i] > 2)
			(void)close(frame->fds[i]);
	}
	error = running_wait(&running);
	if (running.is_lost && !stage->shares_pids)
		_exit(1);
	kill_rest(stage);
	if (running.is_lost)
		_exit(1);
	scene_clear(&scene);
	TRY(error);
	TRY(TAKE(running.failed));
	running_result(&running, stage->notes, result);
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
	struct stage stage = { .notes = &notes,
		.shares_ipc = (init->shared & CLONE_NEWIPC) != 0,
		.has_host_ipc = init->mounts->has_host_ipc,
		.shares_pids = (init->shared & CLONE_NEWPID) != 0,
		.proc_fd = -1 };

	/* Without a pid namespace that ends with us we have to see our step out. */
	(void)(stage.shares_pids ? prctl(PR_SET_CHILD_SUBREAPER, 1)
				 : prctl(PR_SET_PDEATHSIG, SIGKILL));
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_NAME, "kiln-init");
	struct error *error = init->builds_stage ? stage_build(init->mounts) : NULL;

	error = error ? error_wrap(error, "prepare sandboxes")
		      : stage_prepare(&stage, SANDBOX_SHM_BYTES);

	AUTO_FD int step_fd = init_take(init->control_fd);
	if (step_fd < 0)
		_exit(0);
	(void)close(init->control_fd);
	serve(init, &stage, error, step_fd);
	_exit(0);
}
