#include "sys/library.h"

#include <dlfcn.h>
#include <string.h>

FALLIBLE library_load(const char *file, const char *const *names, size_t n, void *calls)
{
	void *library = dlopen(file, RTLD_LAZY | RTLD_LOCAL);

	if (!library)
		return error_new(ERR_NOT_FOUND, "no library '%s'", file);
	for (size_t i = 0; i < n; i++) {
		void *symbol = dlsym(library, names[i]);

		if (!symbol)
			return error_new(
					ERR_NOT_FOUND, "'%s' has no function '%s'", file, names[i]);
		/* ISO C has no assignment of a function pointer from dlsym's void pointer. */
		memcpy((char *)calls + i * sizeof(symbol), &symbol, sizeof(symbol));
	}
	return NULL;
}

FALLIBLE library_load_once(struct library_once *library)
{
	struct error *error = NULL;

	(void)pthread_mutex_lock(&library->lock);
	if (!library->is_loaded)
		error = library_load(library->file, library->names, library->n, library->calls);
	library->is_loaded = library->is_loaded || !error;
	(void)pthread_mutex_unlock(&library->lock);
	if (!error)
		return NULL;
	return error_hint(error_wrap(error, "load %s", library->what),
			"install it, for example with apt-get install %s", library->package);
}
