#include "sys/path.h"
#include "base/auto.h"
#include "base/xalloc.h"

#include <string.h>

/* Append the components of path to the cleaned text in out (of *n bytes); true if ".." climbed. */
static bool clean_into(char *out, size_t *n, struct str path)
{
	bool climbs = false;

	while (path.n) {
		struct str part;

		(void)str_cut(path, '/', &part, &path);
		if (part.n == 0 || str_is(part, "."))
			continue;
		if (str_is(part, "..")) {
			struct str before = { out, *n };
			size_t slash = str_find_last(before, '/');

			climbs |= *n == 0;
			*n = slash < *n ? slash : 0;
			continue;
		}
		if (*n)
			out[(*n)++] = '/';
		memmove(out + *n, part.p, part.n);
		*n += part.n;
	}
	out[*n] = '\0';
	return climbs;
}

char *path_clean(struct str path)
{
	char *out = xmalloc(path.n + 1);
	size_t n = 0;

	(void)clean_into(out, &n, path);
	return out;
}

bool path_climbs(struct str path)
{
	AUTO_FREE char *out = xmalloc(path.n + 1);
	size_t n = 0;

	return clean_into(out, &n, path);
}

char *path_join(const char *base, const char *path)
{
	char *out = xmalloc(strlen(base) + strlen(path) + 2);
	size_t n = 0;

	if (path[0] != '/')
		(void)clean_into(out, &n, str_of(base));
	(void)clean_into(out, &n, str_of(path));
	return out;
}

const char *path_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

struct str path_parent(const char *path)
{
	const char *slash = strrchr(path, '/');

	return (struct str){ path, slash ? (size_t)(slash - path) : 0 };
}

bool path_is_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (n == 0)
		return true;
	return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

int path_compare(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	/* "/" sorts before every byte of a name, the end before "/". */
	int x = *a == '/' ? 1 : *a ? (unsigned char)*a + 1 : 0;
	int y = *b == '/' ? 1 : *b ? (unsigned char)*b + 1 : 0;
	return x - y;
}
