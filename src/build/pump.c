#include "build/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

enum { PUMP_BYTES = 32 * 1024 };

static void emit(void *user, const char *text, size_t n)
{
	const struct pump_end *end = user;

	progress_log(end->pump->progress, end->pump->vertex, end->stream, text, n);
}

FALLIBLE pump_open(struct pump *pump, struct progress *progress, unsigned vertex,
		const struct secrets *secrets)
{
	pump->progress = progress;
	pump->vertex = vertex;
	for (int i = 0; i < 2; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) != 0)
			return error_sys("make a pipe for the step's output");
		pump->fds[i] = ends[0];
		pump->step_fds[i] = ends[1];
		pump->ends[i].pump = pump;
		pump->ends[i].stream = i + 1;
		pump->ends[i].redact = (struct redact){
			.secrets = secrets, .emit = emit, .user = &pump->ends[i]
		};
	}
	return NULL;
}

static void close_both(int fds[2])
{
	for (int i = 0; i < 2; i++) {
		if (fds[i] >= 0)
			(void)close(fds[i]);
		fds[i] = -1;
	}
}

void pump_close_step(struct pump *pump)
{
	close_both(pump->step_fds);
}

void pump_done(struct pump *pump)
{
	close_both(pump->fds);
	close_both(pump->step_fds);
}

struct error *pump_work(void *argument)
{
	struct pump *pump = argument;
	struct pollfd polls[2] = { { pump->fds[0], POLLIN, 0 }, { pump->fds[1], POLLIN, 0 } };
	char buf[PUMP_BYTES];

	while (polls[0].fd >= 0 || polls[1].fd >= 0) {
		if (poll(polls, 2, -1) < 0 && errno != EINTR)
			return error_sys("wait for the step's output");
		for (int i = 0; i < 2; i++) {
			if (polls[i].fd < 0 || !polls[i].revents)
				continue;
			ssize_t n = read(polls[i].fd, buf, sizeof(buf));
			if (n > 0)
				redact_feed(&pump->ends[i].redact, buf, (size_t)n);
			else if (n == 0 || errno != EINTR)
				polls[i].fd = -1;
		}
	}
	for (int i = 0; i < 2; i++)
		redact_end(&pump->ends[i].redact);
	return NULL;
}
