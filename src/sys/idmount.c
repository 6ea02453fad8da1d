/* The kernel takes a mapping as a user namespace only, so one is made for it and let go. */
#include "sys/idmount.h"
#include "base/auto.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "sys/mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Nothing but system calls: the parent may have threads. */
static _Noreturn void stay_in_namespace(int fd)
{
	char byte = unshare(CLONE_NEWUSER) == 0 ? '+' : '-';

	if (write(fd, &byte, 1) == 1)
		(void)!read(fd, &byte, 1); /* until the parent lets go */
	_exit(0);
}

static FALLIBLE write_map(pid_t pid, const char *file, const char *map)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/%s", (int)pid, file);
	AUTO_FD int fd = -1;

	TRY(file_open(AT_FDCWD, path, O_WRONLY, 0, &fd));
	if (write(fd, map, strlen(map)) < 0)
		return error_sys("write '%s'", path);
	return NULL;
}

static FALLIBLE take_namespace(pid_t child, int fd, const char *map, int *ret_fd)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/ns/user", (int)child);
	char byte = '-';

	if (TEMP_FAILURE_RETRY(read(fd, &byte, 1)) != 1 || byte != '+')
		return error_new(ERR_UNSUPPORTED, "no user namespace for a mapping of ids");
	TRY(write_map(child, "uid_map", map));
	TRY(write_map(child, "gid_map", map));
	return file_open(AT_FDCWD, path, O_RDONLY, 0, ret_fd);
}

static FALLIBLE open_mapping(const char *map, int *ret_fd)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys("make a socket pair");
	pid_t child = fork();
	if (child == 0) {
		(void)close(pair[0]);
		stay_in_namespace(pair[1]);
	}
	(void)close(pair[1]);
	struct error *error =
			child < 0 ? error_sys("fork") : take_namespace(child, pair[0], map, ret_fd);
	(void)close(pair[0]);
	if (child > 0)
		(void)TEMP_FAILURE_RETRY(waitpid(child, NULL, 0));
	return error;
}

static void write_way(const struct idmap *map, enum idmount_way way, struct strbuf *out)
{
	struct idmap turned = *map;

	for (unsigned i = 0; i < map->n && way == IDMOUNT_IN; i++) {
		turned.range[i].inside = map->range[i].outside;
		turned.range[i].outside = map->range[i].inside;
	}
	idmap_text(&turned, out);
}

FALLIBLE idmount_clone(int fd, const char *path, const struct idmap *map, enum idmount_way way,
		int *ret_fd)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	AUTO_FD int mapping_fd = -1, mount_fd = -1;

	write_way(map, way, &text);
	TRY(open_mapping(strbuf_text(&text), &mapping_fd));
	TRY(mount_clone(fd, path, false, &mount_fd));
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)mapping_fd,
	};
	if (mount_setattr(mount_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
		struct error *error = error_sys("map the ids of a mount");

		error->kind = ERR_UNSUPPORTED;
		return error_hint(error, "its file system has no ID-mapped mounts; ext4, xfs, "
					 "btrfs and tmpfs have");
	}
	*ret_fd = TAKE_FD(mount_fd);
	return NULL;
}
