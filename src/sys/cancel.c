#include "sys/cancel.h"
#include "base/xalloc.h"

#include <stdatomic.h>
#include <sys/eventfd.h>

struct cancel {
	atomic_bool is_set;
	int fd;
};

struct cancel *cancel_new(void)
{
	struct cancel *cancel = xcalloc(1, sizeof(*cancel));

	/* Made once at start; without it nothing could be stopped, so failing here ends us. */
	cancel->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (cancel->fd < 0)
		abort();
	return cancel;
}

void cancel_free(struct cancel *cancel)
{
	if (!cancel)
		return;
	(void)close(cancel->fd);
	free(cancel);
}

void cancel_set(struct cancel *cancel)
{
	int saved = errno;
	uint64_t one = 1;

	atomic_store(&cancel->is_set, true);
	/* Full (EAGAIN) means readable, which is all that is wanted. */
	ssize_t written = write(cancel->fd, &one, sizeof(one));
	(void)written;
	errno = saved;
}

bool cancel_is_set(const struct cancel *cancel)
{
	return cancel && atomic_load(&cancel->is_set);
}

FALLIBLE cancel_check(const struct cancel *cancel)
{
	if (cancel_is_set(cancel))
		return error_new(ERR_CANCELED, "canceled");
	return NULL;
}

int cancel_fd(const struct cancel *cancel)
{
	return cancel ? cancel->fd : -1;
}
