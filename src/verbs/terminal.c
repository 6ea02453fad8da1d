/*
 * Two threads carry bytes; the one that reads ours is told to stop through a pipe. It looks at the
 * size of our terminal a few times a second: SIGWINCH goes to any thread, and we want no handler.
 */
#include "verbs/terminal.h"

#include "base/xalloc.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

enum { CHUNK = 4096, LOOK_MS = 200 };

struct terminal {
	int master_fd, slave_fd;
	int stop[2];
	bool is_raw, has_in, has_out;
	struct termios before;
	pthread_t in, out;
};

static void *carry_out(void *argument)
{
	struct terminal *terminal = argument;
	char buf[CHUNK];

	/* EIO: nobody has the other side open any more. */
	for (;;) {
		ssize_t n = TEMP_FAILURE_RETRY(read(terminal->master_fd, buf, sizeof(buf)));

		if (n <= 0)
			return NULL;
		error_ignore(fd_write_all(STDOUT_FILENO, buf, (size_t)n), "nobody reads us");
	}
}

static void follow_size(const struct terminal *terminal, struct winsize *known)
{
	struct winsize now;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &now) != 0 || memcmp(&now, known, sizeof(now)) == 0)
		return;
	*known = now;
	(void)ioctl(terminal->master_fd, TIOCSWINSZ, &now);
}

static void *carry_in(void *argument)
{
	struct terminal *terminal = argument;
	struct pollfd polls[2] = { { STDIN_FILENO, POLLIN, 0 }, { terminal->stop[0], POLLIN, 0 } };
	struct winsize size = { 0 };
	char buf[CHUNK];

	for (;;) {
		follow_size(terminal, &size);
		if (poll(polls, 2, LOOK_MS) < 0 && errno != EINTR)
			return NULL;
		if (polls[1].revents)
			return NULL;
		if (!polls[0].revents)
			continue;
		ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
		if (n == 0 && !isatty(STDIN_FILENO)) {
			/* The end of a file or pipe is the terminal's end of file: ^D. */
			error_ignore(fd_write_all(terminal->master_fd, "\x04", 1), "it has ended");
			return NULL;
		}
		if (n <= 0)
			return NULL;
		error_ignore(fd_write_all(terminal->master_fd, buf, (size_t)n), "it has ended");
	}
}

static void go_raw(struct terminal *terminal)
{
	struct termios raw;
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(terminal->slave_fd, TIOCSWINSZ, &size);
	if (tcgetattr(STDIN_FILENO, &terminal->before) != 0)
		return;
	raw = terminal->before;
	cfmakeraw(&raw);
	terminal->is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

FALLIBLE terminal_open(struct terminal **ret, int *ret_fd)
{
	AUTO(terminal) struct terminal *terminal = xcalloc(1, sizeof(*terminal));
	char name[64];

	terminal->slave_fd = terminal->stop[0] = terminal->stop[1] = -1;
	terminal->master_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal->master_fd < 0 || grantpt(terminal->master_fd) != 0 ||
			unlockpt(terminal->master_fd) != 0 ||
			ptsname_r(terminal->master_fd, name, sizeof(name)) != 0)
		return error_sys("make a terminal");
	TRY(file_open(AT_FDCWD, name, O_RDWR | O_NOCTTY, 0, &terminal->slave_fd));
	if (pipe2(terminal->stop, O_CLOEXEC) != 0)
		return error_sys("make a pipe");
	go_raw(terminal);
	terminal->has_out = pthread_create(&terminal->out, NULL, carry_out, terminal) == 0;
	terminal->has_in = pthread_create(&terminal->in, NULL, carry_in, terminal) == 0;
	*ret_fd = terminal->slave_fd;
	*ret = TAKE(terminal);
	return NULL;
}

void terminal_close(struct terminal *terminal)
{
	if (!terminal)
		return;
	if (terminal->slave_fd >= 0)
		(void)close(terminal->slave_fd);
	if (terminal->stop[1] >= 0)
		(void)close(terminal->stop[1]);
	if (terminal->has_in)
		(void)pthread_join(terminal->in, NULL);
	if (terminal->has_out)
		(void)pthread_join(terminal->out, NULL);
	if (terminal->is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
	if (terminal->stop[0] >= 0)
		(void)close(terminal->stop[0]);
	if (terminal->master_fd >= 0)
		(void)close(terminal->master_fd);
	free(terminal);
}
