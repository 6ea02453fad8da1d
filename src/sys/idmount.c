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

static FALLIBLE write_map(pid_t pid, const char *file, const struct idmap *map)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	AUTO_FREE char *path = xasprintf("/proc/%d/%s", (int)pid, file);
	AUTO_FD int fd = -1;

	idmap_text(map, &text);
	TRY(file_open(AT_FDCWD, path, O_WRONLY, 0, &fd));
	if (write(fd, text.p, text.n) < 0)
		return error_sys("write '%s'", path);
	return NULL;
}

static FALLIBLE take_namespace(pid_t child, const struct id_maps *maps, int *ret_fd)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/ns/user", (int)child);

	TRY(write_map(child, "uid_map", &maps->uids));
	TRY(write_map(child, "gid_map", &maps->gids));
	return file_open(AT_FDCWD, path, O_RDONLY, 0, ret_fd);
}

static FALLIBLE open_mapping(const struct id_maps *maps, int *ret_fd)
{
	struct held held;
	int number = proc_hold(unshare_user, -1, &held);

	if (number)
		return error_new(ERR_UNSUPPORTED, "no user namespace for a mapping of ids: %s",
				strerrordesc_np(number));
	struct error *error = take_namespace(held.pid, maps, ret_fd);
	proc_let_go(&held);
	return error;
}

static struct idmap turned(const struct idmap *map)
{
	struct idmap back = *map;

	for (unsigned i = 0; i < map->n; i++) {
		back.range[i].inside = map->range[i].outside;
		back.range[i].outside = map->range[i].inside;
	}
	return back;
}

FALLIBLE idmount_clone(int fd, const char *path, const struct id_maps *maps, enum idmount_way way,
		int *ret_fd)
{
	struct id_maps written = *maps;
	AUTO_FD int mapping_fd = -1, mount_fd = -1;

	if (way == IDMOUNT_IN)
		written = (struct id_maps){ turned(&maps->uids), turned(&maps->gids) };
	TRY(open_mapping(&written, &mapping_fd));
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
