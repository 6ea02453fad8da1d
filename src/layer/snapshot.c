/*
 * One pass on several threads: a stack of directories that wait, and workers that take one, list
 * it, look at each name, and put its directories onto the stack. Each directory's nodes belong to
 * the worker that made them until all are done, so only the stack is locked.
 */
#include "layer/snapshot.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "layer/snapshot_tree.h"
#include "stream/group.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/rootfs.h"
#include "sys/xattrs.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>

enum { BUF_BYTES = 64 * 1024, WORKERS = 8, SETTLE_TRIES = 100 };

struct waiting {
	struct snap_node *node;
	char *path;
};

struct taking {
	const struct snapshot_options *options;
	int root_fd;
	uint64_t dev;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	VEC(struct waiting) stack; /* guarded by lock */
	size_t busy;               /* guarded by lock: workers with a directory */
	bool is_over;              /* guarded by lock: after an error */
	uint64_t files;            /* guarded by lock */
	int64_t latest_ns;         /* guarded by lock */
};

/* One worker's memory. */
struct worker {
	struct taking *taking;
	char *buf;
	VEC(struct snap_node) nodes;
	struct strbuf names;
	uint64_t files;
	int64_t latest_ns;
};

static int64_t nanoseconds(struct statx_timestamp at)
{
	return clock_file_ns(at.tv_sec, at.tv_nsec);
}

static FALLIBLE look(int dir_fd, const char *name, struct snap_node *node)
{
	struct statx st;

	if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT,
			    STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
		return error_sys("look at '%s'", name);
	node->dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	node->ino = st.stx_ino;
	node->size = S_ISDIR(st.stx_mode) ? 0 : st.stx_size;
	node->birth_ns = st.stx_mask & STATX_BTIME ? nanoseconds(st.stx_btime) : 0;
	node->change_ns = nanoseconds(st.stx_ctime);
	node->modify_ns = nanoseconds(st.stx_mtime);
	node->mode = st.stx_mode;
	node->uid = st.stx_uid;
	node->gid = st.stx_gid;
	node->links = st.stx_nlink;
	node->major = st.stx_rdev_major;
	node->minor = st.stx_rdev_minor;
	return NULL;
}

/* FNV-1a: only ever compared with what the same directory had before. */
static void hash_bytes(uint64_t *hash, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n; i++)
		*hash = (*hash ^ p[i]) * UINT64_C(0x100000001b3);
}

static FALLIBLE hash_xattrs(int fd, uint64_t *ret)
{
	AUTO(xattrs) struct xattrs xattrs = { 0 };
	struct error *error = xattr_list_fd(fd, &xattrs);

	*ret = UINT64_C(0xcbf29ce484222325);
	if (error_is_errno(error, ENOTSUP)) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	for (size_t i = 0; i < xattrs.n; i++) {
		hash_bytes(ret, xattrs.p[i].name, strlen(xattrs.p[i].name) + 1);
		hash_bytes(ret, xattrs.p[i].value, xattrs.p[i].n);
	}
	return NULL;
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* Names as offsets first: the buffer they lie in grows. */
static FALLIBLE read_names(struct worker *worker, int dir_fd, const char *path)
{
	worker->nodes.n = 0;
	strbuf_clear(&worker->names);
	for (;;) {
		ssize_t n = getdents64(dir_fd, worker->buf, BUF_BYTES);

		if (n < 0)
			return error_sys("list '%s'", path);
		if (n == 0)
			return NULL;
		for (ssize_t i = 0; i < n;) {
			const struct dirent64 *item = (const void *)(worker->buf + i);

			i += item->d_reclen;
			if (is_dots(item->d_name))
				continue;
			struct snap_node *node = vec_add(&worker->nodes);
			node->ino = worker->names.n;
			strbuf_add_bytes(&worker->names, item->d_name, strlen(item->d_name) + 1);
		}
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct snap_node *)a)->name, ((const struct snap_node *)b)->name);
}

