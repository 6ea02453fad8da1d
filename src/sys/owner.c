/*
 * Ownership on disk under the policies.
 *
 * OWNER_RECORDED keeps the owner of regular files, directories and devices (which are empty regular
 * files there) in an xattr. The permission bits are set on disk as well, so that a step sees them;
 * they count as recorded only while the disk still has what we set, because a chmod inside a step
 * is not reported to anybody.
 *
 * Symlinks, pipes and sockets cannot carry user xattrs. Their owner is kept in the access time:
 * seconds = ATIME_BASE + uid (beyond the year 2223), nanoseconds = gid. It travels with the inode
 * (rename, overlay copy-up), relatime never touches a time in the future, and layers do not carry
 * access times. On a file system that cannot hold such a time the record is lost and the owner
 * reads as 0:0, which for links nobody can tell in use.
 */
#include "sys/owner.h"
#include "base/auto.h"
#include "base/log.h"
#include "base/str.h"
#include "sys/xattrs.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define RECORD_XATTR     "user.containers.override_stat"
#define CAPABILITY_XATTR "security.capability"
#define RECORDED_CAP     "user.kiln.capability"

enum { OVERFLOW_ID = 65534, RECORD_BYTES = 96, ALL_BITS = 07777 };
enum { CAP_V2_BYTES = 20, CAP_V3_BYTES = 24 };

#define ATIME_BASE INT64_C(8000000000)

/* A file: an open one (fd, name NULL), or name in the directory fd. */
struct subject {
	int fd;
	const char *name;
};

static const char *shown(const struct subject *subject)
{
	return subject->name ? subject->name : "an open file";
}

static FALLIBLE subject_xattr_get(const struct subject *subject, const char *attribute, void *buf,
		size_t size, ssize_t *ret_n)
{
	return subject->name ? xattr_get(subject->fd, subject->name, attribute, buf, size, ret_n)
			     : xattr_get_fd(subject->fd, attribute, buf, size, ret_n);
}

static int subject_chown(const struct subject *subject, uid_t uid, gid_t gid)
{
	return subject->name ? fchownat(subject->fd, subject->name, uid, gid,
					       AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)
			     : fchown(subject->fd, uid, gid);
}

/* Never called for symlinks, which have no permission bits. */
static int subject_chmod(const struct subject *subject, mode_t bits)
{
	if (!subject->name)
		return fchmod(subject->fd, bits);
	if (!*subject->name)
		return fchmod(subject->fd, bits);
	return fchmodat(subject->fd, subject->name, bits, 0);
}

static struct error *not_mapped(const struct owner_policy *policy, uint32_t uid, uint32_t gid)
{
	struct error *error = error_new(
			ERR_UNSUPPORTED, "owner %u:%u is not among the ids we have", uid, gid);

	if (policy->kind == OWNER_MAPPED)
		return error_hint(error, "map that id, too: --userns-uid-map and --userns-gid-map");
	if (policy->kind == OWNER_SHIFTED)
		return error_hint(error, "%s",
				policy->has_high ? "root gives files to ids below 2147483647"
						 : "run kiln in a namespace that has more ids");
	return error_hint(error, "give the user a larger range in /etc/subuid and /etc/subgid");
}

/* OWNER_SHIFTED; false: not among ours. */
static bool shift_out(const struct owner_policy *policy, uint32_t id, uint32_t *ret)
{
	if (id >= policy->count && (!policy->has_high || id > OWNER_HIGH_LAST))
		return false;
	*ret = (id < policy->count ? policy->base : OWNER_HIGH) + id;
	return true;
}

static uint32_t shift_in(const struct owner_policy *policy, uint32_t id)
{
	if (id - policy->base < policy->count)
		return id - policy->base;
	return policy->has_high && id >= OWNER_HIGH + policy->count ? id - OWNER_HIGH : OVERFLOW_ID;
}

static bool is_among(const struct idmap *map, uint32_t id)
{
	return !map->n || idmap_covers(map, id, 1);
}

