/*
 * mounts: the kernel's mount calls by name, with errors that say what was tried.
 *
 * New-style calls (fsopen, fsmount, move_mount, open_tree, mount_setattr; Linux 5.12) throughout,
 * so nothing here needs a path to a mount point: targets are fds.
 *
 * Layers are directories below an fd, the topmost first. Overlays always use "userxattr": opaque
 * directories are marked by user.overlay.opaque in every mode, whiteouts are 0:0 devices.
 *
 * The file is not called mount.h, which would hide the C library's own.
 *
 * Floor: sys. Needs CAP_SYS_ADMIN in the mount namespace's user namespace (userns_enter gave it).
 * Spec: overlayfs.rst.
 */
#pragma once
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A directory: path below fd, or fd itself when path is NULL or "". Borrowed. */
struct mount_dir {
	int fd;
	const char *path;
};

struct mount_overlay {
	const struct mount_dir *lower; /* topmost first, 1 to LIMIT_LAYERS */
	size_t n;
	int upper_fd, work_fd; /* -1 both: read-only (then at least two lowers) */
	bool is_volatile;      /* the kernel may skip every fsync on it; the upper is used once */
	bool by_string;        /* the way of kernels before 6.5, whatever this one is (tests) */
};

/* What error_code(ERR_UNSUPPORTED, ...) carries when a file system cannot hold an upper. */
enum { MOUNT_UPPER_REFUSED = 1 };

/*
 * Mount an overlay and return its root as a detached mount: a directory fd to resolve from
 * (openat2 with RESOLVE_IN_ROOT works), or to move_mount. Unmounted when the fd (and its last
 * copy) is closed. An upper or work directory that overlayfs refuses is ERR_UNSUPPORTED with code
 * MOUNT_UPPER_REFUSED: use another file system for it. Device nodes in it do not open.
 *
 * Every fd must be of our own mount namespace; upper and work of one and the same mount.
 */
FALLIBLE mount_overlay(const struct mount_overlay *overlay, int *ret_fd);
/*
 * kiln's own view of an image: read-only merge of layers. One layer alone is simply opened. The fd
 * can be read with rootfs_*; closing it unmounts.
 */
FALLIBLE mount_overlay_ro(const struct mount_dir *layers, size_t n, int *ret_fd);

struct mount_option {
	const char *key, *value; /* value NULL: a flag */
};
/*
 * A new file system instance (proc, sysfs, tmpfs, mqueue, devpts), detached. attributes are
 * MOUNT_ATTR_* flags.
 */
FALLIBLE mount_new(const char *type, const struct mount_option *options, size_t n,
		unsigned attributes, int *ret_fd);
/* A copy of what is at path below fd ("" is fd itself): a detached bind mount. */
FALLIBLE mount_clone(int fd, const char *path, bool recursive, int *ret_fd);
/* Set MOUNT_ATTR_* flags on a mount (recursive: and all below). */
FALLIBLE mount_set(int fd, const char *path, unsigned attributes, bool recursive);
/* MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE for a mount (recursive: and all below). */
FALLIBLE mount_propagate(int fd, unsigned long propagation, bool recursive);
/* Attach the detached mount at target_fd (an O_PATH fd of a directory or file). name for errors. */
FALLIBLE mount_attach(int mount_fd, int target_fd, const char *name);
/*
 * Is anything mounted in our namespace below the directory fd? Neither an overlay nor a clone that
 * is not recursive shows that.
 */
FALLIBLE mount_any_below(int fd, bool *ret);
/* Make every mount of our namespace private (nothing spreads in or out). */
FALLIBLE mount_make_private(void);
/*
 * Can an overlay lie on these, and a step be given them? Before Linux 6.15 none lies on a mount
 * that is not attached, before 5.19 none on one with other ids; never on vfat, 9p or another
 * overlay's ids. One that is let go again tells.
 */
FALLIBLE mount_try_lower(const struct mount_dir *dirs, size_t n);
/*
 * Can an upper lie in the directory dir_fd? Tries one overlay there, user xattrs included, and
 * leaves nothing behind. ERR_UNSUPPORTED with MOUNT_UPPER_REFUSED when not.
 */
FALLIBLE mount_try_upper(int dir_fd);
