/*
 * idmount: mounts in which ids are other than on the disk, for root who lets steps live in a range
 * of ids far away (OWNER_SHIFTED):
 *
 *	IDMOUNT_OUT  a directory of the host for a step: what is inside on disk is seen as outside,
 *	             so that host root's files are the step's root's
 *	IDMOUNT_IN   files of an image for the host: what is outside on disk is seen as inside
 *
 * Floor: sys. Linux 5.12; below an overlay, 5.19. Needs root of the initial user namespace.
 * Spec: mount_setattr(2), "ID-mapped mounts".
 */
#pragma once
#include "base/error.h"
#include "sys/idmap.h"

enum idmount_way { IDMOUNT_OUT = 1, IDMOUNT_IN };

/*
 * A copy of what is at fd (or path below it), under a step's map: a detached bind mount. What is
 * mounted below is not part of it. ERR_UNSUPPORTED where the file system or kernel cannot.
 */
FALLIBLE idmount_clone(int fd, const char *path, const struct id_maps *maps, enum idmount_way way,
		int *ret_fd);
