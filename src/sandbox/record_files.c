/*
 * Files: owners are written and read by sys/owner.c, so that layers are made by the same rules.
 * What the caller means is found as an O_PATH fd; most files carry no record, and for those the
 * kernel's own answer stands (let_go).
 */
#include "base/auto.h"
#include "base/error.h"
#include "sandbox/record_call.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

enum { PLACE_BYTES = 32, ATIME_FAR = 2000000000 };

static const struct owner_policy recorded = { .kind = OWNER_RECORDED };

/* How a call names its file. */
struct named {
	int dir_fd;
	char path[LIMIT_PATH_BYTES]; /* "": dir_fd itself */
	bool follow;
};

static int read_named(const struct record_call *call, int dir_fd, unsigned path_at, int flags,
		struct named *ret)
{
	ret->dir_fd = dir_fd;
	ret->follow = !(flags & AT_SYMLINK_NOFOLLOW);
	int result = tracee_read_path(&call->tracee, call->args[path_at], ret->path);
	if (result < 0)
		return result;
	return *ret->path || (flags & AT_EMPTY_PATH) ? 0 : -ENOENT;
}

static int open_named(const struct record_call *call, const struct named *named, int *ret_fd,
		struct stat *ret_st)
{
	int fd = -1;
	int result = tracee_open(&call->tracee, named->dir_fd, named->path, named->follow, &fd);

	if (result < 0)
		return result;
	if (fstat(fd, ret_st) < 0) {
		result = -errno;
		(void)close(fd);
		return result;
	}
	*ret_fd = fd;
	return 0;
}

/* What a system call says when one of our functions failed. */
static int errno_of(struct error *error)
{
	int number = error->kind == ERR_SYS ? error->code : EIO;

	error_free(error);
	return -number;
}

/* A file descriptor that carries xattrs and modes, of what an O_PATH fd names. */
static int reopen(int path_fd, const struct stat *st)
{
	char place[PLACE_BYTES];

	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) && !S_ISFIFO(st->st_mode))
		return -1;
	(void)snprintf(place, sizeof(place), "/proc/self/fd/%d", path_fd);
	return open(place, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Files of ours are root's in the step; inside a namespace the kernel says so itself. */
static void show_as_root(const struct stat *st, struct owner *owner)
{
	if (st->st_uid == geteuid())
		owner->uid = 0;
	if (st->st_gid == getegid())
		owner->gid = 0;
}

/* *ret_same: nothing is recorded, the kernel's answer is right. */
static int read_owner(int path_fd, const struct stat *st, struct owner *ret, bool *ret_same)
{
	char place[PLACE_BYTES];
	AUTO_FD int fd = -1;

	(void)snprintf(place, sizeof(place), "/proc/self/fd/%d", path_fd);
	*ret = (struct owner){ .uid = st->st_uid, .gid = st->st_gid, .mode = st->st_mode };
	show_as_root(st, ret);
	*ret_same = ret->uid == st->st_uid && ret->gid == st->st_gid;
	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) {
		if (getxattr(place, "user.containers.override_stat", NULL, 0) <= 0)
			return 0;
		fd = reopen(path_fd, st);
		if (fd < 0)
			return -errno;
	} else if (st->st_atim.tv_sec < ATIME_FAR) {
		return 0; /* links and pipes: nothing in the access time */
	}
	struct error *error = owner_get_fd(&recorded, fd >= 0 ? fd : path_fd, st, ret);
	if (error)
		return errno_of(error);
	*ret_same = ret->uid == st->st_uid && ret->gid == st->st_gid && ret->mode == st->st_mode;
	return 0;
}

/* File systems that cannot hold a record (/proc, pipes): as if it had worked. */
static int soften(int result)
{
	return result == -ENOTSUP || result == -EPERM || result == -EINVAL ? 0 : result;
}

/*
 * The same of what is closed to its owner (useradd makes its files under umask 0777), for us who
 * may not ignore that: it is opened up, and the record that is written now has its mode.
 */
static int reopen_closed(int path_fd, const struct stat *st)
{
	mode_t bits = st->st_mode & 07777;
	char place[PLACE_BYTES];

	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return -1;
	(void)snprintf(place, sizeof(place), "/proc/self/fd/%d", path_fd);
	if (chmod(place, bits | (S_ISDIR(st->st_mode) ? S_IRWXU : S_IRUSR | S_IWUSR)) < 0)
		return -1;
	return reopen(path_fd, st);
}

