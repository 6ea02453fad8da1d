/*
 * .dockerignore: the first line is a path, the rest the file. Beyond not crashing: a directory that
 * may be skipped hides everything below it, and matching agrees with trying every parent.
 */
#include "dockerfile/glob.h"
#include "dockerfile/ignore.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* glob_matches_parents() by its definition. */
static bool matches_some_parent(const struct glob *glob, const char *path)
{
	struct glob_path names;

	for (size_t n = strlen(path); n > 0; n--) {
		if (path[n] != '\0' && path[n] != '/')
			continue;
		AUTO_FREE char *parent = xstrndup(path, n);
		glob_path_split(parent, &names);
		if (glob_matches(glob, &names))
			return true;
	}
	return false;
}

static bool is_clean(const char *path)
{
	return *path && path[0] != '/' && !strstr(path, "//") && path[strlen(path) - 1] != '/';
}

static void check_glob(const char *pattern, const char *path)
{
	AUTO(glob) struct glob *glob = NULL;
	struct glob_path names;
	struct error *error = glob_parse(pattern, &glob);

	(void)glob_match(pattern, path);
	(void)glob_is_pattern(pattern);
	require(glob_fixed_prefix(pattern) <= strlen(pattern));
	error_free(error);
	if (!glob || !is_clean(path))
		return;
	glob_path_split(path, &names);
	require(glob_matches_parents(glob, &names) == matches_some_parent(glob, path));
	/* What matches below a directory must have been announced. */
	char *slash = strrchr(path, '/');
	AUTO_FREE char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : NULL;
	if (!dir || matches_some_parent(glob, dir) || !matches_some_parent(glob, path))
		return;
	glob_path_split(dir, &names);
	require(glob_may_match_below(glob, &names));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str text = { (const char *)bytes, size }, line = { 0 }, rest = { 0 };
	AUTO(ignore) struct ignore *ignore = NULL;

	(void)str_cut(text, '\n', &line, &rest);
	AUTO_FREE char *path = str_dup(line);
	if (strlen(path) != line.n || line.n > 4096)
		return 0;
	struct error *error = ignore_parse(rest, "x.dockerignore", &ignore);
	error_free(error);
	bool is_ignored = ignore_matches(ignore, path);
	char *slash = strrchr(path, '/');
	if (is_clean(path) && slash) {
		AUTO_FREE char *dir = xstrndup(path, (size_t)(slash - path));

		if (ignore_matches(ignore, dir) && ignore_may_skip_dir(ignore, dir))
			require(is_ignored);
	}
	for (size_t i = 0; i < ignore_count(ignore); i++)
		check_glob(ignore_pattern(ignore, i), path);
	return 0;
}
