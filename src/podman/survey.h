/*
 * survey: is a directory exactly what a layer's tar says? Contents are not compared.
 *
 * Floor: podman.
 */
#pragma once
#include "stream/reader.h"
#include "sys/cancel.h"
#include <stdbool.h>

struct owner_policy;

/*
 * tar: the layer's (takes; contents are not looked at). *ret_has_top: it has an entry for "/".
 * shifted (may be NULL): it is to be seen with ids moved so, by an overlay of marks for users:
 * owners that have no place there, and marks that only root's own overlays see, will not do. Not
 * equal is *ret_equal false: a name too many or too few, a parent that is only implied, a device
 * (Podman leaves them out), another owner, type, mode, size, time of a file, target or xattr, or a
 * file with a link more.
 */
FALLIBLE survey_tree(struct reader *tar, int dir_fd, const struct owner_policy *shifted,
		struct cancel *cancel, bool *ret_equal, bool *ret_has_top);
