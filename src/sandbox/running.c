#include "sandbox/running.h"
#include "base/clock.h"
#include "sandbox/wire.h"
#include "sys/proc.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
	TICK_MS = 100,
	RUSAGE_BLOCK_BYTES = 512, /* getrusage(2) counts in these */
};

void running_done(struct running *running)
{
	if (running->report_fd >= 0)
		(void)close(running->report_fd);
	if (running->signal_fd >= 0)
		(void)close(running->signal_fd);
	record_free(running->record);
	error_free(running->failed);
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

/* kiln speaks, or has gone. */
static void hear_kiln(struct running *running)
{
	AUTO(wire_frame) struct wire_frame frame = { 0 };
	struct error *error = wire_receive(running->step_fd, 0, &frame);

	if (error || frame.type != WIRE_TERMINATE)
		running->is_lost = true;
	else
		running->signal_all(running, SIGTERM);
	error_free(error);
}

FALLIBLE running_wait(struct running *running)
{
	while (!running->is_lost && (!running->is_over || running->report_fd >= 0)) {
		struct pollfd polls[] = {
			{ .fd = running->signal_fd, .events = POLLIN },
			{ .fd = running->step_fd, .events = POLLIN },
			{ .fd = running->report_fd, .events = POLLIN },
			{ .fd = record_fd(running->record), .events = POLLIN },
		};
		struct signalfd_siginfo ignored;

		int n = poll(polls, COUNT(polls), running->tick ? TICK_MS : -1);

		if (n == 0 && running->tick) /* poll() does not end by time without one */
			running->tick(running->command);
		if (n < 0) {
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

static int become_command(void *command)
{
	command_run(command);
}

/*
 * Not in our memory where we have to answer its calls before the command has been executed. To be
 * spared the copy is a tenth of a step.
 */
static pid_t start_process(struct command *command, bool is_shared)
{
	if (is_shared)
		return proc_share(become_command, command, 0);

	pid_t pid = fork();

	if (pid == 0)
		command_run(command);
	return pid;
}

FALLIBLE running_start(struct running *running, struct command *command, bool is_shared)
{
	int report[2];
	sigset_t child;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)pthread_sigmask(SIG_BLOCK, &child, NULL);
	running->start_ns = clock_monotonic_ns();
	running->signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (running->signal_fd < 0 ||
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, report) < 0)
		return error_sys("prepare to run a command");
	running->report_fd = report[0];
	command->report_fd = report[1];
	running->command = start_process(command, is_shared);
	(void)close(report[1]);
	if (running->command < 0)
		return error_sys("fork a command");
	return NULL;
}

static uint64_t nanoseconds(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

void running_result(const struct running *running, const struct strbuf *notes,
		struct sandbox_result *result)
{
	struct rusage usage = { 0 };

	(void)getrusage(RUSAGE_CHILDREN, &usage);
	result->wall_ns = clock_monotonic_ns() - running->start_ns;
	result->user_ns = nanoseconds(usage.ru_utime);
	result->system_ns = nanoseconds(usage.ru_stime);
	result->peak_kib = (uint64_t)usage.ru_maxrss;
	result->read_bytes = (uint64_t)usage.ru_inblock * RUSAGE_BLOCK_BYTES;
	result->written_bytes = (uint64_t)usage.ru_oublock * RUSAGE_BLOCK_BYTES;
	result->signal = WIFSIGNALED(running->status) ? WTERMSIG(running->status) : 0;
	result->status = result->signal ? 128 + result->signal : WEXITSTATUS(running->status);
	(void)snprintf(result->notes, sizeof(result->notes), "%s", strbuf_text(notes));
}
