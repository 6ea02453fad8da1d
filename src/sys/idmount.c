/* The kernel takes a mapping as a user namespace only, so one is made for it and let go. */
#include "sys/idmount.h"
#include "base/auto.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "sys/mounts.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

static int unshare_user(int unused)
{
	(void)unused;
	return unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
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

static FALLIBLE take_namespace(pid_t child, const char *map, int *ret_fd)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/ns/user", (int)child);

	TRY(write_map(child, "uid_map", map));
	TRY(write_map(child, "gid_map", map));
	return file_open(AT_FDCWD, path, O_RDONLY, 0, ret_fd);
}

static FALLIBLE open_mapping(const char *map, int *ret_fd)
{
	struct held held;
	int number = proc_hold(unshare_user, -1, &held);

	if (number)
		return error_new(ERR_UNSUPPORTED, "no user namespace for a mapping of ids: %s",
				strerrordesc_np(number));
	struct error *error = take_namespace(held.pid, map, ret_fd);
	proc_let_go(&held);
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
