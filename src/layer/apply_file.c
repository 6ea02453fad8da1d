/*
 * One entry into its parent directory. Everything is made by name in an open directory and never
 * followed. Order for a file: content, xattrs (they need write permission), owner and mode, file
 * capabilities (chown drops them), times.
 */
#include "base/vec.h"
#include "base/xalloc.h"
#include "layer/apply_parts.h"
#include "layer/whiteout.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

enum { BUF_BYTES = 64 * 1024, HOLE_BYTES = 32 * 1024 };

/* The file of the entry, as far as it is open. */
struct target {
	int dir_fd;
	const char *name;
	int fd; /* -1: by name only */
};

static bool may_be_refused(const struct xattr *xattr, const struct entry *entry)
{
	bool takes_user = S_ISREG(entry->owner.mode) || S_ISDIR(entry->owner.mode);

	return strncmp(xattr->name, "user.", 5) != 0 || !takes_user;
}

static FALLIBLE set_xattrs(const struct target *target, const struct entry *entry)
{
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		const struct xattr *xattr = &entry->xattrs[i];

		if (!entry_keeps_xattr(xattr->name) || strncmp(xattr->name, "security.", 9) == 0)
			continue;
		struct error *error = target->fd >= 0 ? xattr_set_fd(target->fd, xattr->name,
									xattr->value, xattr->n)
						      : xattr_set(target->dir_fd, target->name,
									xattr->name, xattr->value,
									xattr->n);
		if (error_is_errno(error, ENOTSUP) ||
				(error_is_errno(error, EPERM) && may_be_refused(xattr, entry))) {
			error_ignore(error, "this file system or user cannot hold it");
			continue;
		}
		TRY(error);
	}
	return NULL;
}

static FALLIBLE set_capability(
		struct apply *apply, const struct target *target, const struct entry *entry)
{
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		const struct xattr *xattr = &entry->xattrs[i];

		if (strcmp(xattr->name, "security.capability") != 0)
			continue;
		struct error *error = owner_set_capability(&apply->options.policy, target->dir_fd,
				target->name, xattr->value, xattr->n);
		if (error_is_errno(error, ENOTSUP) || error_is_errno(error, EPERM)) {
			error_ignore(error, "this file system or user cannot hold it");
			continue;
		}
		TRY(error);
	}
	return NULL;
}

