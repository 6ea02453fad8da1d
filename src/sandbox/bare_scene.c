#include "sandbox/bare_scene.h"
#include "base/limits.h"
#include "base/log.h"
#include "sandbox/stage.h"
#include "sys/copy_tree.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <string.h>

#define ASIDE "aside"

static const char *text_of(const struct bare_scene *scene, struct plan_text text)
{
	return plan_text_of(scene->plan, text);
}

static bool is_same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* A directory that was only touched by us gets its times back. */
static void restore_times(int dir_fd, const struct stat *times_of)
{
	const struct timespec times[2] = { times_of->st_atim, times_of->st_mtim };

	(void)futimens(dir_fd, times);
}

/* --- putting --- */

/* The place of path inside, links followed; its directory is made when it is missing. */
static FALLIBLE find_place(
		struct bare_scene *scene, const char *path, int *ret_parent_fd, char **ret_name)
{
	AUTO_FREE char *resolved = NULL;
	AUTO_FREE char *parent = NULL;
	AUTO_FD int path_fd = -1;

	TRY_WRAP(rootfs_resolve(scene->root_fd, path, &resolved), "mount on '%s'", path);
	AUTO_FREE char *clean = path_clean(str_of(resolved));
	if (!*clean)
		return error_hint(error_new(ERR_UNSUPPORTED, "a mount on '/' without a namespace"),
				"mount it on a directory below, or build where user namespaces are "
				"allowed");
	parent = str_dup(path_parent(str_of(clean).p));
	TRY(target_open(&scene->targets, *parent ? parent : "/", true, &path_fd));
	TRY(file_open(path_fd, ".", O_RDONLY | O_DIRECTORY, 0, ret_parent_fd));
	*ret_name = xstrdup(path_name(clean));
	return NULL;
}