static int write_owner(int path_fd, const struct stat *st, const struct owner *owner)
{
	AUTO_FD int fd = reopen(path_fd, st);
	struct error *error = NULL;

	if (fd < 0)
		fd = reopen_closed(path_fd, st);
	if (fd >= 0)
		error = owner_set_fd(&recorded, fd, owner);
	else if (S_ISLNK(st->st_mode))
		error = owner_set(&recorded, path_fd, "", owner);
	return error ? soften(errno_of(error)) : 0;
}

static bool may_chown(
		const struct identity *who, const struct owner *owner, uint32_t uid, uint32_t gid)
{
	if (who->uid.fs == 0)
		return true;
	return owner->uid == who->uid.fs && (uid == UINT32_MAX || uid == owner->uid) &&
	       (gid == UINT32_MAX || gid == owner->gid || identity_has_group(who, gid));
}

static int chown_fd(const struct record_call *call, int fd, const struct stat *st, uint32_t uid,
		uint32_t gid)
{
	struct owner owner;
	bool is_same;
	int result = read_owner(fd, st, &owner, &is_same);

	if (result < 0)
		return result;
	if (!may_chown(call->who, &owner, uid, gid))
		return -EPERM;
	if (uid != UINT32_MAX)
		owner.uid = uid;
	if (gid != UINT32_MAX)
		owner.gid = gid;
	/* As the kernel does for every caller. */
	if (S_ISREG(owner.mode)) {
		owner.mode &= ~(uint32_t)S_ISUID;
		if (owner.mode & S_IXGRP)
			owner.mode &= ~(uint32_t)S_ISGID;
	}
	return write_owner(fd, st, &owner);
}

void record_chown(struct record_call *call)
{
	const uint64_t *args = call->args;
	struct named named = { 0 };
	unsigned ids_at = 1;
	AUTO_FD int fd = -1;
	struct stat st;

	switch (call->number) {
	case SYS_fchown:
		named.dir_fd = (int)args[0];
		break;
	case SYS_fchownat:
		ids_at = 2;
		call->error = read_named(call, (int)args[0], 1, (int)args[4], &named);
		break;
#ifdef SYS_chown
	case SYS_lchown:
		call->error = read_named(call, AT_FDCWD, 0, AT_SYMLINK_NOFOLLOW, &named);
		break;
	default:
		call->error = read_named(call, AT_FDCWD, 0, 0, &named);
#endif
	}
	if (call->error || tracee_is_special(named.path))
		return;
	call->error = open_named(call, &named, &fd, &st);
	if (!call->error)
		call->error = chown_fd(
				call, fd, &st, (uint32_t)args[ids_at], (uint32_t)args[ids_at + 1]);
}

/* Which file a call of the stat family asks about, and where the answer goes. */
static int read_stat_call(const struct record_call *call, struct named *named, uint64_t *ret_out)
{
	const uint64_t *args = call->args;

	*ret_out = args[1];
	switch (call->number) {
	case SYS_fstat:
		named->dir_fd = (int)args[0];
		return 0;
	case SYS_newfstatat:
		*ret_out = args[2];
		/* Since Linux 6.11 a NULL path is an empty one. */
		if (!args[1] && ((int)args[3] & AT_EMPTY_PATH)) {
			named->dir_fd = (int)args[0];
			return 0;
		}
		return read_named(call, (int)args[0], 1, (int)args[3], named);
	case SYS_statx:
		*ret_out = args[4];
		if (!args[1] && ((int)args[2] & AT_EMPTY_PATH)) {
			named->dir_fd = (int)args[0];
			return 0;
		}
		return read_named(call, (int)args[0], 1, (int)args[2], named);
#ifdef SYS_lstat
	case SYS_lstat:
		return read_named(call, AT_FDCWD, 0, AT_SYMLINK_NOFOLLOW, named);
#endif
	default:
		return read_named(call, AT_FDCWD, 0, 0, named);
	}
}

static int answer_statx(
		const struct record_call *call, int fd, const struct owner *owner, uint64_t out)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, (unsigned)call->args[3], &stx) < 0)
		return -errno;
	stx.stx_uid = owner->uid;
	stx.stx_gid = owner->gid;
	stx.stx_mode = (uint16_t)owner->mode;
	if (S_ISCHR(owner->mode) || S_ISBLK(owner->mode)) {
		stx.stx_rdev_major = owner->major;
		stx.stx_rdev_minor = owner->minor;
	}
	return tracee_write(&call->tracee, out, &stx, sizeof(stx));
}

