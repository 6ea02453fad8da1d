/*
 * owner: who owns a file in a rootfs, and how that is kept on disk. Four ways:
 *
 *	OWNER_PLAIN     the ids on disk are the ids of the image (root without shift; inside a user
 *	                namespace with a subordinate range)
 *	OWNER_SHIFTED   real root outside: image id i is on disk as base + i (0 <= i < count), and
 *	                a higher one, where has_high, as OWNER_HIGH + i (i <= OWNER_HIGH_LAST)
 *	OWNER_MAPPED    image id i is on disk as the user's own map says (--userns-uid-map)
 *	OWNER_RECORDED  one mapped id only: files belong to us, and the wanted owner, mode and
 *	                device number are written down in the xattr user.containers.override_stat
 *	                ("uid:gid:mode:type", type is file, dir, pipe, block-MAJOR-MINOR or
 *	                char-MAJOR-MINOR: the convention of containers/storage and fuse-overlayfs).
 *	                What cannot carry a user xattr (symlinks, pipes, sockets) has its owner in
 *	                its access time, as owner.c explains. Without a record a file is 0:0's.
 *
 * Whatever makes or reads ownership in a rootfs goes through here, so that no other file knows.
 * The policy is a plain value, fixed for a process.
 *
 * Floor: sys. Spec: user_namespaces(7); containers/storage "override_stat".
 */
#pragma once
#include "base/error.h"
#include "sys/idmap.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Where the high ids of an image are: nobody's where FreeIPA gives out none, as other tools end at
 * 2^31. */
#define OWNER_HIGH      0x80000000u
#define OWNER_HIGH_LAST 0x7ffffffeu

struct owner_policy {
	enum owner_kind { OWNER_PLAIN = 1, OWNER_SHIFTED, OWNER_RECORDED, OWNER_MAPPED } kind;
	uint32_t base, count; /* OWNER_SHIFTED */
	bool has_high;
	/* OWNER_MAPPED: inside is the image's, outside the disk's. OWNER_PLAIN: inside is what
	 * there is; nothing where that is not known. */
	struct id_maps maps;
	/* No overlay ever stacks trees made so (userns_is_bare()): a whiteout may be a mark that
	 * only kiln itself knows for one, and others' trees are none of ours. */
	bool is_flat;
};

/* What the image says of a file. */
struct owner {
	uint32_t uid, gid;
	uint32_t mode;         /* type and permission bits, S_IFMT included */
	uint32_t major, minor; /* S_IFCHR, S_IFBLK */
};

/*
 * Set owner and permission bits of name in dir_fd (never follows a symlink; "" is dir_fd itself).
 * The file is there, made as owner_makes() says. Ids outside the policy's range are
 * ERR_UNSUPPORTED naming them. chown comes before chmod, so set-id bits survive.
 */
FALLIBLE owner_set(const struct owner_policy *policy, int dir_fd, const char *name,
		const struct owner *owner);
/* The same for an open file (not O_PATH). */
FALLIBLE owner_set_fd(const struct owner_policy *policy, int fd, const struct owner *owner);
/* The ids on disk of who is uid:gid in the image. ERR_UNSUPPORTED as above. */
FALLIBLE owner_disk_ids(const struct owner_policy *policy, uint32_t uid, uint32_t gid,
		uid_t *ret_uid, gid_t *ret_gid);
/*
 * The same for a file that was made by this process a moment ago, whose lstat is st: what is right
 * already is not set again.
 */
FALLIBLE owner_set_new(const struct owner_policy *policy, int dir_fd, const char *name,
		const struct stat *st, const struct owner *owner);
FALLIBLE owner_set_new_fd(const struct owner_policy *policy, int fd, const struct stat *st,
		const struct owner *owner);

/*
 * What an image would say of name in dir_fd, whose lstat is st. Ids outside the policy's range are
 * 65534, as the kernel would show them.
 */
FALLIBLE owner_get(const struct owner_policy *policy, int dir_fd, const char *name,
		const struct stat *st, struct owner *ret);
/* The same for an open file (not O_PATH). */
FALLIBLE owner_get_fd(const struct owner_policy *policy, int fd, const struct stat *st,
		struct owner *ret);

/*
 * OWNER_RECORDED, without the right to ignore permissions: a file or directory (lstat st) that a
 * step left without those that we need ourselves. Its mode is written down, and the disk has more.
 * *ret tells whether anything was done.
 */
FALLIBLE owner_open_up(const struct owner_policy *policy, int dir_fd, const char *name,
		const struct stat *st, bool *ret);

/* True when a file of that type is made as itself; false: as an empty regular file, recorded. */
bool owner_makes(const struct owner_policy *policy, uint32_t mode);
/*
 * Make a device, pipe or socket that is not there yet, with its owner. Where the kernel refuses a
 * device (any user namespace), it is recorded, whatever the policy; owner_get() knows.
 */
FALLIBLE owner_make(const struct owner_policy *policy, int dir_fd, const char *name,
		const struct owner *owner);

/* True for xattrs that owner itself uses and that must not be seen as content. */
bool owner_is_own_xattr(const char *name);

/*
 * security.capability as an image holds it (version 2) against the form on disk under this policy
 * (version 3 with the root id of the namespace, or recorded). buf holds at least 64 bytes; *ret_n
 * is 0 when there is none. Set it after the owner: the kernel drops it on chown and on write.
 */
FALLIBLE owner_set_capability(const struct owner_policy *policy, int dir_fd, const char *name,
		const void *value, size_t n);
FALLIBLE owner_get_capability(const struct owner_policy *policy, int dir_fd, const char *name,
		void *buf, size_t size, size_t *ret_n);
