#include "registry/conf_files.h"

#include "base/limits.h"
#include "sys/dir.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct error *add_file(void *user, const struct conf_file *file);

static FALLIBLE read_it(const char *path, bool is_drop_in, add_file *add, void *user)
{
	AUTO_FREE char *text = NULL, *what = xasprintf("'%s'", path);
	size_t n = 0;

	TRY(file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, &text, &n));
	const struct conf_file file = { { text, n }, what, is_drop_in };
	return add(user, &file);
}

FALLIBLE conf_file_read(const char *path, add_file *add, void *user)
{
	return read_it(path, false, add, user);
}

static bool is_away(int code)
{
	return code == ENOENT || code == ENOTDIR;
}

static FALLIBLE read_if_there(const char *path, bool is_drop_in, add_file *add, void *user)
{
	/* Errors of add are not about the file being away. */
	if (access(path, F_OK) != 0 && is_away(errno))
		return NULL;
	return read_it(path, is_drop_in, add, user);
}

static FALLIBLE read_directory(const char *path, add_file *add, void *user)
{
	AUTO(list) struct list files = { 0 };

	TRY(dir_files(path, ".conf", &files));
	for (size_t i = 0; i < files.n; i++)
		TRY(read_if_there(files.p[i], true, add, user));
	return NULL;
}

FALLIBLE conf_files_read(const struct list *paths, add_file *add, void *user)
{
	for (size_t i = 0; i < paths->n; i++) {
		struct stat status;
		bool is_directory = stat(paths->p[i], &status) == 0 && S_ISDIR(status.st_mode);

		TRY(is_directory ? read_directory(paths->p[i], add, user)
				 : read_if_there(paths->p[i], false, add, user));
	}
	return NULL;
}
