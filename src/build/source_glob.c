#include "build/source_glob.h"

#include "base/map.h"
#include "base/xalloc.h"
#include "dockerfile/glob.h"
#include "sys/dir.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct matching {
	int root_fd;
	struct cancel *cancel;
	struct map *seen; /* folder and rest of the pattern; NULL: "**" is two stars */
	struct list *out;
};

/* Each folder is asked for each rest of the pattern once, however many "**" lead there. */
static bool is_seen(struct matching *matching, const char *base, const char *pattern)
{
	AUTO_FREE char *key = xasprintf("%zu %s", strlen(pattern), base);

	if (map_has(matching->seen, key))
		return true;
	map_set(matching->seen, key, matching);
	return false;
}

/* The names in a folder that go on: those that match, or for "**" all folders. */
static FALLIBLE names_of(struct matching *matching, const char *base, const char *component,
		struct list *ret)
{
	AUTO(list) struct list names = { 0 };
	AUTO_FD int fd = -1;
	struct stat st;
	struct error *error = rootfs_open(
			matching->root_fd, base[0] ? base : "/", O_RDONLY | O_DIRECTORY, 0, &fd);

	if (error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR)) {
		error_free(error);
		return NULL;
	}
	if (error)
		return error;
	TRY_WRAP(dir_names(fd, ".", &names), "read the directory '%s'", base);
	for (size_t i = 0; i < names.n; i++)
		if (component ? glob_match(component, names.p[i])
			      : fstatat(fd, names.p[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
								S_ISDIR(st.st_mode))
			list_add(ret, names.p[i]);
	return NULL;
}

static FALLIBLE match_below(struct matching *matching, const char *base, const char *pattern)
{
	AUTO(list) struct list names = { 0 };
	struct str head, tail;
	bool more = str_cut(str_of(pattern), '/', &head, &tail);
	AUTO_FREE char *component = str_dup(head);
	bool is_deep = matching->seen && more && strcmp(component, "**") == 0;

	TRY(cancel_check(matching->cancel));
	if (matching->seen && is_seen(matching, base, pattern))
		return NULL;
	if (is_deep)
		TRY(match_below(matching, base, tail.p));
	TRY(names_of(matching, base, is_deep ? NULL : component, &names));
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = base[0] ? xasprintf("%s/%s", base, names.p[i])
					       : xstrdup(names.p[i]);

		if (more)
			TRY(match_below(matching, path, is_deep ? pattern : tail.p));
		else
			list_add(matching->out, path);
	}
	return NULL;
}

FALLIBLE source_glob(int root_fd, const char *pattern, bool is_deep, struct cancel *cancel,
		struct list *ret)
{
	AUTO_FREE char *base = xstrndup(pattern, glob_fixed_prefix(pattern));
	AUTO_FREE char *clean = path_clean(str_of(base));
	bool has_deep = is_deep && strstr(pattern + strlen(base), "**/");
	AUTO(map) struct map *seen = has_deep ? map_new(NULL) : NULL;
	struct matching matching = { root_fd, cancel, seen, ret };

	TRY(glob_check(pattern));
	TRY(match_below(&matching, clean, pattern + strlen(base)));
	if (has_deep)
		list_sort(ret);
	return NULL;
}
