#include "sys/lock.h"

#include <fcntl.h>
#include <poll.h>

static struct flock whole_file(short type)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET };
}

static FALLIBLE try_lock(int fd, bool exclusive, bool *ret_taken)
{
	struct flock lock = whole_file(exclusive ? F_WRLCK : F_RDLCK);

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
		*ret_taken = true;
		return NULL;
	}
	if (errno != EAGAIN && errno != EACCES)
		return error_sys("take a lock");
	*ret_taken = false;
	return NULL;
}

/*
 * The kernel's own waiting call cannot be interrupted by an eventfd, so we ask again, at first
 * after 1 ms, at most every 50 ms; cancel wakes us at once.
 */
FALLIBLE lock_take(int fd, bool exclusive, bool wait, struct cancel *cancel)
{
	int pause_ms = 1;

	for (;;) {
		struct pollfd stop = { .fd = cancel_fd(cancel), .events = POLLIN };
		bool taken = false;

		TRY(cancel_check(cancel));
		TRY(try_lock(fd, exclusive, &taken));
		if (taken)
			return NULL;
		if (!wait)
			return error_new(ERR_BUSY, "locked by another process");
		if (poll(&stop, 1, pause_ms) < 0 && errno != EINTR)
			return error_sys("wait for a lock");
		pause_ms = pause_ms * 2 > 50 ? 50 : pause_ms * 2;
	}
}

void lock_release(int fd)
{
	struct flock lock = whole_file(F_UNLCK);

	(void)fcntl(fd, F_OFD_SETLK, &lock);
}