void record_stat(struct record_call *call)
{
	struct named named = { .follow = true };
	struct owner owner;
	uint64_t out = 0;
	bool is_same = true;
	AUTO_FD int fd = -1;
	struct stat st;

	/* Whatever goes wrong here goes wrong in the kernel too, with the right errno. */
	call->let_go = true;
	if (read_stat_call(call, &named, &out) < 0 || tracee_is_special(named.path) ||
			open_named(call, &named, &fd, &st) < 0 ||
			read_owner(fd, &st, &owner, &is_same) < 0 || is_same)
		return;
	call->let_go = false;
	if (call->number == SYS_statx) {
		call->error = answer_statx(call, fd, &owner, out);
		return;
	}
	/* The C library's struct is the kernel's on 64-bit machines. */
	st.st_uid = owner.uid;
	st.st_gid = owner.gid;
	st.st_mode = owner.mode;
	if (S_ISCHR(owner.mode) || S_ISBLK(owner.mode))
		st.st_rdev = makedev(owner.major, owner.minor);
	call->error = tracee_write(&call->tracee, out, &st, sizeof(st));
}

/* The owner of something that the caller makes in parent_fd. */
static struct owner new_owner(const struct record_call *call, int parent_fd, uint32_t mode)
{
	struct owner owner = {
		.uid = call->who->uid.fs,
		.gid = call->who->gid.fs,
		.mode = mode,
	};
	struct owner parent;
	bool is_same;
	struct stat st;

	if (fstat(parent_fd, &st) == 0 && read_owner(parent_fd, &st, &parent, &is_same) == 0 &&
			(parent.mode & S_ISGID)) {
		owner.gid = parent.gid;
		if (S_ISDIR(mode))
			owner.mode |= S_ISGID;
	}
	return owner;
}

static bool is_root(const struct record_call *call)
{
	return call->who->uid.fs == 0 && call->who->gid.fs == 0;
}

/*
 * The directory that the caller makes something in. Root's files need no record, except in a
 * directory that hands its group on; there, and when anything is odd, the kernel does it all.
 */
static int open_new(struct record_call *call, struct named *named, int *ret_parent,
		const char **ret_name)
{
	struct stat st;
	int result = tracee_open_parent(
			&call->tracee, named->dir_fd, named->path, ret_parent, ret_name);

	if (result == 0 && is_root(call))
		call->let_go = fstat(*ret_parent, &st) < 0 || !(st.st_mode & S_ISGID);
	else if (result < 0)
		call->let_go = is_root(call);
	return result;
}

static int record_new_file(int parent_fd, const char *name, const struct owner *owner)
{
	struct error *error = owner_set(&recorded, parent_fd, name, owner);

	return error ? soften(errno_of(error)) : 0;
}

/* mknod(path, mode, device), mknodat(fd, path, mode, device) */
void record_mknod(struct record_call *call)
{
	unsigned first = call->number == SYS_mknodat ? 1 : 0;
	uint32_t mode = (uint32_t)call->args[first + 1];
	dev_t device = (dev_t)(uint32_t)call->args[first + 2];
	bool is_device = S_ISCHR(mode) || S_ISBLK(mode);
	struct named named = { 0 };
	const char *name = NULL;
	AUTO_FD int parent_fd = -1;

	/* 0:0 is overlayfs's whiteout, which the kernel makes for everybody. */
	if (S_ISCHR(mode) && device == 0) {
		call->let_go = true;
		return;
	}
	if (is_device && call->who->uid.fs != 0) {
		call->error = -EPERM;
		return;
	}
	call->error = read_named(call, first ? (int)call->args[0] : AT_FDCWD, first, 0, &named);
	if (!call->error)
		call->error = open_new(call, &named, &parent_fd, &name);
	call->let_go = call->let_go && !is_device;
	if (call->error || call->let_go)
		return;
	mode &= ~tracee_umask(&call->tracee);
	mode_t made = is_device ? S_IFREG | (mode & 07777) : mode;
	if (mknodat(parent_fd, name, made, 0) < 0) {
		call->error = -errno;
		return;
	}
	struct owner owner = new_owner(call, parent_fd, mode & S_IFMT ? mode : mode | S_IFREG);
	owner.major = is_device ? major(device) : 0;
	owner.minor = is_device ? minor(device) : 0;
	call->error = record_new_file(parent_fd, name, &owner);
}

