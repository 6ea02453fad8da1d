#include "layer/lower.h"
#include "base/vec.h"
#include "layer/whiteout.h"

#include <fcntl.h>

FALLIBLE lower_root(const struct lowers *lowers, struct lower_dir *ret)
{
	AUTO(lower_dir) struct lower_dir dir = { 0 };

	for (size_t i = 0; i < lowers->n; i++) {
		int fd = fcntl(lowers->fds[i], F_DUPFD_CLOEXEC, 3);

		if (fd < 0)
			return error_sys("look into the layers below");
		vec_push(&dir, fd);
	}
	*ret = dir;
	dir = (struct lower_dir){ 0 };
	return NULL;
}

/* What one layer says of the name. */
enum answer { NOTHING, GONE, FILE_HERE, DIR_HERE };

static FALLIBLE ask(int dir_fd, const char *name, struct stat *st, enum answer *ret)
{
	bool is_whiteout = false;

	if (fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return error_sys("look at '%s' in a layer below", name);
		*ret = NOTHING;
		return NULL;
	}
	TRY(whiteout_is(dir_fd, name, st, &is_whiteout));
	if (is_whiteout)
		*ret = GONE;
	else
		*ret = S_ISDIR(st->st_mode) ? DIR_HERE : FILE_HERE;
	return NULL;
}

FALLIBLE lower_find(const struct lower_dir *dir, const char *name, struct lower_file *ret)
{
	*ret = (struct lower_file){ .dir_fd = -1 };
	for (size_t i = 0; i < dir->n; i++) {
		enum answer answer = NOTHING;

		TRY(ask(dir->p[i], name, &ret->st, &answer));
		if (answer == NOTHING)
			continue;
		ret->is_there = answer != GONE;
		ret->dir_fd = dir->p[i];
		return NULL;
	}
	return NULL;
}

FALLIBLE lower_enter(const struct lower_dir *dir, const char *name, struct lower_dir *ret)
{
	AUTO(lower_dir) struct lower_dir child = { 0 };

	for (size_t i = 0; i < dir->n; i++) {
		enum answer answer = NOTHING;
		bool is_opaque = false;
		struct stat st;

		TRY(ask(dir->p[i], name, &st, &answer));
		if (answer == NOTHING)
			continue;
		if (answer != DIR_HERE)
			break;
		int fd = openat(dir->p[i], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return error_sys("open '%s' in a layer below", name);
		vec_push(&child, fd);
		TRY(whiteout_is_opaque(fd, &is_opaque));
		if (is_opaque)
			break;
	}
	*ret = child;
	child = (struct lower_dir){ 0 };
	return NULL;
}

void lower_dir_done(struct lower_dir *dir)
{
	for (size_t i = 0; i < dir->n; i++)
		(void)close(dir->p[i]);
	free(dir->p);
	*dir = (struct lower_dir){ 0 };
}
