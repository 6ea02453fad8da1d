/*
 * Overlays are made by fsopen: each layer is one "lowerdir+" (Linux 6.5), named through
 * /proc/self/fd, because the calls take no directory fd before 6.13 and kiln's threads share one
 * working directory. fsconfig takes 255 bytes of text, so a longer name is opened first.
 *
 * Older kernels take all layers in one string of at most a page. There a thread with a working
 * directory of its own sits in a small tmpfs of two-letter links to the layers, so that 500 fit.
 */
#include "sys/mounts.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

enum { NAME_BYTES = 256, LOG_BYTES = 1024 };

/* What the kernel says about a file system context's last failure, or "". */
static void kernel_says(int fs_fd, char buf[static LOG_BYTES])
{
	ssize_t n;

	buf[0] = '\0';
	/* One message a read, "e text"; the last one counts. */
	while ((n = read(fs_fd, buf, LOG_BYTES - 1)) > 0)
		buf[n] = '\0';
	for (char *end = buf + strlen(buf); end > buf && end[-1] == '\n';)
		*--end = '\0';
	if (buf[0] && buf[1] == ' ')
		memmove(buf, buf + 2, strlen(buf + 2) + 1);
}

static struct error *fs_error(int fs_fd, const char *what)
{
	int number = errno;
	char says[LOG_BYTES];

	kernel_says(fs_fd, says);
	errno = number;
	return says[0] ? error_sys("%s (%s)", what, says) : error_sys("%s", what);
}

static int set_string(int fs_fd, const char *key, const char *value)
{
	return fsconfig(fs_fd, FSCONFIG_SET_STRING, key, value, 0);
}

/*
 * A name for the directory that any path lookup of ours understands. *held_fd is opened when the
 * plain name would be too long, and must stay open until the mount is made.
 */