FALLIBLE owner_disk_ids(const struct owner_policy *policy, uint32_t uid, uint32_t gid,
		uid_t *ret_uid, gid_t *ret_gid)
{
	/* (uid_t)-1 means "leave it" to chown. */
	if (uid == UINT32_MAX || gid == UINT32_MAX)
		return not_mapped(policy, uid, gid);
	if (policy->kind == OWNER_SHIFTED)
		return shift_out(policy, uid, ret_uid) && shift_out(policy, gid, ret_gid)
				       ? NULL
				       : not_mapped(policy, uid, gid);
	if (policy->kind == OWNER_MAPPED)
		return idmap_out(&policy->maps.uids, uid, ret_uid) &&
						       idmap_out(&policy->maps.gids, gid, ret_gid)
				       ? NULL
				       : not_mapped(policy, uid, gid);
	if (policy->kind == OWNER_PLAIN &&
			!(is_among(&policy->maps.uids, uid) && is_among(&policy->maps.gids, gid)))
		return not_mapped(policy, uid, gid);
	*ret_uid = uid;
	*ret_gid = gid;
	return NULL;
}

/* chown and chmod for real. st (may be NULL) is what is there. */
static FALLIBLE set_real(const struct owner_policy *policy, const struct subject *subject,
		const struct stat *st, const struct owner *owner)
{
	uint32_t uid = 0;
	uint32_t gid = 0;
	mode_t bits = owner->mode & ALL_BITS;
	bool chowned = false;

	TRY(owner_disk_ids(policy, owner->uid, owner->gid, &uid, &gid));
	if (!st || st->st_uid != uid || st->st_gid != gid) {
		if (subject_chown(subject, uid, gid) < 0)
			return errno == EINVAL ? not_mapped(policy, owner->uid, owner->gid)
					       : error_sys("set the owner of '%s' to %u:%u",
								 shown(subject), owner->uid,
								 owner->gid);
		chowned = true;
	}
	if (S_ISLNK(owner->mode))
		return NULL;
	/* chown clears set-id bits, of files only, and not for everybody: set them again. */
	if (!st || (st->st_mode & ALL_BITS) != bits || (chowned && (bits & 06000)))
		if (subject_chmod(subject, bits) < 0)
			return error_sys("set the mode of '%s'", shown(subject));
	return NULL;
}

static bool ignores_permissions(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct sets[2] = { { 0 } };

	return syscall(SYS_capget, &header, sets) == 0 &&
	       (sets[0].effective & (1u << CAP_DAC_OVERRIDE));
}

/* The bits for the disk: as wanted, but never locking ourselves out. */
static mode_t disk_bits(const struct owner *owner)
{
	mode_t bits = owner->mode & ALL_BITS;
	mode_t need = S_ISDIR(owner->mode) ? 0700 : 0600;

	if ((bits & need) != need && !ignores_permissions())
		bits |= need;
	return bits;
}

static bool is_linklike(mode_t mode)
{
	return S_ISLNK(mode) || S_ISFIFO(mode) || S_ISSOCK(mode);
}

static int set_atime(const struct subject *subject, struct timespec atime)
{
	const struct timespec times[2] = { atime, { .tv_nsec = UTIME_OMIT } };

	return subject->name ? utimensat(subject->fd, subject->name, times,
					       AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)
			     : futimens(subject->fd, times);
}

static int subject_stat(const struct subject *subject, struct stat *ret)
{
	return subject->name ? fstatat(subject->fd, subject->name, ret,
					       AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)
			     : fstat(subject->fd, ret);
}

static FALLIBLE record_in_atime(const struct subject *subject, const struct owner *owner)
{
	bool is_ours = owner->uid == 0 && owner->gid == 0;
	struct timespec atime = { .tv_sec = ATIME_BASE + owner->uid, .tv_nsec = owner->gid };
	struct stat st;

	if (owner->gid >= 1000000000) {
		log_debug("group %u of '%s' cannot be recorded", owner->gid, shown(subject));
		return NULL;
	}
	if (is_ours) {
		if (subject_stat(subject, &st) < 0)
			return error_sys("read '%s'", shown(subject));
		if (st.st_atim.tv_sec < ATIME_BASE)
			return NULL;
		atime = (struct timespec){ .tv_nsec = UTIME_NOW };
	}
	if (set_atime(subject, atime) < 0)
		return error_sys("record the owner of '%s'", shown(subject));
	if (!is_ours && (subject_stat(subject, &st) < 0 || st.st_atim.tv_sec != atime.tv_sec ||
					st.st_atim.tv_nsec != atime.tv_nsec))
		log_debug("this file system cannot record the owner of '%s'", shown(subject));
	return NULL;
}