/* What read_names() found, as a directory of its own. */
static struct snap_dir *keep_names(struct worker *worker)
{
	struct snap_dir *dir = xcalloc(1, sizeof(*dir));

	dir->n = worker->nodes.n;
	if (!dir->n)
		return dir;
	dir->names = xmalloc(worker->names.n);
	memcpy(dir->names, worker->names.p, worker->names.n);
	dir->p = xcalloc(dir->n, sizeof(*dir->p));
	for (size_t i = 0; i < dir->n; i++)
		dir->p[i].name = dir->names + worker->nodes.p[i].ino;
	qsort(dir->p, dir->n, sizeof(*dir->p), by_name);
	return dir;
}

static bool is_entered(const struct taking *taking, const struct snap_node *node, const char *path)
{
	return S_ISDIR(node->mode) &&
	       !(taking->options->skip && list_has(taking->options->skip, path)) &&
	       !(taking->options->one_device && node->dev != taking->dev);
}

/* Onto the stack, all directories of one at once. */
static void push_dirs(struct worker *worker, struct snap_dir *dir, const char *path)
{
	struct taking *taking = worker->taking;

	pthread_mutex_lock(&taking->lock);
	for (size_t i = 0; i < dir->n; i++) {
		AUTO_FREE char *inner = NULL;

		if (!S_ISDIR(dir->p[i].mode))
			continue;
		inner = path_join(path, dir->p[i].name);
		if (is_entered(taking, &dir->p[i], inner))
			vec_push(&taking->stack, ((struct waiting){ &dir->p[i], TAKE(inner) }));
	}
	pthread_cond_broadcast(&taking->changed);
	pthread_mutex_unlock(&taking->lock);
}