/* Room at path: what is there goes aside. Ended by place_end(). */
static FALLIBLE place_begin(struct bare_scene *scene, const char *path, struct placed **ret)
{
	AUTO_FREE char *name = NULL;
	AUTO_FD int parent_fd = -1;
	struct stat st;

	TRY(find_place(scene, path, &parent_fd, &name));
	struct placed *placed = vec_add(&scene->placed);
	*placed = (struct placed){
		.parent_fd = TAKE_FD(parent_fd), .name = TAKE(name), .source_fd = -1
	};
	if (fstat(placed->parent_fd, &placed->parent_before) < 0)
		return error_sys("look at the directory of '%s'", path);
	*ret = placed;
	if (fstatat(placed->parent_fd, placed->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? NULL : error_sys("look at '%s'", path);
	AUTO_FREE char *aside = xasprintf("%u", scene->aside_count++);
	if (renameat(placed->parent_fd, placed->name, scene->aside_fd, aside) < 0)
		return error_hint(error_sys("put '%s' aside", path),
				"without a namespace a mount's place must be on the file system of "
				"the build's root, and no mount point itself");
	placed->aside = TAKE(aside);
	return NULL;
}

static FALLIBLE place_end(struct placed *placed)
{
	if (fstat(placed->parent_fd, &placed->parent_after) < 0)
		return error_sys("look at the directory of '%s'", placed->name);
	return NULL;
}

static FALLIBLE place_directory(struct bare_scene *scene, const char *path, mode_t mode,
		uint64_t owner, int *ret_fd)
{
	struct placed *placed = NULL;
	AUTO_FD int fd = -1;

	TRY(place_begin(scene, path, &placed));
	if (mkdirat(placed->parent_fd, placed->name, mode & 0777) < 0)
		return error_sys("make '%s'", path);
	TRY(file_open(placed->parent_fd, placed->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
			&fd));
	if (owner && fchown(fd, (uid_t)(owner >> 32), (gid_t)(uint32_t)owner) < 0 && errno != EPERM)
		return error_sys("set the owner of '%s'", path);
	if (fchmod(fd, mode) < 0)
		return error_sys("set the mode of '%s'", path);
	*ret_fd = TAKE_FD(fd);
	return place_end(placed);
}

static FALLIBLE put_file(struct bare_scene *scene, const struct plan_op *op)
{
	const char *path = text_of(scene, op->text);
	struct placed *placed = NULL;
	AUTO_FD int fd = -1;

	TRY(place_begin(scene, path, &placed));
	TRY(file_open(placed->parent_fd, placed->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
			0600, &fd));
	TRY(fd_write_all(fd, text_of(scene, op->more), op->more.n));
	if (op->number && fchown(fd, (uid_t)(op->number >> 32), (gid_t)(uint32_t)op->number) < 0 &&
			errno != EPERM)
		return error_sys("set the owner of '%s'", path);
	if (fchmod(fd, op->mode) < 0)
		return error_sys("set the mode of '%s'", path);
	return place_end(placed);
}

/* The source of a bind: an O_PATH fd of it, and for moving it the directory that it is in. */
struct source {
	int fd, parent_fd;
	char *name;
	struct stat st;
};

static void source_done(struct source *source)
{
	if (source->fd >= 0)
		(void)close(source->fd);
	if (source->parent_fd >= 0)
		(void)close(source->parent_fd);
	free(source->name);
}

DEFINE_AUTO_VALUE(source)

static FALLIBLE find_source(
		const struct bare_scene *scene, const struct plan_op *op, struct source *ret)
{
	int fd = scene->fds[op->fd];
	char path[LIMIT_PATH_BYTES + 1];

	TRY_WRAP(rootfs_open(fd, op->more.n ? text_of(scene, op->more) : ".", O_PATH, 0, &ret->fd),
			"bind '%s'", text_of(scene, op->more));
	if (fstat(ret->fd, &ret->st) < 0)
		return error_sys("look at what to bind");
	AUTO_FREE char *self = xasprintf("/proc/self/fd/%d", ret->fd);
	ssize_t n = readlink(self, path, sizeof(path) - 1);
	if (n < 0)
		return error_sys("find what to bind");
	path[n] = '\0';
	AUTO_FREE char *parent = str_dup(path_parent(path));
	TRY(file_open(AT_FDCWD, *parent ? parent : "/", O_RDONLY | O_DIRECTORY, 0,
			&ret->parent_fd));
	ret->name = xstrdup(path_name(path));
	return NULL;
}

/* Move it in. False: not on this file system. */
static FALLIBLE lend(struct placed *placed, struct source *source, bool *ret)
{
	*ret = renameat(source->parent_fd, source->name, placed->parent_fd, placed->name) == 0;
	if (!*ret)
		return errno == EXDEV ? NULL : error_sys("lend '%s'", source->name);
	placed->source_fd = TAKE_FD(source->parent_fd);
	placed->source_name = TAKE(source->name);
	return NULL;
}

/* The target that has it already: two mounts of one step may show the same directory. */
static const char *lent_to(const struct bare_scene *scene, const struct stat *st)
{
	for (size_t i = 0; i < scene->placed.n; i++) {
		const struct placed *placed = &scene->placed.p[i];

		if (placed->source_name && placed->source.st_dev == st->st_dev &&
				placed->source.st_ino == st->st_ino)
			return placed->target;
	}
	return NULL;
}

static FALLIBLE put_bind(struct bare_scene *scene, const struct plan_op *op)
{
	AUTO(source) struct source source = { -1, -1, NULL, { 0 } };
	const char *path = text_of(scene, op->text);
	struct placed *placed = NULL;
	bool is_lent = false;

	TRY(find_source(scene, op, &source));
	const char *other = lent_to(scene, &source.st);
	TRY(place_begin(scene, path, &placed));
	if (other) {
		if (symlinkat(other, placed->parent_fd, placed->name) < 0)
			return error_sys("show '%s' at '%s'", other, path);
		return place_end(placed);
	}
	if (S_ISSOCK(source.st.st_mode)) {
		/* Another name of it: who connects finds the same listener. */
		if (linkat(source.parent_fd, source.name, placed->parent_fd, placed->name, 0) < 0)
			return error_sys("put the socket at '%s'", path);
		return place_end(placed);
	}
	if (!(op->flags & PLAN_READ_ONLY))
		TRY_WRAP(lend(placed, &source, &is_lent), "mount on '%s'", path);
	placed->source = source.st;
	placed->target = path;
	if (!is_lent && !(op->flags & PLAN_READ_ONLY))
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "'%s' cannot be lent to a step: it is on another "
						  "file system",
						  path),
				"put the store (--root) on the file system that builds run on");
	if (!is_lent)
		TRY_WRAP(copy_tree(source.fd, "", placed->parent_fd, placed->name), "mount on '%s'",
				path);
	return place_end(placed);
}

/* --- the plan --- */

static FALLIBLE set_root(struct bare_scene *scene, const struct plan_op *op)
{
	int fd = scene->fds[op->fd];
	char path[LIMIT_PATH_BYTES + 1];

	if (scene->mode == USERNS_INPLACE)
		TRY(file_open(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0, &scene->root_fd));
	else
		TRY(file_open(fd, op->text.n ? text_of(scene, op->text) : ".",
				O_RDONLY | O_DIRECTORY, 0, &scene->root_fd));
	scene->targets.root_fd = scene->root_fd;
	AUTO_FREE char *self = xasprintf("/proc/self/fd/%d", scene->root_fd);
	ssize_t n = readlink(self, path, sizeof(path) - 1);
	if (n < 0)
		return error_sys("find the step's root");
	scene->root_path = xstrndup(path, (size_t)n);
	if (mkdirat(fd, ASIDE, 0700) < 0 && errno != EEXIST)
		return error_sys("make a directory beside the step's root");
	return file_open(fd, ASIDE, O_RDONLY | O_DIRECTORY, 0, &scene->aside_fd);
}

