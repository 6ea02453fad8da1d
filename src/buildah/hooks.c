#include "buildah/hooks.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "sys/dir.h"

#include <fcntl.h>

/* A hook of the folder by its name, or NULL. New; free(). */
static FALLIBLE find_hook(const char *path, char **ret)
{
	AUTO(list) struct list names = { 0 };

	*ret = NULL;
	TRY(dir_names(AT_FDCWD, path, &names));
	for (size_t i = 0; i < names.n && !*ret; i++)
		if (text_ends(names.p[i], ".json"))
			*ret = xasprintf("%s/%s", path, names.p[i]);
	return NULL;
}

FALLIBLE hooks_check(const struct list *dirs, const char *isolation)
{
	if (text_equal(isolation, "chroot"))
		return NULL;
	for (size_t i = 0; i < dirs->n; i++) {
		AUTO_FREE char *hook = NULL;

		TRY_WRAP(find_hook(dirs->p[i], &hook), "option '--hooks-dir'");
		if (hook)
			return error_hint(error_new(ERR_UNSUPPORTED,
							  "the hook '%s' cannot be run: there is "
							  "no OCI runtime to do so",
							  hook),
					"make a step of what it does, or take it out of the "
					"folder");
	}
	return NULL;
}