/* A file that its owner may not read, left by a step: before it is looked at. */
static FALLIBLE open_up(const struct taking *taking, int dir_fd, struct snap_node *node)
{
	const struct owner_policy *policy = taking->options->opens_up;
	const uint32_t need = S_ISDIR(node->mode) ? 0700 : 0600;
	bool is_done = false;
	struct stat st;

	if (!policy || !(S_ISREG(node->mode) || S_ISDIR(node->mode)) || (node->mode & need) == need)
		return NULL;
	if (fstatat(dir_fd, node->name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return error_sys("look at '%s'", node->name);
	TRY(owner_open_up(policy, dir_fd, node->name, &st, &is_done));
	return is_done ? look(dir_fd, node->name, node) : NULL;
}

static FALLIBLE take_dir(struct worker *worker, struct snap_node *node, const char *path)
{
	struct taking *taking = worker->taking;
	AUTO_FD int fd = -1;

	TRY(cancel_check(taking->options->cancel));
	if (strlen(path) >= LIMIT_PATH_BYTES)
		return error_new(ERR_LIMIT, "path '%.60s...' is longer than %d bytes", path,
				LIMIT_PATH_BYTES);
	TRY(rootfs_open_nofollow(taking->root_fd, path, O_RDONLY | O_DIRECTORY, 0, &fd));
	fd_read_unnoticed(fd);
	TRY(hash_xattrs(fd, &node->xattrs));
	TRY(read_names(worker, fd, path));
	node->dir = keep_names(worker);
	for (size_t i = 0; i < node->dir->n; i++) {
		struct snap_node *child = &node->dir->p[i];

		TRY(look(fd, child->name, child));
		TRY(open_up(taking, fd, child));
		if (child->change_ns > worker->latest_ns && !S_ISDIR(child->mode))
			worker->latest_ns = child->change_ns;
	}
	worker->files += node->dir->n;
	push_dirs(worker, node->dir, path);
	return NULL;
}

/* The next directory; false: there is and will be none. */
static bool next_dir(struct taking *taking, struct waiting *ret)
{
	bool found = false;

	pthread_mutex_lock(&taking->lock);
	while (!taking->stack.n && taking->busy && !taking->is_over)
		(void)pthread_cond_wait(&taking->changed, &taking->lock);
	if (taking->stack.n && !taking->is_over) {
		*ret = taking->stack.p[--taking->stack.n];
		taking->busy++;
		found = true;
	}
	pthread_mutex_unlock(&taking->lock);
	return found;
}

static void done_dir(struct taking *taking, const struct worker *worker, bool failed)
{
	pthread_mutex_lock(&taking->lock);
	taking->busy--;
	taking->is_over = taking->is_over || failed;
	if (!taking->busy || failed)
		pthread_cond_broadcast(&taking->changed);
	pthread_mutex_unlock(&taking->lock);
}

static struct error *work(void *argument)
{
	struct worker worker = { .taking = argument, .buf = xmalloc(BUF_BYTES) };
	struct error *error = NULL;
	struct waiting next;

	while (!error && next_dir(worker.taking, &next)) {
		error = take_dir(&worker, next.node, next.path);
		free(next.path);
		done_dir(worker.taking, &worker, error != NULL);
	}
	pthread_mutex_lock(&worker.taking->lock);
	worker.taking->files += worker.files;
	if (worker.latest_ns > worker.taking->latest_ns)
		worker.taking->latest_ns = worker.latest_ns;
	pthread_mutex_unlock(&worker.taking->lock);
	free(worker.buf);
	vec_done(&worker.nodes);
	strbuf_done(&worker.names);
	return error;
}

FALLIBLE snapshot_take(int root_fd, const struct snapshot_options *options, struct snapshot **ret)
{
	AUTO(snapshot) struct snapshot *snapshot = xcalloc(1, sizeof(*snapshot));
	AUTO(group) struct group *group = group_new();
	struct taking taking = { .options = options,
		.root_fd = root_fd,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	int workers = get_nprocs() < WORKERS ? get_nprocs() : WORKERS;

	TRY(look(root_fd, "", &snapshot->root));
	snapshot->root.name = "";
	TRY(open_up(&taking, root_fd, &snapshot->root));
	taking.dev = snapshot->root.dev;
	vec_push(&taking.stack, ((struct waiting){ &snapshot->root, xstrdup("") }));
	for (int i = 1; i < workers; i++)
		(void)group_start(group, "snapshot", work, &taking);
	struct error *error = work(&taking);
	error = error_first(error, group_join(group));
	for (size_t i = 0; i < taking.stack.n; i++)
		free(taking.stack.p[i].path);
	vec_done(&taking.stack);
	TRY(error);
	snapshot->files = taking.files;
	snapshot->latest_ns = taking.latest_ns;
	*ret = TAKE(snapshot);
	return NULL;
}

static void dir_free(struct snap_dir *dir)
{
	if (!dir)
		return;
	for (size_t i = 0; i < dir->n; i++)
		dir_free(dir->p[i].dir);
	free(dir->p);
	free(dir->names);
	free(dir);
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	dir_free(snapshot->root.dir);
	free(snapshot);
}

uint64_t snapshot_files(const struct snapshot *snapshot)
{
	return snapshot->files;
}

/*
 * The root's own change time shows the clock: setting the times that it has moves it. A clock that
 * was set back does not catch up with the future soon, and is not waited for.
 */
FALLIBLE snapshot_settle(struct snapshot *snapshot, int root_fd)
{
	const struct timespec tick = { 0, 1000000 };
	AUTO_FD int fd = -1;

	TRY(rootfs_open(root_fd, ".", O_RDONLY | O_DIRECTORY, 0, &fd));
	for (int i = 0; i < SETTLE_TRIES; i++) {
		struct stat st;

		if (fstat(fd, &st) < 0)
			return error_sys("look at the root of a tree");
		const struct timespec same[2] = { { 0, UTIME_OMIT }, st.st_mtim };
		if (futimens(fd, same) < 0 || fstat(fd, &st) < 0)
			return error_sys("read the clock of a file system");
		snapshot->settled_ns = clock_file_ns(st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
		if (snapshot->settled_ns > snapshot->latest_ns)
			return NULL;
		(void)nanosleep(&tick, NULL);
	}
	return NULL;
}
