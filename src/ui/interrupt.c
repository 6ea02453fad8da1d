#include "ui/interrupt.h"

#include "base/xalloc.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct interrupt {
	struct cancel *cancel;
	int signal_fd, stop_fd;
	sigset_t before; /* the mask to put back */
	pthread_t thread;
};

static void *wait_for_signals(void *argument)
{
	struct interrupt *interrupt = argument;
	struct pollfd fds[] = { { .fd = interrupt->signal_fd, .events = POLLIN },
		{ .fd = interrupt->stop_fd, .events = POLLIN } };
	struct signalfd_siginfo got;

	for (;;) {
		if (poll(fds, COUNT(fds), -1) < 0)
			continue;
		if (fds[1].revents)
			return NULL;
		if (read(interrupt->signal_fd, &got, sizeof(got)) != (ssize_t)sizeof(got))
			continue;
		if (cancel_is_set(interrupt->cancel))
			_exit(128 + (int)got.ssi_signo);
		cancel_set(interrupt->cancel);
	}
}

static void interrupt_free(struct interrupt *interrupt)
{
	if (interrupt->signal_fd >= 0)
		(void)close(interrupt->signal_fd);
	if (interrupt->stop_fd >= 0)
		(void)close(interrupt->stop_fd);
	(void)pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
	free(interrupt);
}

FALLIBLE interrupt_start(struct cancel *cancel, struct interrupt **ret)
{
	struct interrupt *interrupt = xcalloc(1, sizeof(*interrupt));
	struct error *error = NULL;
	sigset_t set;

	interrupt->cancel = cancel;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &set, &interrupt->before);
	interrupt->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	interrupt->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (interrupt->signal_fd < 0 || interrupt->stop_fd < 0) {
		error = error_sys("wait for signals");
	} else {
		int number = pthread_create(&interrupt->thread, NULL, wait_for_signals, interrupt);

		if (number)
			error = error_errno(number, "start a thread for signals");
	}
	if (error) {
		interrupt_free(interrupt);
		return error;
	}
	*ret = interrupt;
	return NULL;
}

void interrupt_stop(struct interrupt *interrupt)
{
	const uint64_t one = 1;

	if (!interrupt)
		return;
	if (write(interrupt->stop_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
		abort();
	(void)pthread_join(interrupt->thread, NULL);
	interrupt_free(interrupt);
}
