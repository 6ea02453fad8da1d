#include "layer/entry_disk.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* Keep what belongs to layers; file capabilities in their image form. */
static FALLIBLE read_xattrs(struct entry_disk *disk, const struct owner_policy *policy, int dir_fd,
		const char *name, const struct stat *st)
{
	AUTO(xattrs) struct xattrs all = { 0 };
	bool may_have_capability = false;
	uint8_t capability[64];
	size_t n = 0;

	xattrs_clear(&disk->xattrs);
	TRY(xattr_list(dir_fd, name, &all));
	for (size_t i = 0; i < all.n; i++) {
		const struct xattr *xattr = &all.p[i];

		if (strstr(xattr->name, ".capability"))
			may_have_capability = true;
		else if (entry_keeps_xattr(xattr->name))
			xattrs_set(&disk->xattrs, xattr->name, xattr->value, xattr->n);
	}
	if (!may_have_capability || !S_ISREG(st->st_mode))
		return NULL;
	TRY(owner_get_capability(policy, dir_fd, name, capability, sizeof(capability), &n));
	if (n)
		xattrs_set(&disk->xattrs, "security.capability", capability, n);
	return NULL;
}

static FALLIBLE read_link(struct entry_disk *disk, int dir_fd, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, name, target, sizeof(target));

	if (n < 0)
		return error_sys("read link");
	if (n == (ssize_t)sizeof(target))
		return error_new(ERR_LIMIT, "a link longer than %zu bytes", sizeof(target));
	disk->link = xstrndup(target, (size_t)n);
	return NULL;
}

static FALLIBLE read_all(struct entry_disk *disk, const struct owner_policy *policy, int dir_fd,
		const char *name, const struct stat *st)
{
	free(TAKE(disk->link));
	TRY(owner_get(policy, dir_fd, name, st, &disk->entry.owner));
	TRY(read_xattrs(disk, policy, dir_fd, name, st));
	if (S_ISLNK(st->st_mode))
		TRY(read_link(disk, dir_fd, name));
	return NULL;
}

FALLIBLE entry_disk_read(struct entry_disk *disk, const struct owner_policy *policy, int dir_fd,
		const char *name, const struct stat *st, const char *path)
{
	disk->entry = (struct entry){
		.path = path, .mtime = st->st_mtim.tv_sec, .mtime_ns = (uint32_t)st->st_mtim.tv_nsec
	};
	TRY_WRAP(read_all(disk, policy, dir_fd, name, st), "read '%s'", *path ? path : "/");
	disk->entry.link = disk->link;
	disk->entry.xattrs = disk->xattrs.p;
	disk->entry.n_xattrs = disk->xattrs.n;
	if (S_ISREG(disk->entry.owner.mode))
		disk->entry.size = (uint64_t)st->st_size;
	return NULL;
}

FALLIBLE entry_disk_content(
		const struct entry_disk *disk, int dir_fd, const char *name, struct reader **ret)
{
	int fd = -1;

	*ret = NULL;
	if (!S_ISREG(disk->entry.owner.mode))
		return NULL;
	TRY(file_open(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, &fd));
	fd_read_unnoticed(fd);
	*ret = entry_content(fd, disk->entry.size, disk->entry.path);
	return NULL;
}

bool entry_disk_equal(const struct entry_disk *a, const struct entry_disk *b, bool times)
{
	const struct owner *x = &a->entry.owner;
	const struct owner *y = &b->entry.owner;

	if (times && (a->entry.mtime != b->entry.mtime || a->entry.mtime_ns != b->entry.mtime_ns))
		return false;
	return x->uid == y->uid && x->gid == y->gid && x->mode == y->mode && x->major == y->major &&
	       x->minor == y->minor && a->entry.size == b->entry.size &&
	       text_equal(a->link, b->link) && xattrs_equal(&a->xattrs, &b->xattrs);
}

void entry_disk_done(struct entry_disk *disk)
{
	xattrs_done(&disk->xattrs);
	free(disk->link);
	*disk = (struct entry_disk){ 0 };
}