static FALLIBLE dir_name(const struct mount_dir *dir, char name[static NAME_BYTES], int *held_fd)
{
	bool is_fd = !dir->path || !*dir->path;
	int n = is_fd ? snprintf(name, NAME_BYTES, "/proc/self/fd/%d", dir->fd)
		      : snprintf(name, NAME_BYTES, "/proc/self/fd/%d/%s", dir->fd, dir->path);

	if (is_fd || n < NAME_BYTES)
		return NULL;
	int fd = openat(dir->fd, dir->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_sys("open layer '%s'", dir->path);
	*held_fd = fd;
	(void)snprintf(name, NAME_BYTES, "/proc/self/fd/%d", fd);
	return NULL;
}

static FALLIBLE add_lower(int fs_fd, const struct mount_dir *dir)
{
	char name[NAME_BYTES];
	AUTO_FD int held_fd = -1;

	TRY(dir_name(dir, name, &held_fd));
	if (set_string(fs_fd, "lowerdir+", name) < 0) {
		int number = errno;
		AUTO_FREE char *what = xasprintf(
				"add layer '%s' to an overlay", dir->path ? dir->path : name);

		errno = number;
		return fs_error(fs_fd, what);
	}
	return NULL;
}

/* errno and the kernel's words of a failure of an overlay with an upper: was it the upper? */
static struct error *upper_error(const struct mount_overlay *overlay, struct error *error)
{
	struct statfs fs;
	int number = error->code;
	bool is_overlay = fstatfs(overlay->upper_fd, &fs) == 0 &&
			  (unsigned long)fs.f_type == OVERLAYFS_SUPER_MAGIC;

	if (!is_overlay && (number != EINVAL || !strstr(error->message, "upper")) &&
			number != EOPNOTSUPP)
		return error;
	struct error *refused = error_code(ERR_UNSUPPORTED, MOUNT_UPPER_REFUSED, "%s: %s",
			error->message,
			is_overlay ? "an overlay cannot be the upper of another"
				   : "its file system cannot hold an overlay's upper");
	error_free(error);
	return error_hint(refused, "put the upper on another file system, for example with TMPDIR");
}

static FALLIBLE set_upper(int fs_fd, const struct mount_overlay *overlay)
{
	char name[NAME_BYTES];

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", overlay->upper_fd);
	if (set_string(fs_fd, "upperdir", name) < 0)
		return upper_error(overlay, fs_error(fs_fd, "set the upper of an overlay"));
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", overlay->work_fd);
	if (set_string(fs_fd, "workdir", name) < 0)
		return upper_error(
				overlay, fs_error(fs_fd, "set the work directory of an overlay"));
	if (overlay->is_volatile && fsconfig(fs_fd, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0)
		log_debug("overlayfs has no 'volatile' here");
	return NULL;
}

/* *ret_old is true when this kernel has no "lowerdir+". */
static FALLIBLE overlay_by_fd(const struct mount_overlay *overlay, bool *ret_old, int *ret_fd)
{
	AUTO_FD int fs_fd = fsopen("overlay", FSOPEN_CLOEXEC);

	*ret_old = false;
	if (fs_fd < 0)
		return error_sys("mount an overlay");
	if (set_string(fs_fd, "source", "kiln") < 0)
		return fs_error(fs_fd, "name an overlay");
	for (size_t i = 0; i < overlay->n; i++) {
		struct error *error = add_lower(fs_fd, &overlay->lower[i]);

		if (i == 0 && error_is_errno(error, EINVAL))
			*ret_old = true;
		TRY(error);
	}
	if (overlay->upper_fd >= 0)
		TRY(set_upper(fs_fd, overlay));
	if (fsconfig(fs_fd, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
		return fs_error(fs_fd, "mount an overlay with user xattrs");
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
		struct error *error = fs_error(fs_fd, "mount an overlay");

		return overlay->upper_fd >= 0 ? upper_error(overlay, error) : error;
	}
	int fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
	if (fd < 0)
		return fs_error(fs_fd, "mount an overlay");
	*ret_fd = fd;
	return NULL;
}

struct by_string {
	const struct mount_overlay *overlay;
	struct error *error;
	int fd;
};

enum { DIGITS = 36 };

static void link_name(size_t i, char name[static 3])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	name[0] = digits[i / DIGITS % DIGITS];
	name[1] = digits[i % DIGITS];
	name[2] = '\0';
}

static FALLIBLE link_layer(const struct mount_dir *dir, size_t i, struct strbuf *options)
{
	AUTO_FREE char *to = xasprintf("/proc/self/fd/%d/%s", dir->fd, dir->path ? dir->path : "");
	char name[3];

	link_name(i, name);
	if (symlink(to, name) < 0)
		return error_sys("name a layer '%s'", to);
	strbuf_addf(options, "%s%s", i ? ":" : "lowerdir=", name);
	return NULL;
}

/* Runs in a directory of its own that nobody else sees. */
static FALLIBLE overlay_in_here(const struct mount_overlay *overlay, int *ret_fd)
{
	AUTO(strbuf) struct strbuf options = { 0 };

	for (size_t i = 0; i < overlay->n; i++)
		TRY(link_layer(&overlay->lower[i], i, &options));
	if (overlay->upper_fd >= 0)
		strbuf_addf(&options, ",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d%s",
				overlay->upper_fd, overlay->work_fd,
				overlay->is_volatile ? ",volatile" : "");
	strbuf_add(&options, ",userxattr");
	if (mkdir("_", 0700) < 0)
		return error_sys("make a mount point");
	if (mount("kiln", "_", "overlay", 0, strbuf_text(&options)) < 0) {
		struct error *error = error_sys("mount an overlay of %zu layers", overlay->n);

		return overlay->upper_fd >= 0 ? upper_error(overlay, error) : error;
	}
	int fd = open_tree(AT_FDCWD, "_", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct error *error = fd < 0 ? error_sys("take an overlay") : NULL;
	(void)umount2("_", MNT_DETACH);
	if (!error)
		*ret_fd = fd;
	return error;
}

static FALLIBLE overlay_alone(const struct mount_overlay *overlay, int *ret_fd)
{
	AUTO_FD int scratch_fd = -1;

	if (unshare(CLONE_FS) < 0)
		return error_sys("take a working directory");
	TRY(mount_new("tmpfs", NULL, 0, 0, &scratch_fd));
	/* Layers must be of the same mount namespace, so for a moment the other threads see this
	 * too: it goes where none of them looks. */
	if (move_mount(scratch_fd, "", AT_FDCWD, "/proc/fs", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys("attach a scratch directory");
	struct error *error = NULL;
	if (fchdir(scratch_fd) < 0)
		error = error_sys("enter a scratch directory");
	if (!error)
		error = overlay_in_here(overlay, ret_fd);
	(void)umount2(".", MNT_DETACH); /* not by name: another thread's may lie on top */
	return error;
}

static void *string_thread(void *arg)
{
	struct by_string *work = arg;

	work->error = overlay_alone(work->overlay, &work->fd);
	return NULL;
}

static FALLIBLE overlay_by_string(const struct mount_overlay *overlay, int *ret_fd)
{
	struct by_string work = { .overlay = overlay, .fd = -1 };
	pthread_t thread;
	int number = pthread_create(&thread, NULL, string_thread, &work);

	if (number) {
		errno = number;
		return error_sys("start a thread");
	}
	(void)pthread_join(thread, NULL);
	if (!work.error)
		*ret_fd = work.fd;
	return work.error;
}

FALLIBLE mount_overlay(const struct mount_overlay *overlay, int *ret_fd)
{
	bool is_old = overlay->by_string;

	if (overlay->n == 0)
		return error_new(ERR_INVALID, "an overlay of no layers");
	if (overlay->n > LIMIT_LAYERS)
		return error_new(ERR_LIMIT, "%zu layers; overlayfs takes %d", overlay->n,
				LIMIT_LAYERS);
	if (!is_old) {
		struct error *error = overlay_by_fd(overlay, &is_old, ret_fd);

		if (!is_old)
			return error;
		error_ignore(error, "an old kernel");
	}
	return overlay_by_string(overlay, ret_fd);
}

FALLIBLE mount_overlay_ro(const struct mount_dir *layers, size_t n, int *ret_fd)
{
	struct mount_overlay overlay = { .lower = layers, .n = n, .upper_fd = -1, .work_fd = -1 };

	if (n != 1)
		return mount_overlay(&overlay, ret_fd);
	bool is_fd = !layers->path || !*layers->path;
	int fd = openat(layers->fd, is_fd ? "." : layers->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_sys("open layer '%s'", is_fd ? "." : layers->path);
	*ret_fd = fd;
	return NULL;
}

FALLIBLE mount_new(const char *type, const struct mount_option *options, size_t n,
		unsigned attributes, int *ret_fd)
{
	AUTO_FD int fs_fd = fsopen(type, FSOPEN_CLOEXEC);

	if (fs_fd < 0)
		return error_sys("mount %s", type);
	for (size_t i = 0; i < n; i++) {
		int result = options[i].value ? set_string(fs_fd, options[i].key, options[i].value)
					      : fsconfig(fs_fd, FSCONFIG_SET_FLAG, options[i].key,
								NULL, 0);
		if (result < 0) {
			int number = errno;
			AUTO_FREE char *what = xasprintf("set '%s' of a %s", options[i].key, type);

			errno = number;
			return fs_error(fs_fd, what);
		}
	}
	AUTO_FREE char *what = xasprintf("mount a %s", type);
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fs_error(fs_fd, what);
	int fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, attributes);
	if (fd < 0)
		return fs_error(fs_fd, what);
	*ret_fd = fd;
	return NULL;
}

FALLIBLE mount_clone(int fd, const char *path, bool recursive, int *ret_fd)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	int tree_fd = open_tree(fd, path ? path : "", flags | (recursive ? AT_RECURSIVE : 0));

	if (tree_fd < 0)
		return error_sys("bind '%s'", path && *path ? path : "a directory");
	*ret_fd = tree_fd;
	return NULL;
}

FALLIBLE mount_set(int fd, const char *path, unsigned attributes, bool recursive)
{
	struct mount_attr attr = { .attr_set = attributes };

	if (mount_setattr(fd, path ? path : "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
			    &attr, sizeof(attr)) < 0)
		return error_sys("restrict the mount '%s'", path ? path : "");
	return NULL;
}

FALLIBLE mount_propagate(int fd, unsigned long propagation, bool recursive)
{
	struct mount_attr attr = { .propagation = propagation };

	if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			    sizeof(attr)) < 0)
		return error_sys("set the propagation of a mount");
	return NULL;
}

FALLIBLE mount_attach(int mount_fd, int target_fd, const char *name)
{
	if (move_mount(mount_fd, "", target_fd, "",
			    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return error_sys("mount on '%s'", name);
	return NULL;
}

FALLIBLE mount_make_private(void)
{
	struct mount_attr attr = { .propagation = MS_PRIVATE };

	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return error_sys("make mounts private");
	return NULL;
}

static FALLIBLE try_upper_in(int dir_fd)
{
	AUTO_FD int lower_fd = -1;
	AUTO_FD int upper_fd = -1;
	AUTO_FD int work_fd = -1;
	AUTO_FD int mount_fd = -1;

	if (mkdirat(dir_fd, "lower", 0700) < 0 || mkdirat(dir_fd, "upper", 0700) < 0 ||
			mkdirat(dir_fd, "work", 0700) < 0)
		return error_sys("make directories to try an overlay");
	lower_fd = openat(dir_fd, "lower", O_PATH | O_DIRECTORY | O_CLOEXEC);
	upper_fd = openat(dir_fd, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	work_fd = openat(dir_fd, "work", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (lower_fd < 0 || upper_fd < 0 || work_fd < 0)
		return error_sys("open directories to try an overlay");
	if (fsetxattr(upper_fd, "user.kiln", "", 0, 0) < 0)
		return error_code(ERR_UNSUPPORTED, MOUNT_UPPER_REFUSED,
				"the file system has no user xattrs");
	return mount_overlay(
			&(struct mount_overlay){
					.lower = &(struct mount_dir){ lower_fd, NULL },
					.n = 1,
					.upper_fd = upper_fd,
					.work_fd = work_fd,
			},
			&mount_fd);
}

FALLIBLE mount_try_upper(int dir_fd)
{
	char name[] = ".kiln-try-XXXXXX";
	AUTO_FREE char *path = xasprintf("/proc/self/fd/%d/%s", dir_fd, name);

	if (!mkdtemp(path))
		return error_sys("make a directory to try an overlay");
	const char *made = strrchr(path, '/') + 1;
	AUTO_FD int try_fd = openat(dir_fd, made, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error *error = try_fd < 0 ? error_sys("open '%s'", made) : try_upper_in(try_fd);

	/* work/work is overlayfs's own; mode 000, empty. */
	(void)unlinkat(try_fd, "work/work", AT_REMOVEDIR);
	(void)unlinkat(try_fd, "work", AT_REMOVEDIR);
	(void)unlinkat(try_fd, "upper", AT_REMOVEDIR);
	(void)unlinkat(try_fd, "lower", AT_REMOVEDIR);
	(void)unlinkat(dir_fd, made, AT_REMOVEDIR);
	return error;
}

FALLIBLE mount_try_lower(const struct mount_dir *dirs, size_t n)
{
	AUTO_FD int overlay_fd = -1;

	TRY(mount_overlay_ro(dirs, n, &overlay_fd));
	for (size_t i = 0; i < n; i++) {
		AUTO_FD int clone_fd = -1;

		TRY(mount_clone(dirs[i].fd, NULL, false, &clone_fd));
	}
	return NULL;
}

/* A mount point as mountinfo writes it, "\\040" for a space. */
static char *unescape(struct str text)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	for (size_t i = 0; i < text.n; i++) {
		const char *p = text.p + i;
		bool is_octal = *p == '\\' && text.n - i > 3;

		if (is_octal)
			i += 3;
		strbuf_add_char(&out, is_octal ? (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 |
								 (p[3] - '0'))
					       : *p);
	}
	return strbuf_take(&out);
}

FALLIBLE mount_any_below(int fd, bool *ret)
{
	AUTO_FREE char *mounts = NULL;
	AUTO_FREE char *link = xasprintf("/proc/self/fd/%d", fd);
	char path[LIMIT_PATH_BYTES + 1];
	ssize_t n = readlink(link, path, sizeof(path) - 1);

	if (n < 0)
		return error_sys("find the path of a directory");
	path[n] = '\0';
	n = n == 1 ? 0 : n; /* "/" */
	TRY(file_read(AT_FDCWD, "/proc/self/mountinfo", LIMIT_SETTINGS_BYTES, &mounts, NULL));
	*ret = false;
	for (struct str rest = str_of(mounts), line, field = { 0 }; rest.n && !*ret;) {
		(void)str_cut(rest, '\n', &line, &rest);
		for (size_t i = 0; i < 5; i++)
			(void)str_cut(line, ' ', &field, &line);
		AUTO_FREE char *at = unescape(field);
		*ret = strncmp(at, path, (size_t)n) == 0 && at[n] == '/' && at[n + 1];
	}
	return NULL;
}