static FALLIBLE put_system(struct bare_scene *scene, enum plan_kind kind)
{
	AUTO_FD int fd = -1;

	if (scene->mode != USERNS_CHROOT)
		return NULL;
	if (kind == PLAN_SYS)
		return place_directory(scene, "/sys", 0555, 0, &fd);
	if (kind == PLAN_DEV) {
		TRY(place_directory(scene, "/dev", 0755, 0, &fd));
		return bare_fill_dev(scene, fd);
	}
	TRY(place_directory(scene, "/proc", 0555, 0, &fd));
	return bare_fill_proc(scene, fd);
}

/* In place the container's own ones serve; they are mounts there. */
static bool is_containers_own(const struct bare_scene *scene, const char *path)
{
	return scene->mode == USERNS_INPLACE &&
	       (strcmp(path, "/etc/resolv.conf") == 0 || strcmp(path, "/etc/hosts") == 0 ||
			       strcmp(path, "/etc/hostname") == 0);
}

static FALLIBLE carry_out(struct bare_scene *scene, const struct plan_op *op)
{
	AUTO_FD int fd = -1;

	if (scene->root_fd < 0 && op->kind > PLAN_ROOT && op->kind != PLAN_NETWORK)
		return error_new(ERR_INVALID, "a plan that mounts before it has a root");
	switch (op->kind) {
	case PLAN_HOSTNAME:
		return NULL; /* the container's stays; /etc/hostname says the step's */
	case PLAN_ROOT:
		return set_root(scene, op);
	case PLAN_NETWORK:
		if (op->flags & PLAN_HOST_NET)
			return NULL;
		return error_hint(
				error_new(ERR_UNSUPPORTED,
						"a step without the host's network takes a network "
						"namespace"),
				"--network=host, or build where user namespaces are allowed: "
				"'kiln doctor' tells why they are not");
	case PLAN_UNMASK:
		return NULL; /* whatever the container hides is hidden */
	case PLAN_MASK:
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "'%s' cannot be masked with this isolation: "
						  "nothing can be mounted",
						  text_of(scene, op->text)),
				"'kiln doctor' says what is missing for a better one");
	case PLAN_PROC:
	case PLAN_SYS:
	case PLAN_DEV:
		return put_system(scene, (enum plan_kind)op->kind);
	case PLAN_FILE:
		return is_containers_own(scene, text_of(scene, op->text)) ? NULL
									  : put_file(scene, op);
	case PLAN_BIND:
		return put_bind(scene, op);
	case PLAN_TMPFS:
		return place_directory(scene, text_of(scene, op->text), op->mode, op->second, &fd);
	default:
		return error_new(ERR_INVALID, "a plan for an overlay, without a namespace");
	}
}

FALLIBLE bare_scene_set(struct bare_scene *scene, size_t *ret_next)
{
	for (size_t i = 0; i < scene->plan->ops.n; i++) {
		const struct plan_op *op = &scene->plan->ops.p[i];

		if (op->kind == PLAN_ENTER) {
			*ret_next = i + 1;
			return NULL;
		}
		TRY(carry_out(scene, op));
	}
	return error_new(ERR_INVALID, "a plan that never enters its root");
}

/* --- taking away --- */

static FALLIBLE take_away(struct bare_scene *scene, struct placed *placed)
{
	struct stat st;
	bool is_quiet = false;

	if (fstat(placed->parent_fd, &st) < 0)
		return error_sys("look at the directory of '%s'", placed->name);
	is_quiet = is_same_time(st.st_mtim, placed->parent_after.st_mtim);
	if (placed->source_name &&
			renameat(placed->parent_fd, placed->name, placed->source_fd,
					placed->source_name) < 0 &&
			errno != ENOENT)
		return error_sys("give '%s' back", placed->source_name);
	TRY(file_remove_tree(placed->parent_fd, placed->name));
	/* ENOENT: the step removed the directory, and with it all that is in it. */
	if (placed->aside &&
			renameat(scene->aside_fd, placed->aside, placed->parent_fd, placed->name) <
					0 &&
			errno != ENOENT)
		return error_sys("put '%s' back", placed->name);
	restore_times(placed->parent_fd, is_quiet ? &placed->parent_before : &st);
	return NULL;
}

FALLIBLE bare_scene_clear(struct bare_scene *scene)
{
	struct error *error = NULL;

	for (size_t i = scene->placed.n; i > 0; i--)
		error = error_first(error, take_away(scene, &scene->placed.p[i - 1]));
	targets_undo(&scene->targets);
	return error;
}

static void close_one(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

void bare_scene_done(struct bare_scene *scene)
{
	for (size_t i = 0; i < scene->placed.n; i++) {
		const struct placed *placed = &scene->placed.p[i];

		close_one(placed->parent_fd);
		close_one(placed->source_fd);
		free(placed->name);
		free(placed->aside);
		free(placed->source_name);
	}
	vec_done(&scene->placed);
	targets_done(&scene->targets);
	close_one(scene->root_fd);
	close_one(scene->aside_fd);
	for (int i = 0; i < 2; i++) {
		close_one(scene->outputs[i]);
		close_one(scene->holders[i]);
	}
	free(scene->root_path);
}