static void format_record(const struct owner *owner, char buf[static RECORD_BYTES])
{
	char type[48] = "file";

	if (S_ISDIR(owner->mode))
		(void)snprintf(type, sizeof(type), "dir");
	else if (S_ISCHR(owner->mode) || S_ISBLK(owner->mode))
		(void)snprintf(type, sizeof(type), "%s-%u-%u",
				S_ISCHR(owner->mode) ? "char" : "block", owner->major,
				owner->minor);
	(void)snprintf(buf, RECORD_BYTES, "%u:%u:%04o:%s", owner->uid, owner->gid,
			owner->mode & ALL_BITS, type);
}

static FALLIBLE put_record(const struct subject *subject, const struct owner *owner)
{
	char text[RECORD_BYTES];

	format_record(owner, text);
	if (subject->name)
		return xattr_set(subject->fd, subject->name, RECORD_XATTR, text, strlen(text));
	return xattr_set_fd(subject->fd, RECORD_XATTR, text, strlen(text));
}

static FALLIBLE record(const struct subject *subject, bool is_new, const struct owner *owner)
{
	bool is_device = S_ISCHR(owner->mode) || S_ISBLK(owner->mode);
	mode_t bits = disk_bits(owner);
	char text[RECORD_BYTES];
	ssize_t n = -1;

	if (subject_chmod(subject, bits) < 0)
		return error_sys("set the mode of '%s'", shown(subject));
	if (owner->uid == 0 && owner->gid == 0 && !is_device && bits == (owner->mode & ALL_BITS)) {
		if (is_new)
			return NULL;
		TRY(subject_xattr_get(subject, RECORD_XATTR, text, sizeof(text), &n));
		if (n < 0)
			return NULL;
	}
	return put_record(subject, owner);
}

static FALLIBLE set_recorded(
		const struct subject *subject, const struct stat *st, const struct owner *owner)
{
	if (!is_linklike(owner->mode))
		return record(subject, st != NULL, owner);
	if (!S_ISLNK(owner->mode) && subject_chmod(subject, disk_bits(owner)) < 0)
		return error_sys("set the mode of '%s'", shown(subject));
	return record_in_atime(subject, owner);
}

static FALLIBLE set(const struct owner_policy *policy, const struct subject *subject,
		const struct stat *st, const struct owner *owner)
{
	switch (policy->kind) {
	case OWNER_PLAIN:
	case OWNER_SHIFTED:
	case OWNER_MAPPED:
		return set_real(policy, subject, st, owner);
	case OWNER_RECORDED:
		return set_recorded(subject, st, owner);
	}
	return error_new(ERR_INVALID, "no ownership policy");
}

FALLIBLE owner_set(const struct owner_policy *policy, int dir_fd, const char *name,
		const struct owner *owner)
{
	return set(policy, &(struct subject){ dir_fd, name }, NULL, owner);
}

FALLIBLE owner_set_fd(const struct owner_policy *policy, int fd, const struct owner *owner)
{
	return set(policy, &(struct subject){ fd, NULL }, NULL, owner);
}

FALLIBLE owner_set_new(const struct owner_policy *policy, int dir_fd, const char *name,
		const struct stat *st, const struct owner *owner)
{
	return set(policy, &(struct subject){ dir_fd, name }, st, owner);
}

FALLIBLE owner_set_new_fd(const struct owner_policy *policy, int fd, const struct stat *st,
		const struct owner *owner)
{
	return set(policy, &(struct subject){ fd, NULL }, st, owner);
}

/* map is that of uids or gids. */
static uint32_t image_id(const struct owner_policy *policy, const struct idmap *map, uint32_t id)
{
	uint32_t inside = 0;

	if (policy->kind == OWNER_MAPPED)
		return idmap_in(map, id, &inside) ? inside : OVERFLOW_ID;
	return policy->kind == OWNER_SHIFTED ? shift_in(policy, id) : id;
}

/* "char-1-3" -> type and device number of *owner. */
static bool parse_type(struct str type, struct owner *owner)
{
	struct str kind, numbers, major, minor;
	uint64_t major_number = 0;
	uint64_t minor_number = 0;

	if (!str_cut(type, '-', &kind, &numbers))
		return true;
	(void)str_cut(numbers, '-', &major, &minor);
	struct error *error = parse_u64(major, UINT32_MAX, &major_number);
	if (!error)
		error = parse_u64(minor, UINT32_MAX, &minor_number);
	if (error || (!str_is(kind, "char") && !str_is(kind, "block"))) {
		error_free(error);
		return false;
	}
	owner->mode = (owner->mode & ALL_BITS) | (str_is(kind, "char") ? S_IFCHR : S_IFBLK);
	owner->major = (uint32_t)major_number;
	owner->minor = (uint32_t)minor_number;
	return true;
}

