/*
 * One file per name under locks/, unlinked by its holder while it still holds it alone. Who waited
 * for the unlinked file finds that its name leads elsewhere by then, and starts again.
 */
#include "store/store_lock.h"
#include "store/inside.h"
#include "sys/fd.h"
#include "sys/lock.h"

#include <fcntl.h>
#include <sys/stat.h>

struct store_lock {
	int dir_fd; /* the store's, borrowed */
	int fd;
	bool alone; /* nobody else has the file locked: it can be unlinked */
	char path[6 + DIGEST_HEX];
};

static bool still_named(int dir_fd, int fd, const char *path)
{
	struct stat ours, named;

	return fstat(fd, &ours) == 0 && fstatat(dir_fd, path, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

FALLIBLE store_lock_take_as(struct store *store, const char *name, bool alone, bool wait,
		struct cancel *cancel, struct store_lock **ret)
{
	AUTO(store_lock) struct store_lock *lock = xcalloc(1, sizeof(*lock));
	struct digest digest = digest_of(name, strlen(name));
	char hex[DIGEST_HEX];

	lock->dir_fd = store->fd;
	lock->fd = -1;
	lock->alone = alone;
	(void)snprintf(lock->path, sizeof(lock->path), "locks/%s", digest_hex(&digest, hex));
	while (!store->read_only) {
		AUTO_FD int fd = -1;

		struct error *error = file_open(store->fd, lock->path, O_RDWR | O_CREAT, 0600, &fd);
		if (error)
			return error_wrap(store_explain(store, error), "lock '%s'", name);
		TRY_WRAP(lock_take(fd, alone, wait, cancel), "wait for '%s'", name);
		if (still_named(store->fd, fd, lock->path)) {
			lock->fd = TAKE_FD(fd);
			break;
		}
	}
	*ret = TAKE(lock);
	return NULL;
}

FALLIBLE store_lock_take(struct store *store, const char *name, struct cancel *cancel,
		struct store_lock **ret)
{
	return store_lock_take_as(store, name, true, true, cancel, ret);
}

FALLIBLE store_lock_try(struct store *store, const char *name, struct store_lock **ret)
{
	struct error *error = store_lock_take_as(store, name, true, false, NULL, ret);

	if (!error_is(error, ERR_BUSY))
		return error;
	error_free(error);
	*ret = NULL;
	return NULL;
}

void store_lock_free(struct store_lock *lock)
{
	if (!lock)
		return;
	if (lock->fd >= 0) {
		/* One that is shared is left, for prune to take away. */
		if (lock->alone)
			(void)unlinkat(lock->dir_fd, lock->path, 0);
		(void)close(lock->fd);
	}
	free(lock);
}
