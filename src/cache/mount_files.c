#include "cache/mount_files.h"
#include "sys/fd.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

void mount_files_done(struct mount_files *files)
{
	if (files->fd >= 0)
		(void)close(files->fd);
	files->fd = -1;
}

/* The next file with a content; false at the end. It is opened when it is read. */
static bool next_file(struct mount_files *files)
{
	mount_files_done(files);
	files->at = 0;
	while (files->next < files->list->files.n) {
		const struct entry *entry = &files->list->files.p[files->next++];

		if (!mount_file_has_content(entry) || !entry->size)
			continue;
		files->left = entry->size;
		return true;
	}
	return false;
}

static FALLIBLE open_file(struct mount_files *files)
{
	const struct entry *entry = &files->list->files.p[files->next - 1];
	struct stat st;

	TRY(rootfs_open_nofollow(files->tree_fd, entry->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
			&files->fd));
	if (fstat(files->fd, &st) < 0)
		return error_sys("look at '%s'", entry->path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != entry->size)
		return error_new(ERR_INVALID, "'%s' changed while it was read", entry->path);
	return NULL;
}

FALLIBLE mount_files_read(struct mount_files *files, void *buf, size_t n, size_t *ret_n)
{
	*ret_n = 0;
	if (!files->left && !next_file(files))
		return NULL;
	if (files->fd < 0)
		TRY(open_file(files));
	ssize_t got = pread(files->fd, buf, n < files->left ? n : (size_t)files->left,
			(off_t)files->at);
	if (got < 0)
		return error_sys("read '%s'", files->list->files.p[files->next - 1].path);
	if (got == 0)
		return error_new(ERR_INVALID, "'%s' became shorter while it was read",
				files->list->files.p[files->next - 1].path);
	files->at += (uint64_t)got;
	files->left -= (uint64_t)got;
	*ret_n = (size_t)got;
	return NULL;
}

FALLIBLE mount_files_skip(struct mount_files *files, uint64_t n)
{
	while (n) {
		if (!files->left && !next_file(files))
			return error_new(ERR_INVALID, "fewer contents than there were");
		uint64_t some = n < files->left ? n : files->left;

		files->at += some;
		files->left -= some;
		n -= some;
	}
	return NULL;
}
