#include "layer/whiteout.h"
#include "base/auto.h"
#include "base/xalloc.h"
#include "sys/path.h"
#include "sys/xattrs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#define MARK                 ".wh."
#define META                 ".wh..wh."
#define OPAQUE               ".wh..wh..opq"
#define XATTR_OPAQUE         "user.overlay.opaque"
#define XATTR_OPAQUE_TRUSTED "trusted.overlay.opaque"
#define XATTR_GONE           "user.overlay.whiteout"

/* "dir/name" from both parts, "name" at the top. */
static char *below(struct str dir, const char *mark, const char *name)
{
	return xasprintf("%.*s%s%s%s", STR_ARG(dir), dir.n ? "/" : "", mark, name);
}

FALLIBLE whiteout_parse(const char *path, enum whiteout *ret, char **ret_target)
{
	const char *name = path_name(path);
	struct str dir = path_parent(path);

	*ret = WHITEOUT_NO;
	*ret_target = NULL;
	if (!text_starts(name, MARK))
		return NULL;
	if (strcmp(name, OPAQUE) == 0) {
		*ret = WHITEOUT_OPAQUE;
		*ret_target = str_dup(dir);
		return NULL;
	}
	if (text_starts(name, META)) {
		*ret = WHITEOUT_OTHER;
		return NULL;
	}
	name += strlen(MARK);
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_new(ERR_INVALID, "whiteout '%s' names no file", path);
	*ret = WHITEOUT_PATH;
	*ret_target = below(dir, "", name);
	return NULL;
}

char *whiteout_path(const char *path)
{
	return below(path_parent(path), MARK, path_name(path));
}

char *whiteout_opaque_path(const char *dir)
{
	return below(str_of(dir), "", OPAQUE);
}

bool whiteout_is_name(const char *path)
{
	return text_starts(path_name(path), MARK);
}

static FALLIBLE make_marked(int dir_fd, const char *name)
{
	AUTO_FD int fd = openat(
			dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_sys("make whiteout '%s'", name);
	TRY_WRAP(xattr_set_fd(fd, XATTR_GONE, "y", 1), "make whiteout '%s'", name);
	return NULL;
}

FALLIBLE whiteout_make(int dir_fd, const char *name, bool is_flat)
{
	if (mknodat(dir_fd, name, S_IFCHR, makedev(0, 0)) == 0)
		return NULL;
	if (errno == EPERM && is_flat)
		return make_marked(dir_fd, name);
	return error_sys("make whiteout '%s'", name);
}

FALLIBLE whiteout_is(int dir_fd, const char *name, const struct stat *st, bool *ret)
{
	char value[8];
	ssize_t n = -1;

	*ret = S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
	if (*ret || !S_ISREG(st->st_mode) || st->st_size != 0)
		return NULL;
	TRY(xattr_get(dir_fd, name, XATTR_GONE, value, sizeof(value), &n));
	*ret = n >= 0;
	return NULL;
}

FALLIBLE whiteout_make_opaque(int dir_fd, bool is_trusted)
{
	return xattr_set_fd(dir_fd, is_trusted ? XATTR_OPAQUE_TRUSTED : XATTR_OPAQUE, "y", 1);
}

static FALLIBLE has_mark(int dir_fd, const char *name, bool *ret_has, bool *ret_opaque)
{
	char value[8];
	ssize_t n = -1;

	TRY(xattr_get_fd(dir_fd, name, value, sizeof(value), &n));
	*ret_has = n >= 0;
	*ret_opaque = n == 1 && value[0] == 'y';
	return NULL;
}

FALLIBLE whiteout_is_opaque_to_users(int dir_fd, bool *ret)
{
	bool has = false;

	return has_mark(dir_fd, XATTR_OPAQUE, &has, ret);
}

FALLIBLE whiteout_is_opaque(int dir_fd, bool *ret)
{
	bool has = false;

	TRY(has_mark(dir_fd, XATTR_OPAQUE, &has, ret));
	return has ? NULL : has_mark(dir_fd, XATTR_OPAQUE_TRUSTED, &has, ret);
}