/* Read "uid:gid:mode[:type]" into *owner, which holds the disk's mode; false: not such a text. */
static bool parse_record(struct str text, struct owner *owner)
{
	struct str uid, gid, mode, type;
	uint64_t number[3] = { 0 };

	(void)str_cut(text, ':', &uid, &text);
	(void)str_cut(text, ':', &gid, &text);
	(void)str_cut(text, ':', &mode, &type);
	struct error *error = parse_u64(uid, UINT32_MAX - 1, &number[0]);
	if (!error)
		error = parse_u64(gid, UINT32_MAX - 1, &number[1]);
	if (!error)
		error = parse_octal(mode, 0177777, &number[2]);
	if (error) {
		error_free(error);
		return false;
	}

	/* The disk has what we set unless a step changed it since. */
	struct owner recorded = *owner;
	mode_t need = S_ISDIR(owner->mode) ? 0700 : 0600;
	mode_t bits = number[2] & ALL_BITS;
	if ((owner->mode & ALL_BITS) == (bits | need))
		recorded.mode = (owner->mode & S_IFMT) | bits;
	recorded.uid = (uint32_t)number[0];
	recorded.gid = (uint32_t)number[1];
	if (S_ISREG(owner->mode) && !parse_type(type, &recorded))
		return false;
	*owner = recorded;
	return true;
}

static FALLIBLE get_recorded(
		const struct subject *subject, const struct stat *st, struct owner *owner)
{
	char text[RECORD_BYTES];
	ssize_t n = -1;

	owner->uid = owner->gid = 0;
	if (is_linklike(st->st_mode)) {
		int64_t uid = st->st_atim.tv_sec - ATIME_BASE;

		if (uid >= 0 && uid < UINT32_MAX) {
			owner->uid = (uint32_t)uid;
			owner->gid = (uint32_t)st->st_atim.tv_nsec;
		}
		return NULL;
	}
	TRY(subject_xattr_get(subject, RECORD_XATTR, text, sizeof(text), &n));
	if (n > 0 && !parse_record((struct str){ text, (size_t)n }, owner))
		log_debug("'%s' has a record of its owner that is not understood", shown(subject));
	return NULL;
}

/* A device that owner_make() had to record: only its type and number count. */
static FALLIBLE get_device(const struct subject *subject, struct owner *owner)
{
	struct owner recorded = *owner;
	char text[RECORD_BYTES];
	ssize_t n = -1;

	TRY(subject_xattr_get(subject, RECORD_XATTR, text, sizeof(text), &n));
	if (n <= 0 || !parse_record((struct str){ text, (size_t)n }, &recorded) ||
			S_ISREG(recorded.mode))
		return NULL;
	owner->mode = (recorded.mode & S_IFMT) | (owner->mode & ALL_BITS);
	owner->major = recorded.major;
	owner->minor = recorded.minor;
	return NULL;
}

static FALLIBLE get(const struct owner_policy *policy, const struct subject *subject,
		const struct stat *st, struct owner *ret)
{
	bool is_device = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
	struct owner owner = {
		.uid = image_id(policy, &policy->maps.uids, st->st_uid),
		.gid = image_id(policy, &policy->maps.gids, st->st_gid),
		.mode = st->st_mode,
		.major = is_device ? major(st->st_rdev) : 0,
		.minor = is_device ? minor(st->st_rdev) : 0,
	};

	if (S_ISLNK(st->st_mode))
		owner.mode = S_IFLNK | 0777;
	if (policy->kind == OWNER_RECORDED)
		TRY(get_recorded(subject, st, &owner));
	else if (S_ISREG(st->st_mode) && st->st_size == 0)
		TRY(get_device(subject, &owner));
	*ret = owner;
	return NULL;
}

FALLIBLE owner_get(const struct owner_policy *policy, int dir_fd, const char *name,
		const struct stat *st, struct owner *ret)
{
	return get(policy, &(struct subject){ dir_fd, name }, st, ret);
}

FALLIBLE owner_get_fd(
		const struct owner_policy *policy, int fd, const struct stat *st, struct owner *ret)
{
	return get(policy, &(struct subject){ fd, NULL }, st, ret);
}