void record_mkdir(struct record_call *call)
{
	bool is_at = call->number == SYS_mkdirat;
	struct named named = { 0 };
	const char *name = NULL;
	AUTO_FD int parent_fd = -1;

	call->error = read_named(call, is_at ? (int)call->args[0] : AT_FDCWD, is_at, 0, &named);
	if (!call->error)
		call->error = open_new(call, &named, &parent_fd, &name);
	if (call->error || call->let_go)
		return;
	mode_t mode = (mode_t)call->args[is_at ? 2 : 1] & 01777 & ~tracee_umask(&call->tracee);
	if (mkdirat(parent_fd, name, mode) < 0) {
		call->error = -errno;
		return;
	}
	struct owner owner = new_owner(call, parent_fd, S_IFDIR | mode);
	call->error = record_new_file(parent_fd, name, &owner);
}

/* symlink(target, path), symlinkat(target, fd, path) */
void record_symlink(struct record_call *call)
{
	bool is_at = call->number == SYS_symlinkat;
	char target[LIMIT_PATH_BYTES];
	struct named named = { 0 };
	const char *name = NULL;
	AUTO_FD int parent_fd = -1;

	call->error = tracee_read_path(&call->tracee, call->args[0], target);
	if (!call->error)
		call->error = read_named(call, is_at ? (int)call->args[1] : AT_FDCWD, is_at ? 2 : 1,
				0, &named);
	if (!call->error)
		call->error = tracee_open_parent(
				&call->tracee, named.dir_fd, named.path, &parent_fd, &name);
	if (call->error)
		return;
	if (symlinkat(target, parent_fd, name) < 0) {
		call->error = -errno;
		return;
	}
	struct owner owner = new_owner(call, parent_fd, S_IFLNK | 0777);
	call->error = record_new_file(parent_fd, name, &owner);
}

struct open_call {
	int flags;
	mode_t mode;
};

static int read_open_call(
		const struct record_call *call, struct named *named, struct open_call *open_call)
{
	const uint64_t *args = call->args;
	unsigned first = call->number == SYS_openat ? 1 : 0;

#ifdef SYS_creat
	if (call->number == SYS_creat) {
		open_call->flags = O_CREAT | O_WRONLY | O_TRUNC;
		open_call->mode = (mode_t)args[1];
		return read_named(call, AT_FDCWD, 0, 0, named);
	}
#endif
	open_call->flags = (int)args[first + 1];
	open_call->mode = (mode_t)args[first + 2];
	return read_named(call, first ? (int)args[0] : AT_FDCWD, first, 0, named);
}

/*
 * Hand our fd over as the call's result. The answer comes later, when ours is closed: the caller
 * may execute what it has written, which nobody may have open for writing then.
 */
static int give_fd(struct record_call *call, int fd, int flags)
{
	struct seccomp_notif_addfd addfd = {
		.id = call->tracee.id,
		.srcfd = (uint32_t)fd,
		.newfd_flags = flags & O_CLOEXEC ? O_CLOEXEC : 0,
	};
	int given = ioctl(call->tracee.listener_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd);

	if (given < 0)
		return -errno;
	call->value = given;
	call->let_go = false;
	return 0;
}

/*
 * Only the making of a file by "somebody else" is ours; whatever is there already, or leads through
 * a link, the kernel opens.
 */
void record_open(struct record_call *call)
{
	struct named named = { 0 };
	struct open_call wanted;
	const char *name = NULL;
	AUTO_FD int parent_fd = -1;
	struct stat st;

	call->let_go = true;
	if (is_root(call) || read_open_call(call, &named, &wanted) < 0 ||
			tracee_is_special(named.path) ||
			tracee_open_parent(&call->tracee, named.dir_fd, named.path, &parent_fd,
					&name) < 0 ||
			fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return;
	mode_t mode = wanted.mode & 07777 & ~tracee_umask(&call->tracee);
	AUTO_FD int fd = openat(parent_fd, name,
			(wanted.flags & ~(O_CLOEXEC | O_PATH)) | O_EXCL | O_CLOEXEC | O_NOFOLLOW |
					O_NOCTTY,
			mode);
	if (fd < 0) {
		call->let_go = true; /* made by another in between, or refused: it will say */
		return;
	}
	struct owner owner = new_owner(call, parent_fd, S_IFREG | mode);
	struct error *error = owner_set_fd(&recorded, fd, &owner);
	if (error)
		call->error = soften(errno_of(error));
	if (!call->error)
		call->error = give_fd(call, fd, wanted.flags);
}
