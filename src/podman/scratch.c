#include "podman/scratch.h"

#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "sys/dir.h"
#include "sys/fd.h"
#include "sys/lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define PREFIX "kiln-"
#define SUFFIX ".lock"

enum { TRIES = 8 };

/* The lock is ours, and its name still means it. */
static bool is_ours(int tmp_fd, const char *name, int lock)
{
	struct stat here, named;
	struct error *error = lock_take(lock, true, false, NULL);

	if (error) {
		error_ignore(error, "its process lives");
		return false;
	}
	return fstat(lock, &here) == 0 && fstatat(tmp_fd, name, &named, 0) == 0 &&
	       here.st_ino == named.st_ino;
}

static void remove_dead(int tmp_fd, const char *lock_name)
{
	AUTO_FREE char *name = xstrndup(lock_name, strlen(lock_name) - strlen(SUFFIX));
	AUTO_FD int lock = openat(tmp_fd, lock_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (lock < 0 || !is_ours(tmp_fd, lock_name, lock))
		return;
	error_ignore(file_remove_tree(tmp_fd, name), "the next one tries again");
	(void)unlinkat(tmp_fd, lock_name, 0);
}

void scratch_clean(int root_fd)
{
	AUTO(list) struct list names = { 0 };
	AUTO_FD int fd = openat(root_fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	error_ignore(dir_names(fd, ".", &names), "the next one tries again");
	for (size_t i = 0; i < names.n; i++)
		if (text_starts(names.p[i], PREFIX) && text_ends(names.p[i], SUFFIX))
			remove_dead(fd, names.p[i]);
}

/* *ret_lock stays -1 when somebody thought ours was dead: between its making and its locking. */
static FALLIBLE make_lock(int root_fd, const char *name, int *ret_lock)
{
	AUTO_FD int lock = -1;

	TRY(file_open(root_fd, name, O_RDWR | O_CREAT | O_EXCL, 0600, &lock));
	if (is_ours(root_fd, name, lock))
		*ret_lock = TAKE_FD(lock);
	return NULL;
}

FALLIBLE scratch_open(int root_fd, struct podman_scratch *ret)
{
	unsigned char random[8];

	*ret = (struct podman_scratch){ .root_fd = root_fd, .fd = -1, .lock = -1 };
	for (int i = 0; i < TRIES && ret->lock < 0; i++) {
		char hex[2 * sizeof(random) + 1];

		if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return error_sys("get random bytes");
		for (size_t k = 0; k < sizeof(random); k++)
			(void)snprintf(hex + 2 * k, 3, "%02x", random[k]);
		free(ret->name);
		free(ret->lock_name);
		ret->name = xasprintf("tmp/" PREFIX "%s", hex);
		ret->lock_name = xasprintf("%s" SUFFIX, ret->name);
		TRY(make_lock(root_fd, ret->lock_name, &ret->lock));
	}
	if (ret->lock < 0)
		return error_new(ERR_BUSY, "no scratch directory can be kept in Podman's store");
	if (mkdirat(root_fd, ret->name, 0700) != 0)
		return error_sys("make '%s'", ret->name);
	return file_open(root_fd, ret->name, O_RDONLY | O_DIRECTORY, 0, &ret->fd);
}

void podman_scratch_done(struct podman_scratch *scratch)
{
	if (scratch->fd >= 0) {
		(void)close(scratch->fd);
		error_ignore(file_remove_tree(scratch->root_fd, scratch->name),
				"the next one tries again");
	}
	if (scratch->lock >= 0) {
		(void)unlinkat(scratch->root_fd, scratch->lock_name, 0);
		(void)close(scratch->lock);
	}
	free(scratch->name);
	free(scratch->lock_name);
	*scratch = (struct podman_scratch){ .fd = -1, .lock = -1 };
}