FALLIBLE owner_open_up(const struct owner_policy *policy, int dir_fd, const char *name,
		const struct stat *st, bool *ret)
{
	const struct owner seen = { .mode = st->st_mode };
	struct owner owner;

	*ret = policy->kind == OWNER_RECORDED && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) &&
	       disk_bits(&seen) != (st->st_mode & ALL_BITS);
	if (!*ret)
		return NULL;
	/* The record cannot be read, nor written, before. */
	if (subject_chmod(&(struct subject){ dir_fd, name }, disk_bits(&seen)) < 0)
		return error_sys("set the mode of '%s'", name);
	TRY(owner_get(policy, dir_fd, name, st, &owner));
	return owner_set(policy, dir_fd, name, &owner);
}

bool owner_makes(const struct owner_policy *policy, uint32_t mode)
{
	return policy->kind != OWNER_RECORDED || !(S_ISCHR(mode) || S_ISBLK(mode));
}

FALLIBLE owner_make(const struct owner_policy *policy, int dir_fd, const char *name,
		const struct owner *owner)
{
	const struct subject subject = { dir_fd, name };
	bool is_device = S_ISCHR(owner->mode) || S_ISBLK(owner->mode);
	dev_t device = is_device ? makedev(owner->major, owner->minor) : 0;

	if (owner_makes(policy, owner->mode) &&
			mknodat(dir_fd, name, (owner->mode & S_IFMT) | 0600, device) == 0)
		return owner_set(policy, dir_fd, name, owner);
	if (!is_device || (owner_makes(policy, owner->mode) && errno != EPERM))
		return error_sys("make '%s'", name);

	AUTO_FD int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_sys("make '%s'", name);
	if (policy->kind != OWNER_RECORDED)
		TRY(put_record(&subject, owner));
	return owner_set(policy, dir_fd, name, owner);
}

bool owner_is_own_xattr(const char *name)
{
	return strcmp(name, RECORD_XATTR) == 0 || strcmp(name, RECORDED_CAP) == 0;
}

static void put_le32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Version 3 -> 2: the root id goes, the rest stays. Others are left as they are. */
static size_t capability_to_image(uint8_t *value, size_t n)
{
	uint32_t magic = n >= 4 ? get_le32(value) : 0;

	if (n != CAP_V3_BYTES || (magic & VFS_CAP_REVISION_MASK) != VFS_CAP_REVISION_3)
		return n;
	put_le32(value, VFS_CAP_REVISION_2 | (magic & ~VFS_CAP_REVISION_MASK));
	return CAP_V2_BYTES;
}

FALLIBLE owner_set_capability(const struct owner_policy *policy, int dir_fd, const char *name,
		const void *value, size_t n)
{
	uint8_t disk[64];

	if (n < 4 || n > sizeof(disk))
		return error_new(ERR_INVALID, "file capabilities of '%s' have %zu bytes", name, n);
	memcpy(disk, value, n);
	n = capability_to_image(disk, n);
	if (policy->kind != OWNER_PLAIN && policy->kind != OWNER_RECORDED && n == CAP_V2_BYTES) {
		uint32_t flags = get_le32(disk) & ~VFS_CAP_REVISION_MASK;
		uid_t root = 0;
		gid_t group = 0;

		TRY(owner_disk_ids(policy, 0, 0, &root, &group));
		put_le32(disk, VFS_CAP_REVISION_3 | flags);
		put_le32(disk + CAP_V2_BYTES, root);
		n = CAP_V3_BYTES;
	}

	struct error *error = xattr_set(dir_fd, name, CAPABILITY_XATTR, disk, n);
	if (policy->kind == OWNER_RECORDED && error_is_errno(error, EPERM)) {
		error_free(error);
		return xattr_set(dir_fd, name, RECORDED_CAP, disk, n);
	}
	return error;
}

FALLIBLE owner_get_capability(const struct owner_policy *policy, int dir_fd, const char *name,
		void *buf, size_t size, size_t *ret_n)
{
	ssize_t n = -1;

	TRY(xattr_get(dir_fd, name, CAPABILITY_XATTR, buf, size, &n));
	if (n < 0 && policy->kind == OWNER_RECORDED)
		TRY(xattr_get(dir_fd, name, RECORDED_CAP, buf, size, &n));
	*ret_n = n < 0 ? 0 : capability_to_image(buf, (size_t)n);
	return NULL;
}
