#include "verbs/run_stdin.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool pipe_has_input(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int waiting = 0;

	if (poll(&poll_fd, 1, 0) < 0 || !(poll_fd.revents & POLLHUP))
		return true;
	return ioctl(fd, FIONREAD, &waiting) != 0 || waiting > 0;
}

bool run_stdin_has_input(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	if (S_ISCHR(st.st_mode))
		return false;
	if (S_ISREG(st.st_mode))
		return lseek(fd, 0, SEEK_CUR) < st.st_size;
	return !S_ISFIFO(st.st_mode) || pipe_has_input(fd);
}