static void times_of(const struct entry *entry, struct timespec times[2])
{
	times[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
	times[1] = (struct timespec){ .tv_sec = entry->mtime, .tv_nsec = entry->mtime_ns };
}

static FALLIBLE set_metadata(
		struct apply *apply, const struct target *target, const struct entry *entry)
{
	const struct owner_policy *policy = &apply->options.policy;
	struct timespec times[2];
	struct stat st;
	bool is_open = target->fd >= 0;

	times_of(entry, times);
	TRY(set_xattrs(target, entry));
	if ((is_open ? fstat(target->fd, &st)
		     : fstatat(target->dir_fd, target->name, &st, AT_SYMLINK_NOFOLLOW)) < 0)
		return error_sys("look at what was made");
	TRY(is_open ? owner_set_new_fd(policy, target->fd, &st, &entry->owner)
		    : owner_set_new(policy, target->dir_fd, target->name, &st, &entry->owner));
	TRY(set_capability(apply, target, entry));
	if ((is_open ? futimens(target->fd, times)
		     : utimensat(target->dir_fd, target->name, times, AT_SYMLINK_NOFOLLOW)) < 0)
		return error_sys("set the time");
	return NULL;
}

static bool is_zero(const char *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/* Blocks shared with the file that it is a copy of, where the file system can (xfs, btrfs). */
static bool clone_content(int fd, uint64_t size, const struct reader *content)
{
	int from_fd = entry_content_fd(content);
	struct stat st;

	return from_fd >= 0 && fstat(from_fd, &st) == 0 && (uint64_t)st.st_size == size &&
	       ioctl(fd, FICLONE, from_fd) == 0;
}

static FALLIBLE write_content(struct apply *apply, int fd, uint64_t size, struct reader *content)
{
	bool ends_in_hole = false;

	if (!apply->buf)
		apply->buf = xmalloc(BUF_BYTES);
	for (uint64_t left = size; left;) {
		size_t want = left < BUF_BYTES ? (size_t)left : BUF_BYTES;

		TRY(reader_read_full(content, apply->buf, want));
		ends_in_hole = want >= HOLE_BYTES && is_zero(apply->buf, want);
		if (!ends_in_hole)
			TRY(fd_write_all(fd, apply->buf, want));
		else if (lseek(fd, (off_t)want, SEEK_CUR) < 0)
			return error_sys("seek");
		left -= want;
	}
	if (ends_in_hole && ftruncate(fd, (off_t)size) < 0)
		return error_sys("set the size");
	return NULL;
}

static FALLIBLE put_regular(struct apply *apply, int dir_fd, const char *name,
		const struct entry *entry, struct reader *content)
{
	/* 0600 lets us set xattrs; the real bits follow with the owner. */
	mode_t bits = (entry->owner.mode & 0777) | (entry->n_xattrs ? 0600 : 0);
	AUTO_FD int fd = openat(
			dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, bits);

	if (fd < 0)
		return error_sys("make file");
	if (entry->size && !clone_content(fd, entry->size, content))
		TRY(write_content(apply, fd, entry->size, content));
	return set_metadata(apply, &(struct target){ dir_fd, name, fd }, entry);
}

/* The directory of a hard link's target, in this layer; -1: it is not there. */
static FALLIBLE find_target(struct apply *apply, const struct entry *entry, int *ret_fd)
{
	bool is_whiteout = false;
	AUTO_FD int fd = -1;
	struct stat st;

	*ret_fd = -1;
	TRY(apply_find_parent(apply, entry->link, &fd));
	if (fd < 0 || fstatat(fd, path_name(entry->link), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	TRY(whiteout_is(fd, path_name(entry->link), &st, &is_whiteout));
	if (!is_whiteout)
		*ret_fd = TAKE_FD(fd);
	return NULL;
}

static FALLIBLE put_hardlink(
		struct apply *apply, int dir_fd, const char *name, const struct entry *entry)
{
	AUTO_FD int target_fd = -1;

	TRY(find_target(apply, entry, &target_fd));
	if (target_fd < 0 && apply_is_alone(apply))
		return apply_alone_error(entry->path, "is a hard link to a file below");
	if (target_fd < 0 && apply->options.mode == APPLY_LAYER)
		TRY(apply_copy_up(apply, entry->link, &target_fd));
	if (target_fd < 0)
		return error_new(ERR_INVALID, "a hard link to '%s', which is not there",
				entry->link);
	if (linkat(target_fd, path_name(entry->link), dir_fd, name, 0) < 0)
		return error_sys("link to '%s'", entry->link);
	return NULL;
}

static FALLIBLE put_special(
		struct apply *apply, int dir_fd, const char *name, const struct entry *entry)
{
	const struct owner *owner = &entry->owner;
	bool is_device = S_ISCHR(owner->mode) || S_ISBLK(owner->mode);
	struct timespec times[2];

	if (S_ISCHR(owner->mode) && owner->major == 0 && owner->minor == 0)
		return error_new(ERR_UNSUPPORTED, "character device 0:0 means a whiteout");
	if (is_device && (owner->major >= 1u << 12 || owner->minor >= 1u << 20))
		return error_new(ERR_INVALID, "device number %u:%u does not exist", owner->major,
				owner->minor);
	times_of(entry, times);
	TRY(owner_make(&apply->options.policy, dir_fd, name, owner));
	TRY(set_xattrs(&(struct target){ dir_fd, name, -1 }, entry));
	if (utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys("set the time");
	return NULL;
}

static FALLIBLE put_symlink(
		struct apply *apply, int dir_fd, const char *name, const struct entry *entry)
{
	if (symlinkat(entry->link, dir_fd, name) < 0)
		return error_sys("make link");
	return set_metadata(apply, &(struct target){ dir_fd, name, -1 }, entry);
}

static void remember_dir(struct apply *apply, const struct entry *entry, bool owner_waits)
{
	struct apply_dir *dir = vec_add(&apply->dirs);

	*dir = (struct apply_dir){ xstrdup(entry->path), entry->mtime, entry->mtime_ns, owner_waits,
		entry->owner };
}

static FALLIBLE finish_dir(struct apply *apply, int dir_fd, const char *name, const struct stat *st,
		const struct entry *entry)
{
	const struct target target = { dir_fd, name, -1 };
	bool owner_waits = (entry->owner.mode & 0700) != 0700;

	TRY(set_xattrs(&target, entry));
	if (!owner_waits)
		TRY(owner_set_new(&apply->options.policy, dir_fd, name, st, &entry->owner));
	remember_dir(apply, entry, owner_waits);
	return NULL;
}

static FALLIBLE put_dir(
		struct apply *apply, int dir_fd, const char *name, const struct entry *entry)
{
	struct stat st;

	if (mkdirat(dir_fd, name, (entry->owner.mode & 0777) | 0700) < 0)
		return error_sys("make directory");
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys("look at what was made");
	return finish_dir(apply, dir_fd, name, &st, entry);
}

/* Nothing is made that cannot be given to its owner. */
static FALLIBLE check_owner(const struct apply *apply, const struct owner *owner)
{
	const struct owner_policy *policy = &apply->options.policy;
	uid_t uid = 0;
	gid_t gid = 0;

	if (policy->kind == OWNER_RECORDED)
		return NULL;
	return owner_disk_ids(policy, owner->uid, owner->gid, &uid, &gid);
}

static FALLIBLE put_new(struct apply *apply, int dir_fd, const char *name,
		const struct entry *entry, struct reader *content)
{
	if (entry->is_hardlink)
		return put_hardlink(apply, dir_fd, name, entry);
	TRY(check_owner(apply, &entry->owner));
	switch (entry->owner.mode & S_IFMT) {
	case S_IFREG:
		return put_regular(apply, dir_fd, name, entry, content);
	case S_IFDIR:
		return put_dir(apply, dir_fd, name, entry);
	case S_IFLNK:
		return put_symlink(apply, dir_fd, name, entry);
	default:
		return put_special(apply, dir_fd, name, entry);
	}
}

static FALLIBLE make_opaque(const struct apply *apply, int dir_fd, const char *name)
{
	AUTO_FD int fd = -1;

	TRY(file_open(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd));
	return whiteout_make_opaque(fd, apply->options.is_trusted);
}

/* An existing directory stays and gets the entry's metadata. */
static FALLIBLE put_over_dir(
		struct apply *apply, int dir_fd, const char *name, const struct entry *entry)
{
	apply->has_again = true;
	return finish_dir(apply, dir_fd, name, NULL, entry);
}

/* True when entry is a hard link to the very file that is there: nothing to do. */
static bool is_same_link(struct apply *apply, const struct stat *st, const struct entry *entry)
{
	struct stat target;
	struct error *error = NULL;

	if (!entry->is_hardlink)
		return false;
	error = rootfs_lstat(apply->root_fd, entry->link, &target);
	bool same = !error && target.st_dev == st->st_dev && target.st_ino == st->st_ino;
	error_free(error);
	return same;
}

FALLIBLE apply_put(struct apply *apply, int dir_fd, const char *name, const struct entry *entry,
		struct reader *content)
{
	struct stat st;
	bool is_dir = S_ISDIR(entry->owner.mode) && !entry->is_hardlink;
	struct error *error = NULL;

	/* Before all else: the directory may have the number of one that went with what it had. */
	apply_own(apply, dir_fd, name);
	error = put_new(apply, dir_fd, name, entry, content);
	if (!error_is_errno(error, EEXIST))
		return error;
	error_free(error);
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys("look at what is there");
	if (S_ISDIR(st.st_mode) && is_dir)
		return put_over_dir(apply, dir_fd, name, entry);
	if (is_same_link(apply, &st, entry))
		return NULL;
	if (S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode))
		apply_forget(apply);
	apply->has_replaced |= S_ISDIR(st.st_mode);
	TRY(file_remove_tree(dir_fd, name));
	TRY(put_new(apply, dir_fd, name, entry, content));
	/* What was there hid the directory below, and so must this one. */
	if (!is_dir || apply->options.mode != APPLY_LAYER)
		return NULL;
	map_set(apply->opaque, entry->path, apply);
	return make_opaque(apply, dir_fd, name);
}

FALLIBLE apply_root(struct apply *apply, const struct entry *entry)
{
	return put_over_dir(apply, apply->root_fd, "", entry);
}

static FALLIBLE finish_one(struct apply *apply, const struct apply_dir *dir)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		{ .tv_sec = dir->mtime, .tv_nsec = dir->mtime_ns } };
	const char *name = path_name(dir->path);
	struct stat st;

	if (!*name) {
		if (dir->owner_waits)
			TRY(owner_set_fd(&apply->options.policy, apply->root_fd, &dir->owner));
		return futimens(apply->root_fd, times) < 0 ? error_sys("set the time") : NULL;
	}
	if (!apply->parent || !str_is(path_parent(dir->path), apply->parent)) {
		AUTO_FREE char *parent = str_dup(path_parent(dir->path));
		int fd = -1;

		TRY(apply_find_parent(apply, dir->path, &fd));
		if (fd < 0)
			return NULL;
		apply_remember(apply, TAKE(parent), fd);
	}
	if (apply->has_replaced && (fstatat(apply->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
						   !S_ISDIR(st.st_mode)))
		return NULL;
	if (dir->owner_waits)
		TRY(owner_set(&apply->options.policy, apply->parent_fd, name, &dir->owner));
	if (utimensat(apply->parent_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys("set the time");
	return NULL;
}

/*
 * Last first: a directory that shuts us out is finished after its contents. Of two entries for one
 * directory the later counts, so an earlier one is passed over.
 */
FALLIBLE apply_finish_dirs(struct apply *apply)
{
	bool has_doubles = apply->has_again || apply->has_replaced;
	AUTO(map) struct map *done = has_doubles ? map_new(NULL) : NULL;

	for (size_t i = apply->dirs.n; i-- > 0;) {
		struct apply_dir *dir = &apply->dirs.p[i];

		if (done && map_has(done, dir->path))
			continue;
		if (done)
			map_set(done, dir->path, apply);
		TRY_WRAP(finish_one(apply, dir), "'%s'", *dir->path ? dir->path : "/");
	}
	return NULL;
}
