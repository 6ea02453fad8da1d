/*
 * What a working container changed, as 'diff' of Docker and Podman tells it: the entries that a
 * layer of the changes would have, each compared with what the image has at that path.
 */
#include "build/working.h"
#include "build/working_inner.h"
#include "layer/diff.h"
#include "layer/squash.h"
#include "sys/dir.h"
#include "sys/fd.h"
#include "sys/rootfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct diff_sink {
	struct entry_sink base;
	int before_fd; /* the image's files */
	int now_fd;    /* and the container's */
	struct working_change_to to;
};

static FALLIBLE has(int root_fd, const char *path, bool *ret)
{
	struct stat st;
	struct error *error = rootfs_lstat(root_fd, path, &st);

	*ret = !error;
	if (!error_is_errno(error, ENOENT) && !error_is_errno(error, ENOTDIR))
		return error;
	error_free(error);
	return NULL;
}

static FALLIBLE diff_add(struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct diff_sink *self = (struct diff_sink *)sink;
	bool was = true;

	(void)content;
	if (entry->path[0])
		TRY(has(self->before_fd, entry->path, &was));
	self->to.tell(self->to.user, was ? 'C' : 'A', entry->path);
	return NULL;
}

static FALLIBLE diff_whiteout(struct entry_sink *sink, const char *path)
{
	struct diff_sink *self = (struct diff_sink *)sink;
	bool was = false;

	TRY(has(self->before_fd, path, &was));
	if (was)
		self->to.tell(self->to.user, 'D', path);
	return NULL;
}

/* A directory that was made anew: what it had and has not. */
static FALLIBLE diff_opaque(struct entry_sink *sink, const char *path)
{
	struct diff_sink *self = (struct diff_sink *)sink;
	AUTO(dir) struct dir dir = { 0 };
	const struct dirent *entry = NULL;
	int fd = -1;
	struct error *error =
			rootfs_open_nofollow(self->before_fd, path, O_RDONLY | O_DIRECTORY, 0, &fd);

	if (error) {
		error_ignore(error, "it was no directory: nothing is missing in it");
		return NULL;
	}
	TRY(dir_take(fd, path, &dir));
	for (;;) {
		bool is = true;

		TRY(dir_next(&dir, &entry));
		if (!entry)
			return NULL;
		AUTO_FREE char *below = xasprintf("%s/%s", path, entry->d_name);
		TRY(has(self->now_fd, below, &is));
		if (!is)
			self->to.tell(self->to.user, 'D', below);
	}
}

static FALLIBLE diff_close(struct entry_sink *sink)
{
	(void)sink;
	return NULL;
}

static void diff_free(struct entry_sink *sink)
{
	(void)sink;
}

static const struct entry_sink_ops diff_ops = { diff_add, diff_whiteout, diff_opaque, diff_close,
	diff_free };

/* fds: the upper, then sealed layers from the top, then (without sealed ones) the image's. */
static FALLIBLE open_fds(struct working *working, int *fds, size_t *ret_n)
{
	size_t sealed = working->container->layers.n, n = working->stack.n;
	size_t from = sealed ? n - sealed : 0;

	for (size_t i = n; i-- > from;)
		TRY(file_open(store_dir_fd(working->with.store), working->stack.p[i]->dir,
				O_RDONLY | O_DIRECTORY, 0, &fds[(*ret_n)++]));
	return NULL;
}

static FALLIBLE send(struct working *working, int *fds, size_t n, struct entry_sink *sink)
{
	const struct owner_policy *policy = &working->with.userns->owner;
	size_t sealed = working->container->layers.n;
	struct stack below = { working->stack.p, working->stack.n - sealed, 0 };

	if (!sealed) {
		struct diff_counts counts = { 0 };
		struct diff_options diff = { .policy = *policy,
			.lowers = { fds + 1, n - 1 },
			.cancel = working->with.cancel };

		return diff_upper(fds[0], &diff, sink, &counts);
	}
	struct squash_options squash = {
		.policy = *policy, .uppers = { fds, n }, .cancel = working->with.cancel
	};
	uint64_t entries = 0;

	TRY(stack_root_owner(&working->build.layers, &below, &squash.below_root));
	return squash_uppers(&squash, sink, &entries);
}

FALLIBLE working_diff(struct working *working, const struct working_change_to *to)
{
	size_t sealed = working->container->layers.n, n = 1;
	struct stack below = { working->stack.p, working->stack.n - sealed, 0 };
	AUTO_FREE int *fds = xcalloc(working->stack.n + 1, sizeof(*fds));
	AUTO_FD int before_fd = -1, now_fd = -1;

	TRY(working_prepare(working));
	TRY(stack_view(&working->build.layers, &below, &before_fd));
	TRY(working_view(working, &now_fd));
	struct diff_sink sink = { { &diff_ops, false }, before_fd, now_fd, *to };

	fds[0] = working->upper_fd;
	struct error *error = open_fds(working, fds, &n);
	if (!error)
		error = send(working, fds, n, &sink.base);
	for (size_t i = 1; i < n; i++)
		(void)close(fds[i]);
	return error;
}
